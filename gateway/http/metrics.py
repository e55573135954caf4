"""`/metrics` for Prometheus, on an address of its own: it needs no key, so it is loopback unless a host is named.

Owns that server and its one page. Does not know what is measured.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.http.serving import HttpServer
from gateway.settings import SettingsError
from gateway.telemetry.prometheus import CONTENT_TYPE, PrometheusMeter

SETTING = "GATEWAY_METRICS_ADDRESS"
LOOPBACK = "127.0.0.1"


def address_of(setting: str, number: int) -> str:
    """Return the address of the process with this number among several: ports follow each other; 0 stays 0.

    Raises SettingsError for what is no `host:port` or `:port`.
    """
    host, colon, port = setting.rpartition(":")
    if not colon or not port.isdecimal() or int(port) + number > 0xFFFF:
        raise SettingsError(f"{SETTING} {setting!r}: must be host:port, such as {LOOPBACK}:9464")
    return f"{host or LOOPBACK}:{int(port) + number if int(port) else 0}"


async def serve(meter: PrometheusMeter, address: str) -> HttpServer:
    """Serve the page; raises OSError if the address is taken."""

    async def metrics(request: Request) -> Response:
        return Response(meter.text(), media_type=CONTENT_TYPE)

    return await HttpServer.start(
        Starlette(routes=[Route("/metrics", metrics, methods=["GET"])]), address, setting=SETTING
    )
