"""A vendor that echoes what it was sent, in every kind of answer, malformed ones included.

Owns the answers. Does not know what the gateway does with them.
"""

from collections.abc import Callable

import httpx

from tests.security.canaries import secrets_of

ENVELOPE_CODES = ("invalid_params", "access_token_invalid", "made_up_code")
OAUTH_CODES = ("invalid_grant", "invalid_client", "made_up_code")
Answer = Callable[[httpx.Request], httpx.Response | None]


def quoted(request: httpx.Request) -> str:
    """Return the request as text: its line, its bearer token, its body, and each of its secrets by itself."""
    body = request.content[:2000].decode("latin-1") if len(request.content) < 100_000 else ""
    bare = " ".join(value for _, value in secrets_of(request))
    return f"{bare} {request.method} {request.url} authorization={request.headers.get('authorization', '')} {body}"


def answers() -> dict[str, Answer]:
    """Return every kind of answer, by name."""
    made: dict[str, Answer] = {
        "html": lambda request: httpx.Response(200, html=f"<p>{quoted(request)}</p>"),
        "html 500": lambda request: httpx.Response(500, html=f"<p>{quoted(request)}</p>", headers=_log_id(request)),
        "text 401": lambda request: httpx.Response(401, text=quoted(request), headers=_log_id(request)),
        "broken json": lambda request: httpx.Response(200, text='{"error": {"message": "' + quoted(request)),
        "secret code": lambda request: _envelope(quoted(request), "x", quoted(request)),
        "error without code": lambda request: _envelope("", quoted(request), quoted(request)),
        "oauth secret code": lambda request: _oauth(quoted(request), quoted(request)),
        "exception": _explode,
    }
    for code in ENVELOPE_CODES:
        made[f"envelope {code}"] = lambda request, code=code: _envelope(code, quoted(request), "log")  # type: ignore[misc]
    for code in OAUTH_CODES:
        made[f"oauth {code}"] = lambda request, code=code: _oauth(code, quoted(request))  # type: ignore[misc]
    return made


def only(path: str, answer: Answer) -> Answer:
    """Return an answer that only the calls of one path receive."""
    return lambda request: answer(request) if path in request.url.path else None


def _envelope(code: str, message: str, log_id: str) -> httpx.Response:
    error = {"code": code, "message": message, "log_id": log_id}
    return httpx.Response(400, json={"data": {}, "error": error}, headers={"x-tt-logid": _printable(message)})


def _oauth(code: str, message: str) -> httpx.Response:
    return httpx.Response(200, json={"error": code, "error_description": message, "log_id": message})


def _log_id(request: httpx.Request) -> dict[str, str]:
    return {"x-tt-logid": _printable(quoted(request))}


def _printable(text: str) -> str:
    return "".join(char for char in text if 32 <= ord(char) < 127)[:4000]


def _explode(request: httpx.Request) -> httpx.Response:
    # As the messages of a library's exceptions: they quote URLs, headers and bodies, secrets included.
    text = f"{request.url} {request.headers.raw!r} {request.content[:2000]!r}"
    raise RuntimeError(text) from ValueError(text)
