"""Logs: one line per event, as JSON or for people, with every secret taken out on the way.

Owns how a line looks, what is a secret by its name or by its looks, and whose other libraries' lines come in. Does not
know what is worth logging.
"""

import json
import logging
import re
import sys
from collections.abc import Iterable, MutableMapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

import structlog

REDACTED = "[redacted]"
_NAME = "_name"
_CLEAN = "_clean"
CLEAN: dict[str, Any] = {_CLEAN: True}
MAX_DEPTH = 6
LEAST_HIDDEN = 12
_HIDDEN: set[str] = set()

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the call at hand: every line written on its behalf carries it."""

_SECRET_NAMES = frozenset(
    {
        "access", "api_key", "apikey", "authorization", "client_key", "client_secret", "code_verifier", "cookie",
        "credentials", "database_url", "dsn", "encryption_keys", "key", "passphrase", "password", "pepper",
        "private_key", "refresh", "secret", "set-cookie", "token", "upload_url", "x-api-key",
    }
)  # fmt: skip
_SECRET_ENDINGS = ("_token", "_secret", "_password", "_api_key", "-token", "-secret")

# Secrets by their looks, wherever they stand: TikTok's tokens, our keys, headers, what URLs carry before @ and after ?.
_SECRET_LOOKS = re.compile(
    r"""
      \b(?:act|rft|clt)\.[A-Za-z0-9!*._~%-]{6,}
    | \bsg_[A-Za-z0-9_-]{16,}
    | (?<=bearer\ )[^\s"',;]+
    | (?<=basic\ )[A-Za-z0-9+/=]{8,}
    | (?<=://)[^/\s:@"']*:[^/\s@"']+(?=@)
    | (?P<name>[?&](?:access_token|refresh_token|client_secret|code|code_verifier|state|token|upload_token|signature)=)
      [^&\s"']+
    | (?<=password=)[^\s"'&]+
    """,
    re.VERBOSE | re.IGNORECASE,
)
# A text without any of these has nothing of the above; looking for them is cheaper than the expression.
_HINT = re.compile(r"[acr][cfl]t\.|sg_|earer |asic |://|=", re.IGNORECASE)


def configure(*, level: str = "info", form: str = "json", stream: TextIO | None = None) -> None:
    """Send our lines, and those of every library, to `stream` (standard error by default), each through the same chain.

    `form` is "json" or "console". May be called again: the last call wins.
    """
    out = stream or sys.stderr
    last = _renderer(form)
    # Ours do not pass through the standard library on their way: that would double what a line costs.
    structlog.configure(
        processors=[structlog.processors.add_log_level, add_name, *_CHAIN, last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(_foreign_formatter(last))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    _quiet(level)


def _foreign_formatter(last: Any) -> logging.Formatter:
    """Make the formatter through which lines of other libraries come."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.ExtraAdder(),
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            *_CHAIN,
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
    )


def _renderer(form: str) -> Any:
    """Make the last step: one JSON object per line, or text for people."""
    if form == "console":
        return structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    encode = json.JSONEncoder(default=str).encode
    return structlog.processors.JSONRenderer(serializer=lambda event, **_: encode(event))


def _quiet(level: str) -> None:
    """Keep chatty libraries to their warnings: httpx writes whole URLs, procrastinate every job, at INFO."""
    for name in ("httpx", "httpcore", "procrastinate", "uvicorn.access", "alembic", "sqlalchemy.engine", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    if level == "debug":
        logging.getLogger("procrastinate").setLevel(logging.INFO)


def get(name: str) -> Any:
    """Return the logger of one part of the gateway: `log.info("what happened", key=value, …)`."""
    return structlog.get_logger(**{_NAME: name})


def add_name(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put the logger's name where other libraries' lines have it; structlog keeps that word for itself at first."""
    event["logger"] = event.pop(_NAME, "gateway")
    return event


def add_request_id(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put the id of the call at hand on the line."""
    current = request_id.get()
    if current and "request_id" not in event:
        event["request_id"] = current
    return event


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take secrets out of a line: values whose name says so, and whatever looks like one inside any text.

    A line of nothing but what we made ourselves says `**log.CLEAN` and saves the search.
    """
    if event.pop(_CLEAN, False):
        return event
    for name, value in event.items():
        if name not in ("_record", "_from_structlog"):
            event[name] = clean(value, name=name)
    return event


def clean(value: Any, *, name: str = "", depth: int = 0) -> Any:
    """Return the value without secrets; containers are copied, what is deeper than six levels is left out."""
    if name and is_secret_name(name):
        return REDACTED if value not in (None, "", 0, False) else value
    if isinstance(value, str):
        return clean_text(value)
    if value is None or isinstance(value, int | float):
        return value
    if depth >= MAX_DEPTH:
        return "…"
    if isinstance(value, dict):
        return {str(key): clean(item, name=str(key), depth=depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean(item, depth=depth + 1) for item in value]
    return clean_text(str(value))


def hide(values: Iterable[str]) -> None:
    """Take these very values out of every line from now on: secrets of the configuration, which may look like anything.

    In URLs and in what Python prints they may stand in other spellings, which are taken out too. Short ones are left
    alone: they would black out ordinary words.
    """
    for value in values:
        if len(value) >= LEAST_HIDDEN:
            _HIDDEN.update((value, repr(value)[1:-1], quote(value, safe=""), quote_plus(value)))


def clean_text(text: str) -> str:
    """Return the text without anything that looks like, or is known to be, a secret."""
    for value in _HIDDEN:
        text = text.replace(value, REDACTED)
    return _SECRET_LOOKS.sub(_hide, text) if _HINT.search(text) else text


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Return whether a value of this name is a secret."""
    low = name.lower()
    return low in _SECRET_NAMES or low.endswith(_SECRET_ENDINGS)


def _hide(found: re.Match[str]) -> str:
    """Replace a secret, keeping the name of a URL's parameter."""
    return (found["name"] or "") + REDACTED


_CHAIN: list[Any] = [
    add_request_id,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    redact,
]
