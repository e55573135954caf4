"""`locations`, as an operator uses it: who owns what, giving it to another agency, and to nobody."""

from datetime import UTC, datetime

import psycopg

from tests.cli.command import Ran, run

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def key(database_url: str, agency: str, *options: str) -> Ran:
    """Make an API key."""
    return run("api-keys", "create", "--agency", agency, "--scope", "posts.write", *options, database_url=database_url)


def used_first(database_url: str, location: str, agency: str, status: str = "") -> None:
    """Let an agency have a location by its first use, with a connection in it if `status` is given."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO locations (location, agency, create_time) VALUES (%s, %s, now())", (location, agency)
        )
        if status:
            connection.execute(
                "INSERT INTO connections (location, id, provider, grant_kind, requested_scopes, granted_scopes,"
                " provider_settings, status, capabilities, reason_code, reason_message, last_error_code,"
                " last_error_message, provider_subject, grant_origin, parent_location, parent_connection,"
                " accounts_version, create_time, update_time, version)"
                " VALUES (%s, 'c1', 'tiktok', '', '{}', '{}', '{}', %s, '{}', '', '', '', '', '', '', '', '', 0, now(),"
                " now(), 1)",
                (location, status),
            )


def listed(database_url: str, *options: str) -> list[list[str]]:
    """Return location, agency, claim and connections of what `list` prints."""
    lines = run("locations", "list", *options, database_url=database_url).out.splitlines()[1:]
    return [[*line.split()[:3], line.split()[-1]] for line in lines]


def test_list_shows_who_owns_what_and_why(database_url: str) -> None:
    """Every location with its agency, its claim and its connections; of one agency, or first uses alone."""
    key(database_url, "acme", "--location", "l1")
    used_first(database_url, "l2", "beta", "VALID")

    assert [["l1", "acme", "NAMED", "0"], ["l2", "beta", "FIRST_USE", "1"]] == listed(database_url)
    assert [["l1", "acme", "NAMED", "0"]] == listed(database_url, "--agency", "acme")
    assert [["l2", "beta", "FIRST_USE", "1"]] == listed(database_url, "--first-use")


def test_assign_names_both_agencies(database_url: str) -> None:
    """A free location is assigned; one that has an owner only by naming it, and a wrong name changes nothing."""
    assert 0 == run("locations", "assign", "l1", "--to", "beta", database_url=database_url).code
    for options in (("--to", "acme"), ("--from", "other", "--to", "acme")):
        refused = run("locations", "assign", "l1", *options, database_url=database_url)
        assert (1, True) == (refused.code, "belongs to the agency 'beta'" in refused.err)
    assert [["l1", "beta", "ASSIGNED", "0"]] == listed(database_url)

    done = run("locations", "assign", "l1", "--from", "beta", "--to", "acme", database_url=database_url)

    assert (0, [["l1", "acme", "ASSIGNED", "0"]]) == (done.code, listed(database_url))
    assert "location.moved" in done.out + done.err


def test_release_refuses_while_something_is_connected(database_url: str) -> None:
    """A live connection keeps its location until that is said plainly; then both are gone, said and logged."""
    used_first(database_url, "l1", "beta", "VALID")
    refused = run("locations", "release", "l1", "--agency", "beta", database_url=database_url)
    wrong = run("locations", "release", "l1", "--agency", "acme", "--discard-connections", database_url=database_url)
    assert (1, 1, [["l1", "beta", "FIRST_USE", "1"]]) == (refused.code, wrong.code, listed(database_url))
    assert "connections with a grant are in it" in refused.err

    done = run("locations", "release", "l1", "--agency", "beta", "--discard-connections", database_url=database_url)

    assert (0, []) == (done.code, listed(database_url))
    assert "Deleted: 1 connections." in done.err
    assert "location.released" in done.out + done.err
    assert 0 == run("locations", "assign", "l1", "--to", "acme", database_url=database_url).code


def test_a_key_takes_what_was_only_used_and_says_so(database_url: str) -> None:
    """Naming a location that another agency only used first takes it; one that it has by more is refused."""
    used_first(database_url, "l1", "beta")
    key(database_url, "beta", "--location", "l2")

    taken = key(database_url, "acme", "--location", "l1")
    refused = key(database_url, "acme", "--location", "l2")

    assert (0, True) == (taken.code, "was another agency's by first use alone" in taken.err)
    assert (1, True) == (refused.code, "social-gateway locations assign" in refused.err)
    assert [["l1", "acme", "NAMED", "0"], ["l2", "beta", "NAMED", "0"]] == listed(database_url)


def test_a_key_that_could_claim_says_what_it_lacks(database_url: str) -> None:
    """A key for all locations that may create what claims one, but not claim, says so, and does so for no other key."""
    uploads = ("--scope", "uploads.write")
    made = {
        "lacks": key(database_url, "acme", "--all-locations", *uploads),
        "claims": key(database_url, "acme", "--all-locations", *uploads, "--scope", "locations.claim"),
        "named": key(database_url, "acme", "--location", "l1", *uploads),
        "posts": key(database_url, "acme", "--all-locations"),
    }

    said = {name for name, ran in made.items() if "it needs the scope locations.claim too" in ran.err}
    assert ({"lacks"}, {0}) == (said, {ran.code for ran in made.values()})


def test_a_key_claims_only_if_it_is_asked_for(database_url: str) -> None:
    """A new key for all locations has the scopes that were named, and no other."""
    key(database_url, "acme", "--all-locations")
    asked = key(database_url, "beta", "--all-locations", "--scope", "locations.claim")

    lines = run("api-keys", "list", database_url=database_url).out.splitlines()[1:]

    assert 0 == asked.code
    assert {"acme": False, "beta": True} == {line.split()[1]: "locations.claim" in line for line in lines}
