"""Approves a consent page without a browser: parses the form, submits it, and follows the redirects.

Owns the little HTTP and HTML that a form needs. Does not know what the page is about.
"""

import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from gateway.command_error import CommandError

SECONDS = 30.0
# The demo's servers are on this machine: ignore the environment's proxy.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(slots=True)
class Form(HTMLParser):
    """The first form of a page: its action, and the values that a browser would submit unchanged."""

    action: str = ""
    fields: list[tuple[str, str]] = field(default_factory=list)
    title: str = ""
    _select: str = ""
    _in_title: bool = False

    def __post_init__(self) -> None:
        """Initialise the parser."""
        HTMLParser.__init__(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record the form's action and the initial values of its fields."""
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = self.action or found.get("action", "")
        elif tag == "input":
            self._take_input(found)
        elif tag == "select":
            self._select = found.get("name", "")
        elif tag == "option" and self._select:
            # The first option is the selected one.
            self.fields.append((self._select, found.get("value", "")))
            self._select = ""
        self._in_title = tag == "h1" or (self._in_title and tag not in ("p", "form"))

    def handle_endtag(self, tag: str) -> None:
        """Note the end of the title."""
        self._in_title = self._in_title and tag != "h1"

    def handle_data(self, data: str) -> None:
        """Collect the text of the title."""
        self.title += data.strip() if self._in_title else ""

    def _take_input(self, found: dict[str, str]) -> None:
        ticked = found.get("type") != "checkbox" or "checked" in found
        if found.get("name") and ticked and "disabled" not in found:
            self.fields.append((found["name"], found.get("value", "on")))


def approve(uri: str) -> str:
    """Open a consent page, approve it, and return the title of the page that it redirects to.

    Raises CommandError if the page has no form or cannot be fetched.
    """
    page, address = _get(uri)
    form = read_form(page)
    if not form.action:
        raise CommandError(f"the consent page at {address} has no form")
    body = urllib.parse.urlencode([*form.fields, ("decision", "approve")]).encode()
    end, _ = _get(urllib.parse.urljoin(address, form.action), body)
    return read_form(end).title


def read_form(page: str) -> Form:
    """Parse a page."""
    form = Form()
    form.feed(page)
    return form


def get_json(url: str) -> Any:
    """Return the JSON at a URL; raises CommandError."""
    return json.loads(_get(url)[0])


def post_json(url: str, values: dict[str, str]) -> Any:
    """Send a form's values to a URL, and return the JSON of its answer; raises CommandError."""
    return json.loads(_get(f"{url}?{urllib.parse.urlencode(values)}", b"")[0])


def _get(url: str, body: bytes | None = None) -> tuple[str, str]:
    """Return a page's text and its URL after redirects."""
    if not url.startswith(("http://", "https://")):
        raise CommandError(f"{url!r} is not a URL")
    try:
        with _OPENER.open(urllib.request.Request(url, data=body), timeout=SECONDS) as answer:  # noqa: S310 - checked above
            return answer.read().decode("utf-8", "replace"), answer.geturl()
    except urllib.error.HTTPError as error:
        raise CommandError(f"{url.partition('?')[0]} answered {error.code}: {read_form(_text(error)).title}") from None
    except (urllib.error.URLError, OSError) as error:
        raise CommandError(f"{url.partition('?')[0]} cannot be reached: {error}") from None


def _text(error: urllib.error.HTTPError) -> str:
    return error.read().decode("utf-8", "replace")
