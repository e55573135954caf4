"""The commands of docs/rest.md do what the page says.

Owns the proofs of docs/rest.md.
"""

import asyncio
import os
import re
import shutil
from pathlib import Path

import pytest

from gateway.http.errors import HTTP
from tests.api.contract import ROOT
from tests.fixtures import media
from tests.fixtures.app import base_of
from tests.fixtures.settings import KEY
from tests.http.caller import calling

PAGE = (ROOT / "docs" / "rest.md").read_text()


async def test_the_commands_run(database_url: str, tmp_path: Path) -> None:
    """One after the other, by curl: lists, an upload that is complete in the end, and a stream that begins."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    [commands] = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "clip.mp4"
    file.write_bytes(media.clip())
    async with calling(database_url, tmp_path) as caller:
        caller.http.headers["authorization"] = f"Bearer {KEY}"
        claimed = await caller.http.post("/v1/locations/berlin/uploads", json={"mimeType": "video/mp4"})
        assert 200 == claimed.status_code
        environment = {**os.environ, "KEY": KEY, "GATEWAY": base_of(caller.gateway), "FILE": str(file)}
        running = await asyncio.create_subprocess_exec(
            "bash", "-euo", "pipefail", "-c", commands, env=environment, stdout=-1, stderr=-1
        )
        out, err = await running.communicate()
    assert 0 == running.returncode, err.decode()
    assert '"state":"COMPLETE"' in out.decode()
    assert "data: {" in out.decode()


def test_the_table_is_that_of_the_code() -> None:
    """Each code with the HTTP status that it really has."""
    rows = re.findall(r"^\| ([A-Z_, ]+) \| (\d+) \|$", PAGE, re.MULTILINE)
    printed = {code: int(status) for codes, status in rows for code in codes.split(", ")}
    assert {code: status for code, (status, _) in HTTP.items() if code != "UNKNOWN"} == printed
