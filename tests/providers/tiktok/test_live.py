"""The live suite without credentials: it is skipped, and it reports its cost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live import costs, test_tiktok

ROOT = Path(__file__).parents[3]
LEFT_OUT = ("TIKTOK_LIVE", "HIGHLEVEL_LIVE", "PYTEST")


@pytest.mark.chaos
def test_without_credentials_everything_is_skipped_with_a_reason() -> None:
    """Without credentials no call is made, and the skip reasons name the missing settings."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(LEFT_OUT)}
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-m", "live", "-p", "no:cacheprovider", "tests/live"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert 0 == done.returncode, done.stdout
    assert "no credentials for TikTok: TIKTOK_LIVE_CLIENT_KEY" in done.stdout
    assert "no credentials for HighLevel: HIGHLEVEL_LIVE_LOCATION" in done.stdout
    assert "passed" not in done.stdout.splitlines()[-1]


def test_every_test_has_a_cost() -> None:
    """Calls of a test that is not in the table would not be announced; every row names an existing test."""
    assert {name for name in vars(test_tiktok) if name.startswith("test_")} == costs.COSTS.keys()
    assert set(costs.TIKTOK.posting) <= set(costs.COSTS)


def test_the_price_is_said_before_it_is_paid() -> None:
    """The cost includes the inits only if posting is allowed."""
    assert 0 == costs.TIKTOK.total(posting=False)["video/init"]
    assert 2 == costs.TIKTOK.total(posting=True)["video/init"]
    assert 1 == costs.TIKTOK.total(posting=True)["private post (SELF_ONLY)"]
