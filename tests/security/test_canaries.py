"""No secret leaves the gateway: a whole journey with a vendor that echoes every secret, and then the search.

Owns the search in all that is answered, logged and stored. What a secret is, `canaries.py` knows.
"""

import asyncio
import base64
import gc
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import grpc
import psycopg
import pytest
from psycopg import sql

from gateway import log
from gateway.domain.publishing import step
from gateway.errors import Violation
from socialgateway.v1 import connection_pb2, post_pb2
from tests.fixtures.settings import KEY
from tests.fixtures.waiting import until
from tests.security import canaries, echoing_vendor
from tests.security.canaries import Canaries
from tests.security.echoing_vendor import Answer, only
from tests.security.journey import DAY, FRESH, Journey
from tests.security.recorded import CLIENT_SECRET, opened

OURS = ("gateway", "providers", "storage")
NOT_OURS = ("providers.simulators",)
FOR_POSTS = ("html", "text 401", "secret code", "envelope invalid_params", "exception")
"""The answers that posts meet, one of each kind: publishing three posts takes long."""
KINDS = {
    "bootstrap key", "client secret", "encryption key", "database password", "signing secret", "data key", "API key",
    "state", "code", "code_verifier", "access_token", "refresh_token", "upload_token",
}  # fmt: skip
"""The kinds of secrets that the journey must have met: fewer would prove less."""


def in_hex(text: str) -> str:
    """Write a text in hexadecimal."""
    return text.encode().hex()


def in_base64(text: str) -> str:
    """Write a text in base64, somewhere inside another one."""
    return base64.b64encode(f"in a longer {text} text".encode()).decode()


def in_json(text: str) -> str:
    """Write a text as JSON does."""
    return json.dumps({"token": text})


FILLED = {
    "accounts", "api_keys", "attempts", "authorizations", "connections", "data_keys", "events", "posts",
    "secrets", "tokens", "uploads",
}  # fmt: skip
"""The tables in which something must be, for the search in them to prove anything."""


def tables(url: str) -> Iterator[tuple[str, str]]:
    """Yield every table of the database by name, with all its rows as text."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, name in names:
            query = sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(schema, name))
            yield name, "\n".join(row[0] for row in connection.execute(query))


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file under a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path), path.read_bytes()


def words_of(responses: Any) -> Iterator[Any]:
    """Yield all that a caller was told by one answer or error, but for the page of its own consent."""
    if isinstance(responses, grpc.aio.AioRpcError):
        yield from (repr(responses), responses.details(), responses.debug_error_string())
        for key, value in (*responses.initial_metadata(), *responses.trailing_metadata()):
            yield from (key, value)
        return
    message = type(responses).FromString(responses.SerializeToString())
    for each in (message, *getattr(message, "connections", ())):
        if "authorization" in each.DESCRIPTOR.fields_by_name:
            each.authorization.ClearField("uri")
    yield from (str(message), message.SerializeToString())


def reprs() -> dict[str, str]:
    """Return the reprs of all objects of the gateway's own classes that live in this process, by class."""
    gc.collect()
    found: dict[str, set[str]] = defaultdict(set)
    for each in gc.get_objects():
        kind = type(each)
        # A class of C may keep anything under this name.
        module = str(getattr(kind, "__module__", ""))
        if module.partition(".")[0] in OURS and not module.startswith(NOT_OURS):
            found[f"{module}.{kind.__qualname__}"].add(repr(each))
    return {kind: "\0".join(shown) for kind, shown in found.items()}


