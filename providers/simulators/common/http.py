"""HTTP helpers of all simulators: the app around the routes, HTML pages, content types, hosts.

Owns: these helpers. Knows nothing of a vendor's paths, bodies or errors.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from html import escape
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ExceptionHandler

from providers.simulators.common.middleware import Dialect, intercept

NO_CACHE = {"Cache-Control": "no-store"}
LOOPBACK_HOSTS = ("localhost", "127.0.0.1")
# The status a proxy logs when the client closed the connection; nobody receives it.
CLIENT_CLOSED = 499

_STYLE = (
    "body{font:16px system-ui;max-width:26rem;margin:3rem auto;padding:0 1rem}"
    "label{display:block;margin:.4rem 0}button{font:inherit;padding:.6rem 1.2rem;margin:1rem .5rem 0 0}"
)


def build_app(
    vendor: Any,
    routes: Sequence[Route],
    dialect: Dialect,
    exception_handlers: Mapping[Any, ExceptionHandler] | None = None,
) -> Starlette:
    """Return the app of a vendor, which is `app.state.vendor`. It injects faults and records every call."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await vendor.aclose()

    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=exception_handlers)
    app.router.redirect_slashes = False
    app.state.vendor = vendor
    app.middleware_stack = intercept(app.build_middleware_stack(), vendor, dialect)
    return app


def page(vendor: str, title: str, content: str, status: int = 200) -> Response:
    """Return an HTML page; `content` is HTML, `vendor` the name of the simulated vendor."""
    html = (
        f"<!DOCTYPE html><html lang=en><head><meta charset=utf-8><title>{escape(title)}</title>"
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{content}"
        f"<p><small>This is a simulator, not {vendor}.</small></p></body></html>"
    )
    return HTMLResponse(html, status, NO_CACHE)


def decision_form(fields: str, *, approve: str, consent: str = "") -> str:
    """Return the form of a consent page. `consent` is the page's id, "" when the form is posted to its own URL."""
    own = f' action="/_sim/consent"><input type=hidden name=consent value="{consent}">' if consent else ">"
    return (
        f"<form method=post{own}{fields}<button id=approve name=decision value=approve>{approve}</button>"
        "<button id=deny name=decision value=deny>Cancel</button></form>"
    )


async def page_form(request: Request) -> dict[str, list[str]]:
    """Return the fields of a submitted HTML form, each with all its values."""
    return parse_qs((await request.body()).decode("utf-8", "replace"))


def media_type(headers: Mapping[str, str]) -> str:
    """Return the content type without its parameters, in lower case; "" when there is none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def is_loopback(host: str | None) -> bool:
    """Return whether a host is this machine: localhost, or a loopback address."""
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False
