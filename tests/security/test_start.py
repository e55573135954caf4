"""A start that fails says why, and none of the secrets it was given.

Owns the proof over the configuration's secrets. What a running gateway lets out is `test_canaries.py`.
"""

import base64
import io
import traceback
from pathlib import Path
from typing import Any

import pytest

from gateway.app import start
from gateway.settings import SettingsError, load
from tests.fixtures.settings import make_settings
from tests.security.canaries import Canaries

PASSWORD = "canary-password-of-the-database"
NOWHERE = f"postgresql://owner:{PASSWORD}@127.0.0.1:1/nothing"
RAW_KEY = b"canary-key-of-thirty-two-bytes-!"
ENCODED = base64.b64encode(RAW_KEY).decode()
SHORT_KEY = "canary-bootstrap-short"

BAD: dict[str, dict[str, Any]] = {
    "a database that is away": {"database_url": NOWHERE},
    "a database URL that is none": {"database_url": f"canary://{PASSWORD}"},
    "a database URL with a bad port": {"database_url": f"postgresql://owner:{PASSWORD}@127.0.0.1:port/x"},
    "a ring without an id": {"encryption_keys": ENCODED},
    "a ring with a short key": {"encryption_keys": f"k1:{ENCODED[:-4]}"},
    "a ring with a broken key": {"encryption_keys": f"k1:{ENCODED}!"},
    "a ring with one id twice": {"encryption_keys": f"k1:{ENCODED},k1:{ENCODED}"},
    "a short bootstrap key": {"bootstrap_api_key": SHORT_KEY},
}


def secrets() -> Canaries:
    """Return every secret of this file."""
    found = Canaries()
    found.add("password", PASSWORD)
    found.add("key", RAW_KEY)
    found.add("text of a key", ENCODED[:-4])
    found.add("API key", SHORT_KEY)
    return found


@pytest.mark.parametrize("case", BAD)
async def test_a_failed_start_tells_no_secret(
    case: str, written: io.StringIO, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither the error, nor its causes, nor the log contain the secret that was wrong."""
    values = {"encryption_keys": f"k1:{ENCODED}", **BAD[case]}

    with pytest.raises(Exception) as caught:
        await start(make_settings(values.pop("database_url", NOWHERE), tmp_path, **values))

    shown = "".join(traceback.format_exception(caught.value))
    assert shown
    assert [] == secrets().found_in(shown, repr(caught.value), written.getvalue(), *capfd.readouterr())


@pytest.mark.parametrize("case", [case for case in BAD if "bootstrap" in case])
def test_settings_that_are_refused_tell_no_secret(case: str) -> None:
    """What `serve` prints of broken settings names the variable, never the value."""
    with pytest.raises(SettingsError) as caught:
        load(**BAD[case])

    assert "GATEWAY_" in str(caught.value)
    assert [] == secrets().found_in(str(caught.value), repr(caught.value))