async def call_everything(journey: Journey, answer: Answer, *, posts: bool = True) -> None:
    """Make every kind of vendor call while the vendor answers so, `posts` included; at the end it works again."""
    if posts:
        await _publish(journey, answer)
    with journey.recorded.answering(answer):
        await journey.refused("AccountService/GetAccount", name=journey.account, max_staleness=FRESH)
        await journey.refused(
            "AccountService/GetCreatorInfo", name=f"{journey.account}/creatorInfo", max_staleness=FRESH
        )
        await journey.refused("ConnectionService/VerifyConnection", name=journey.connection)
        journey.recorded.clock.advance(DAY)
        await journey.refused("ConnectionService/VerifyConnection", name=journey.connection)
    await _consent_again(journey, answer)
    with journey.recorded.answering(answer):
        await journey.refused("ConnectionService/DisconnectConnection", name=journey.connection)
    journey.recorded.clock.advance(timedelta(hours=1))
    await journey.complete(await journey.consent((await journey.reauthorize()).authorization.uri))


async def _consent_again(journey: Journey, answer: Answer) -> None:
    """Come back from the consent page, by call and by browser, while the vendor answers so."""
    by_call = await journey.consent((await journey.reauthorize()).authorization.uri)
    with journey.recorded.answering(answer):
        with suppress(grpc.aio.AioRpcError):
            await journey.complete(by_call)
        by_browser = await journey.consent((await journey.reauthorize("")).authorization.uri)
        await journey.visit(by_browser)


async def _publish(journey: Journey, answer: Answer) -> None:
    """Publish posts while the vendor answers so on one path, and read them afterwards."""
    upload = await journey.upload()
    for path in ("/init/", "/upload/", "/status/"):
        made = await journey.post(upload)
        _, location, _, post = made.name.split("/")
        with journey.recorded.answering(only(path, answer)):
            for _ in range(2):
                # What a worker would do, and would log when it fails.
                with suppress(RuntimeError):
                    await step.step(journey.recorded.gateway.domain, location, post)
                journey.recorded.clock.advance(timedelta(seconds=5))
            await journey.refused("PostService/RefreshPost", name=made.name)
        await journey.refused("PostService/GetPost", name=made.name)
        # Posts of one account go out in order: what hangs is cancelled before the next one.
        await journey.refused("PostService/CancelPost", name=made.name)


async def all_secrets(journey: Journey) -> Canaries:
    """Return every secret of the journey so far."""
    found = Canaries()
    found.add("API key", journey.key)
    for state in journey.states:
        found.add("state", state)
    for code in journey.codes:
        found.add("code", code)
    await canaries.harvest(journey.recorded, found)
    return found


def leaks(found: Canaries, journey: Journey, written: io.StringIO, folder: Path) -> dict[str, list[str]]:
    """Return where which secret stands in all that was logged, answered, shown, kept, or would be printed."""
    recorded = journey.recorded
    url = recorded.gateway.settings.database_url
    places: dict[str, list[str]] = {
        "log": found.found_in(written.getvalue()),
        "answers": found.found_in(*(word for each in recorded.responses for word in words_of(each))),
        "pages": found.found_in(*journey.pages),
    }
    for name, shown in reprs().items():
        places[f"repr of {name}"] = found.found_in(shown)
    for name, rows in tables(url.get_secret_value() if url else ""):
        places[f"table {name}"] = found.found_in(rows)
    for name, content in files(folder):
        places[f"file {name}"] = found.found_in(content)
    return {place: names for place, names in places.items() if names}


