"""Who acts in a browser's request, for the audit log: nobody who is known to us, at an address.

Owns what an entry says of such a request. Does not know what the request changes.
"""

from starlette.requests import Request

from gateway import log
from gateway.audit.acts import Act, current_act

BROWSER = "browser"


def act_as_browser(request: Request, page: str) -> None:
    """Let what this request changes be recorded; `page` is its path without what is secret or varies in it."""
    peer = f"http:{request.client.host}" if request.client else "http"
    act = Act(f"{request.method} {page}", BROWSER, peer=peer, request_id=log.request_id.get(), changes=True)
    current_act.set(act)
