"""`agencies`, and what else of the Admin API is a command: the same rules, from a shell."""

import psycopg

from tests.cli.command import Ran, run


def agencies(database_url: str, *arguments: str) -> Ran:
    """Run a command about agencies."""
    return run("agencies", *arguments, database_url=database_url)


def listed(database_url: str) -> list[list[str]]:
    """Return the words of each line of `agencies list`."""
    return [line.split() for line in agencies(database_url, "list").out.splitlines()[1:]]


def acts(database_url: str) -> list[tuple[str, str]]:
    """Return which commands are on record for which resource."""
    with psycopg.connect(database_url) as database:
        query = "SELECT method, resource FROM audit_unsealed WHERE actor LIKE 'operator:%' ORDER BY id"
        return database.execute(query).fetchall()


def test_an_agency_is_created_suspended_and_resumed(database_url: str) -> None:
    """Each command says what it did, and refuses what is not there, or is there already."""
    assert 0 == agencies(database_url, "create", "acme", "--name", "Acme Ltd.").code
    assert [["acme", "ACTIVE", "0", "0", "Acme", "Ltd."]] == listed(database_url)
    again, wrong = agencies(database_url, "create", "acme"), agencies(database_url, "create", "No Name")
    absent = agencies(database_url, "suspend", "nobody")
    assert (1, 1, 1) == (again.code, wrong.code, absent.code)
    assert "There is already a resource" in again.err

    assert 0 == agencies(database_url, "suspend", "acme").code
    assert "SUSPENDED" == listed(database_url)[0][1]
    assert 0 == agencies(database_url, "resume", "acme").code
    assert "ACTIVE" == listed(database_url)[0][1]
    done = [(f"cli:agencies {each}", "agencies/acme") for each in ("create", "suspend", "resume")]
    assert done == acts(database_url)


def test_a_deletion_says_first_what_would_go(database_url: str) -> None:
    """Without --yes nothing changes; with it the deletion has begun, and the list shows how far it is."""
    run(
        "api-keys", "create", "--agency", "acme", "--location", "l1", "--scope", "posts.read", database_url=database_url
    )
    refused = agencies(database_url, "delete", "acme")
    assert (1, True) == (refused.code, "locations 1, apiKeys 1" in refused.err)
    assert "ACTIVE" == listed(database_url)[0][1]

    assert 0 == agencies(database_url, "delete", "acme", "--yes").code

    assert "(0 of 1 locations deleted)" in " ".join(listed(database_url)[0])
    assert 0 == agencies(database_url, "delete", "acme", "--yes").code
    assert 1 == agencies(database_url, "resume", "acme").code
    assert [("cli:agencies delete", "agencies/acme")] == acts(database_url)[1:]


def test_a_location_is_deleted_by_its_rules(database_url: str) -> None:
    """It is nobody's at once: it can neither be assigned nor named any more."""
    run("locations", "assign", "l1", "--to", "acme", database_url=database_url)
    asked = run("locations", "delete", "l1", database_url=database_url)
    done = run("locations", "delete", "l1", "--yes", database_url=database_url)
    absent = run("locations", "delete", "l2", "--yes", database_url=database_url)
    moved = run("locations", "assign", "l1", "--from", "acme", "--to", "beta", database_url=database_url)
    assert (1, 0, 1, 1) == (asked.code, done.code, absent.code, moved.code)
    assert "is being deleted" in moved.err
    assert [("cli:locations delete", "locations/l1")] == acts(database_url)[1:]


def test_a_key_is_rotated(database_url: str) -> None:
    """The new secret is alone on standard output; the one before is kept for the overlap."""
    run("api-keys", "create", "--agency", "acme", "--all-locations", "--scope", "posts.read", database_url=database_url)
    with psycopg.connect(database_url, autocommit=True) as database:
        (id,) = database.execute("SELECT id FROM api_keys").fetchone() or ("",)
        rotated = run("api-keys", "rotate", id, "--overlap", "12h", database_url=database_url)
        (former,) = database.execute("SELECT former_digest IS NOT NULL FROM api_keys").fetchone() or (False,)
        at_once = run("api-keys", "rotate", id, "--overlap", "0", database_url=database_url)
        (none,) = database.execute("SELECT former_digest IS NULL FROM api_keys").fetchone() or (False,)
    assert (0, True, 0) == (rotated.code, rotated.out.startswith("sg_"), at_once.code)
    assert (True, True) == (former, none)
    assert [("cli:api-keys rotate", f"apiKeys/{id}")] * 2 == acts(database_url)[1:]
    for wrong in (("k0",), (id, "--overlap", "30d"), (id, "--overlap", "soon")):
        assert 1 == run("api-keys", "rotate", *wrong, database_url=database_url).code