@pytest.mark.parametrize("form", ["json", "text"])
async def test_no_secret_leaves_in_a_whole_life(
    written: io.StringIO, database_url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """From consent to deletion, nothing that is logged, answered, shown, kept or printed holds a secret."""
    async with opened(database_url, tmp_path, jobs=True) as recorded:
        journey = Journey(recorded, await recorded.key())
        await journey.connect()
        await journey.complete(await journey.consent((await journey.reauthorize()).authorization.uri))
        await journey.look()
        published = await journey.publish()
        assert post_pb2.Post.PUBLISHED == published.state
        recorded.clock.advance(DAY)
        await journey.look()
        assert ["ok"] == [each.outcome for each in recorded.vendor.exchanges if each.grant_type == "refresh_token"]
        await journey.call("ConnectionService/DisconnectConnection", name=journey.connection)
        await journey.call("ConnectionService/DeleteConnection", name=journey.connection)

        found = await all_secrets(journey)

        assert KINDS <= found.kinds
        assert {} == leaks(found, journey, written, tmp_path)
        assert [] == found.found_in(*capfd.readouterr())


@pytest.mark.chaos
async def test_no_secret_leaves_when_the_vendor_quotes_it(
    written: io.StringIO, database_url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A vendor that puts every secret it was sent into its errors, in whatever form, makes none of them known."""
    async with opened(database_url, tmp_path) as recorded:
        journey = Journey(recorded, await recorded.key())
        await journey.connect()
        for name, answer in echoing_vendor.answers().items():
            await call_everything(journey, answer, posts=name in FOR_POSTS)

        found = await all_secrets(journey)

        assert set() == FILLED - {name for name, rows in tables(database_url) if rows}
        assert KINDS <= found.kinds
        assert {} == leaks(found, journey, written, tmp_path)
        assert [] == found.found_in(*capfd.readouterr())


async def test_a_pair_that_waits_on_disk_is_sealed(written: io.StringIO, database_url: str, tmp_path: Path) -> None:
    """While the database holds a new pair up, the file that keeps it alive holds no token in clear."""
    async with opened(database_url, tmp_path) as recorded:
        journey = Journey(recorded, await recorded.key())
        await journey.connect()
        recorded.clock.advance(DAY)
        async with await psycopg.AsyncConnection.connect(database_url) as other:
            await other.execute("SELECT 1 FROM connections FOR UPDATE")
            renewing = asyncio.create_task(journey.call("ConnectionService/VerifyConnection", name=journey.connection))
            await until(lambda: any((tmp_path / "data" / "spills").glob("*.json")))
            found = await all_secrets(journey)
            spilled = dict(files(tmp_path / "data" / "spills"))
            await other.rollback()
        await renewing

        assert 1 == len(spilled)
        assert 2 == sum(name.startswith("refresh_token") for name in found.names.values())
        assert [] == found.found_in(*spilled.values())
        assert {} == leaks(found, journey, written, tmp_path)


async def test_a_secret_that_leaks_is_found(written: io.StringIO, database_url: str, tmp_path: Path) -> None:
    """The search itself works: one secret is put into each place, and each place is named."""
    async with opened(database_url, tmp_path) as recorded:
        journey = Journey(recorded, await recorded.key())
        await journey.connect()
        found = await all_secrets(journey)
        assert {} == leaks(found, journey, written, tmp_path)
        log.get("test").info("note", note=journey.states[0])
        (tmp_path / "left.txt").write_text(KEY)
        journey.pages.append(journey.states[0])
        recorded.responses.append(connection_pb2.Connection(last_error_message=CLIENT_SECRET))
        kept = Violation(CLIENT_SECRET, "")
        with psycopg.connect(database_url) as other:
            other.execute("UPDATE connections SET last_error_message = %s", [CLIENT_SECRET])
            other.execute("UPDATE tokens SET access_sealed = %s", [next(iter(found.names))])

        places = leaks(found, journey, written, tmp_path)

        assert kept.field == CLIENT_SECRET
        expected = {"log", "pages", "answers", "table connections", "table tokens", f"file {tmp_path}/left.txt"}
        assert expected | {"repr of gateway.errors.Violation"} == set(places)


@pytest.mark.parametrize("spell", [str, in_hex, quote, in_base64, in_json])
def test_every_spelling_of_a_secret_is_found(spell: Callable[[str], str]) -> None:
    """A secret is found as it is, in hexadecimal, percent-encoded, inside base64, and escaped in JSON."""
    found = Canaries()
    secret = 'act.canary+*v!/="50d0-and-some-more'
    found.add("token", secret)

    assert ["token #0"] == found.found_in(f"… {spell(secret)} …")
    assert [] == found.found_in(f"… {spell(secret.replace('50d0', '50d1'))} …")
