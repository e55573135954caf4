"""A headless Chromium: Debian's, driven by Playwright.

Owns finding it, and saying loudly when there is none. Does not know what is walked through.
"""

import os
import shutil
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    # Containers give /dev/shm 64 MB.
    "--disable-dev-shm-usage",
]


def executable() -> str:
    """Give the browser's path; without one the test is skipped, and with CI=true it fails."""
    found = next((path for name in NAMES if (path := shutil.which(name))), "")
    if found:
        return found
    text = "no chromium on PATH: the consent walk in a browser was NOT tested (Debian: apt install chromium)"
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    warnings.warn(pytest.PytestWarning(text), stacklevel=2)
    pytest.skip(text)


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Run a browser until the block ends."""
    path = executable()
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield running
        finally:
            await running.close()


def watch(page: Page) -> list[str]:
    """Give a list that collects what goes wrong on a page: script errors, and what its policy forbade."""
    troubles: list[str] = []

    def said(line: ConsoleMessage) -> None:
        # A browser asks every site for an icon by itself.
        if line.type == "error" and not line.location["url"].endswith("/favicon.ico"):
            troubles.append(line.text)

    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", said)
    return troubles
