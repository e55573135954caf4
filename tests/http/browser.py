"""A headless Chromium: Debian's, driven by Playwright.

Owns finding it, and saying loudly when there is none. Does not know what is walked through.
"""

import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

START_SECONDS = 60.0
# Milliseconds. Playwright gives up after 5 s, which a page may take beside other tests; what must happen still must.
expect.set_options(timeout=30_000)
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
    """Return the browser's path; without one the test is skipped, and with CI=true it fails."""
    found = next((path for name in NAMES if (path := shutil.which(name))), "")
    if found:
        return found
    text = "no chromium on PATH: the consent walk in a browser was NOT tested (Debian: apt install chromium)"
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    pytest.skip(text)


@contextmanager
def chromium(folder: Path) -> Iterator[str]:
    """Run a browser with its profile in `folder` until the block ends; yield the address by which it is driven."""
    arguments = [executable(), *FLAGS, "--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank"]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield f"http://127.0.0.1:{_port(folder / 'DevToolsActivePort', process)}"
        finally:
            process.terminate()


def _port(file: Path, process: "subprocess.Popen[bytes]") -> str:
    """Return the port that the browser writes into its profile once it listens."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if file.exists() and (lines := file.read_text().splitlines()):
            return lines[0]
        time.sleep(0.05)
    raise AssertionError(f"chromium did not start within {START_SECONDS} s (code {process.poll()})")


@asynccontextmanager
async def driven(address: str) -> AsyncIterator[Browser]:
    """Drive the browser at that address until the block ends; it goes on running."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(address)
        try:
            yield browser
        finally:
            await browser.close()


def watch(page: Page) -> list[str]:
    """Return a list that collects the errors on a page: of scripts, and violations of its content security policy."""
    troubles: list[str] = []

    def said(line: ConsoleMessage) -> None:
        # A browser asks every site for an icon by itself.
        if line.type == "error" and not line.location["url"].endswith("/favicon.ico"):
            troubles.append(line.text)

    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", said)
    return troubles
