"""`keys`, `api-keys` and `migrate`, as an operator uses them."""

import base64
import os
from pathlib import Path

import psycopg
import pytest

from gateway.cli.api_keys import span
from gateway.command_error import CommandError
from storage.key_ring import KeyRing
from tests.cli.command import execute, run
from tests.fixtures.settings import RING

SCOPES = ("--scope", "posts.write", "--scope", "uploads.write")


def entry(key_id: str) -> str:
    """Return a fresh key of that id."""
    return f"{key_id}:{base64.b64encode(os.urandom(32)).decode()}"


def test_new_prints_an_entry_that_can_be_used() -> None:
    """What it prints is one whole entry, a different one each time, and nothing else."""
    first, second = run("keys", "new"), run("keys", "new", "--id", "k9")
    assert (0, "k9") == (second.code, KeyRing.parse(second.out.strip()).active)
    assert first.out != run("keys", "new").out
    assert 1 == len(first.out.splitlines())


def test_new_needs_no_settings() -> None:
    """The first command of a new installation works before anything is configured."""
    assert 0 == execute(("keys", "new"), {"PATH": os.environ["PATH"]}).code


def test_new_refuses_an_id_that_could_not_be_read_back() -> None:
    """An id is part of an entry, and may not break it."""
    assert 1 == run("keys", "new", "--id", "a,b").code


def test_migrate_brings_the_schema_and_says_so(empty_database_url: str) -> None:
    """The first run makes the schema, the second finds it there."""
    assert "from nothing to" in run("migrate", database_url=empty_database_url).out
    again = run("migrate", database_url=empty_database_url)
    assert (0, True) == (again.code, "already" in again.out)


def test_a_key_is_shown_once_and_known_afterwards(database_url: str) -> None:
    """`create` prints the key alone on standard output; `list` never shows it."""
    made = run("api-keys", "create", "--agency", "acme", "--location", "l1,l2", *SCOPES, database_url=database_url)
    assert 0 == made.code, made.err
    key = made.out.strip()
    assert key.startswith("sg_")
    listed = run("api-keys", "list", database_url=database_url).out
    assert key not in listed
    assert "acme" in listed
    assert "l1,l2" in listed
    assert "posts.write,uploads.write" in listed


def test_a_key_can_be_taken_back(database_url: str) -> None:
    """A revoked key stays in the list, as such."""
    made = run("api-keys", "create", "--agency", "acme", "--all-locations", *SCOPES, database_url=database_url)
    key_id = next(word for word in made.err.split() if word.startswith("k") and len(word) == 17)
    assert 0 == run("api-keys", "revoke", key_id, database_url=database_url).code
    assert "revoked" in run("api-keys", "list", "--agency", "acme", database_url=database_url).out


def test_an_unknown_key_cannot_be_taken_back(database_url: str) -> None:
    """A mistyped id is said, not swallowed."""
    ran = run("api-keys", "revoke", "k0000000000000000", database_url=database_url)
    assert (1, True) == (ran.code, ran.err.startswith("social-gateway: There is no such resource."))


@pytest.mark.parametrize(
    "arguments",
    [
        ("--agency", "acme", *SCOPES),
        ("--agency", "acme", "--location", "l1", "--all-locations", *SCOPES),
        ("--agency", "acme", "--location", "l1", "--scope", "world.domination"),
        ("--agency", "a/b", "--location", "l1", *SCOPES),
        ("--agency", "acme", "--location", "l1", *SCOPES, "--expires-in", "soon"),
    ],
    ids=["no location", "both", "unknown scope", "bad agency", "bad span"],
)
def test_a_key_that_makes_no_sense_is_refused(arguments: tuple[str, ...], database_url: str) -> None:
    """What a key may do is said in full, and spelt right; else nothing is made."""
    ran = run("api-keys", "create", *arguments, database_url=database_url)
    assert (1, "") == (ran.code, ran.out)
    assert ran.err.startswith("social-gateway: ")
    assert 1 == len(run("api-keys", "list", database_url=database_url).out.splitlines())


def test_spans_are_read_as_people_write_them() -> None:
    """90d, 12h and 52w are what they seem; anything else is refused."""
    assert [90 * 86400, 12 * 3600, 52 * 7 * 86400] == [span(text).total_seconds() for text in ("90d", "12h", "52w")]
    for text in ("", "d", "-1d", "1y", "1.5h", "0d", "99999999999d"):
        with pytest.raises(CommandError):
            span(text)


def test_rotation_leads_from_the_old_key_to_the_new(database_url: str) -> None:
    """With a new key in front everything is wrapped again, and then the old one may go."""
    run("api-keys", "list", database_url=database_url)
    both = f"{entry('k2')},{RING}"
    before = run("keys", "list", database_url=database_url, encryption_keys=both).out
    assert "needed: run `social-gateway keys rotate`" in before
    rotated = run("keys", "rotate", database_url=database_url, encryption_keys=both)
    assert (0, True) == (rotated.code, rotated.out.startswith("1 "))
    after = run("keys", "list", database_url=database_url, encryption_keys=both).out
    assert "not needed: may be taken out" in after
    alone = both.partition(",")[0]
    assert 0 == run("api-keys", "list", database_url=database_url, encryption_keys=alone).code


def test_a_key_taken_out_too_early_is_named(database_url: str) -> None:
    """What still needs a missing key says which one, and how to come back."""
    run("api-keys", "list", database_url=database_url)
    ran = run("api-keys", "list", database_url=database_url, encryption_keys=entry("k2"))
    assert 1 == ran.code
    assert "'k1'" in ran.err
    assert "MISSING" in run("keys", "list", database_url=database_url, encryption_keys=entry("k2")).out


def test_an_old_schema_is_left_to_its_operator(empty_database_url: str, tmp_path: Path) -> None:
    """With GATEWAY_AUTO_MIGRATE=false only `migrate` changes the schema."""
    ran = run("api-keys", "list", database_url=empty_database_url, auto_migrate="false")
    assert (1, True) == (ran.code, "social-gateway migrate" in ran.err)
    with psycopg.connect(empty_database_url) as connection:
        assert (None,) == connection.execute("SELECT to_regclass('api_keys')").fetchone()
