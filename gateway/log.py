"""Structured logging: one line per event, as JSON or as text, with every secret redacted.

Owns the format of a line, the rules for recognising secrets (by name and by pattern), and the log levels of other
libraries. Does not know what is worth logging.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TextIO, cast
from urllib.parse import quote, quote_plus

import structlog
from pydantic_core import to_json

REDACTED = "[redacted]"
_NAME = "_name"
MAX_DEPTH = 6
MIN_HIDDEN_LENGTH = 12
_HIDDEN: set[str] = set()
_PROCESS: dict[str, int] = {}
"""Which of several processes this is; every line has it."""

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the current call; every line logged during the call has it."""

_SECRET_NAMES = frozenset(
    {
        "access", "api_key", "apikey", "authorization", "client_key", "client_secret", "code_verifier", "cookie",
        "credentials", "database_url", "dsn", "encryption_keys", "key", "passphrase", "password", "pepper",
        "private_key", "refresh", "secret", "set-cookie", "token", "upload_url", "x-api-key",
    }
)  # fmt: skip
_SECRET_ENDINGS = ("_token", "_secret", "_password", "_api_key", "-token", "-secret")

# Secrets recognised by pattern: TikTok's tokens, our API keys, JSON Web Tokens, auth headers, and what URLs carry
# before @ and after ?.
_SECRET_LOOKS = re.compile(
    r"""
      \b(?:act|rft|clt)\.[A-Za-z0-9!*._~%-]{6,}
    | \bsg_[A-Za-z0-9_-]{16,}
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*
    | (?<=bearer\ )[^\s"',;]+
    | (?<=basic\ )[A-Za-z0-9+/=]{8,}
    | (?<=://)[^/\s:@"']*:[^/\s@"']+(?=@)
    | (?P<name>[?&](?:access_token|refresh_token|client_secret|code|code_verifier|state|token|upload_token|signature)=)
      [^&\s"']+
    | (?<=password=)[^\s"'&]+
    """,
    re.VERBOSE | re.IGNORECASE,
)
# A text that does not match this cannot match the pattern above; this check is cheaper.
_HINT = re.compile(r"[acr][cfl]t\.|sg_|eyJ|earer |asic |://|=", re.IGNORECASE)


class _Unfailing:
    """The stream of the log; a line that cannot be written, as on a full disk, is dropped.

    Otherwise logging would end the very work that it reports on.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write a line, or drop it."""
        with suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        """Flush what can be written; ValueError is a closed stream's."""
        with suppress(OSError, ValueError):
            self._stream.flush()


_LEVELS = {name.lower(): number for name, number in logging.getLevelNamesMapping().items()}


@dataclass(frozen=True, slots=True)
class _Direct:
    """Where `write_own` writes JSON, and the lowest level of a line that is written."""

    out: TextIO
    level: int


_direct: _Direct | None = None


def configure(
    *, level: str = "info", form: str = "json", stream: TextIO | None = None, process: int | None = None
) -> None:
    """Send our log lines and those of all libraries to `stream` (standard error by default), through the same chain.

    `form` is "json" or "text"; every line has the number of the `process`, if one is given. May be called again; the
    last call wins.
    """
    global _direct
    _PROCESS.clear()
    if process is not None:
        _PROCESS["process"] = process
    out = cast("TextIO", _Unfailing(stream or sys.stderr))
    last = _renderer(form)
    _direct = _Direct(out, _LEVELS[level.lower()]) if form == "json" else None
    # Our lines bypass the standard library's logging, which would double the cost of a line.
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
    _limit_noisy_loggers(level)


def _foreign_formatter(last: Any) -> logging.Formatter:
    """Return the formatter for the lines of other libraries."""
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
    """Return the last processor: one JSON object per line, or plain text."""
    if form == "text":
        return structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    encode = json.JSONEncoder(default=str).encode
    return structlog.processors.JSONRenderer(serializer=lambda event, **_: encode(event))


def _limit_noisy_loggers(level: str) -> None:
    """Limit noisy libraries to warnings: at INFO httpx logs whole URLs and procrastinate every job."""
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


def write_own(level: str, name: str, event: str, values: Mapping[str, Any]) -> None:
    """Write a line of the logger `name` that is made only of our own values.

    There is no secret to search for in it, so as JSON it does without the chain, which costs ten times as much.
    `values` must have the request id.
    """
    if _direct is None:
        getattr(get(name), level)(event, **values)
    elif _LEVELS[level] >= _direct.level:
        line = {"event": event, "level": level, "logger": name, "timestamp": _timestamp(), **_PROCESS, **values}
        _direct.out.write(to_json(line).decode() + "\n")
        _direct.out.flush()


def _timestamp() -> str:
    """Return the time as the chain's stamps have it."""
    seconds, rest = divmod(time.time_ns(), 1_000_000_000)
    return f"{_second(seconds)}.{rest // 1000:06d}Z"


@lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    """Return a second in ISO 8601; most lines of a second share it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def add_name(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put the logger's name under `logger`, as in other libraries' lines; structlog reserves that key for itself."""
    event["logger"] = event.pop(_NAME, "gateway")
    return event


def add_request_id(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the id of the current call."""
    current = request_id.get()
    if current and "request_id" not in event:
        event["request_id"] = current
    return event


def add_process(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add which of several processes a line is from."""
    event.update(_PROCESS)
    return event


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Redact secrets in a line: values with a secret's name, and whatever looks like a secret inside any text."""
    for name, value in event.items():
        if name not in ("_record", "_from_structlog"):
            event[name] = clean(value, name=name)
    return event


def clean(value: Any, *, name: str = "", depth: int = 0) -> Any:
    """Return the value without secrets; containers are copied, and anything deeper than six levels is dropped."""
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
    """Redact exactly these values from now on: the configuration's secrets, which no pattern can recognise.

    Their spellings in URLs and in `repr` are redacted too. Short values are ignored: they could be ordinary words.
    """
    for value in values:
        if len(value) >= MIN_HIDDEN_LENGTH:
            _HIDDEN.update((value, repr(value)[1:-1], quote(value, safe=""), quote_plus(value)))


def clean_text(text: str) -> str:
    """Return the text with every known secret, and whatever looks like one, redacted."""
    for value in _HIDDEN:
        text = text.replace(value, REDACTED)
    return _SECRET_LOOKS.sub(_hide, text) if _HINT.search(text) else text


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Return whether a value with this name is a secret."""
    low = name.lower()
    return low in _SECRET_NAMES or low.endswith(_SECRET_ENDINGS)


def _hide(found: re.Match[str]) -> str:
    """Replace a secret, keeping the name of a URL parameter."""
    return (found["name"] or "") + REDACTED


_CHAIN: list[Any] = [
    add_request_id,
    add_process,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    redact,
]
