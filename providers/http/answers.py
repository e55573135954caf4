"""What the answer of an untrusted server means: a refusal, a redirect, a broken connection, or the media's bytes.

Owns the check of one answer and the translation of aiohttp's exceptions. Knows no caller; its messages contain the
host at most, never the rest of the URL.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from socket import EAI_NONAME
from urllib.parse import quote, urljoin

import aiohttp

from providers.errors import MediaUnavailable, MediaUnreachable
from providers.http.guard import Refused
from providers.http.retry_after import requested_wait

REDIRECTS = (301, 302, 303, 307, 308)
PASSING = (408, 425, 429)
_LONGEST_WAIT = timedelta(hours=1)
_MIME_TYPE = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}")
_ETAG = re.compile(r'"[\x21\x23-\x7e]{0,500}"')
_DATE = re.compile(r"[A-Za-z0-9 :,+-]{1,60}")
# The characters of a URL that are not percent-encoded; servers are known to redirect to spaces and to raw UTF-8.
_KEPT = "!#$%&'()*+,/:;=?@[]~"


@contextmanager
def translated(host: str | None) -> Iterator[None]:
    """Translate the exceptions of aiohttp and timeouts into ours; causes are dropped, they may contain a URL."""
    metadata = {"host": host or ""}
    try:
        yield
    except Refused:
        raise MediaUnreachable(f"{host} does not lead to the public internet.", metadata=metadata) from None
    except aiohttp.ClientConnectorCertificateError:
        raise MediaUnreachable(f"The certificate of {host} is not valid.", metadata=metadata) from None
    except aiohttp.ClientConnectorDNSError as error:
        if error.os_error.errno == EAI_NONAME:
            raise MediaUnreachable(f"There is no host {host}.", metadata=metadata) from None
        raise MediaUnavailable(f"The name {host} cannot be looked up now.", metadata=metadata) from None
    except TimeoutError:
        raise MediaUnavailable(f"{host} did not answer in time.", metadata=metadata) from None
    except (aiohttp.ClientError, OSError):
        raise MediaUnavailable(f"The connection to {host} failed or broke.", metadata=metadata) from None


def redirected(uri: str, answer: aiohttp.ClientResponse) -> str:
    """Return the URL a redirect points to; raises MediaUnreachable if there is none, or from https to http."""
    location = answer.headers.get("Location", "")
    try:
        there = urljoin(uri, quote(location.encode("utf-8", "surrogateescape"), safe=_KEPT))
    except ValueError:
        there = ""
    if not location or not there:
        raise MediaUnreachable(f"{answer.url.raw_host} redirects to nowhere.")
    if answer.url.scheme == "https" and not there.lower().startswith("https:"):
        raise MediaUnreachable(f"{answer.url.raw_host} redirects from https to something else.")
    return there


def refusal(answer: aiohttp.ClientResponse) -> MediaUnreachable | MediaUnavailable:
    """Return the error of an HTTP status: 5xx and a few 4xx are temporary, other refusals are permanent."""
    host, status = answer.url.raw_host, answer.status
    message, metadata = f"{host} answered {status}.", {"host": host or "", "httpStatus": str(status)}
    if status not in PASSING and status < 500:
        return MediaUnreachable(message, http_status=status, metadata=metadata)
    asked = requested_wait(answer.headers)
    wait = None if asked is None else min(asked, _LONGEST_WAIT)
    return MediaUnavailable(message, http_status=status, metadata=metadata, retry_after=wait)


def check_form(answer: aiohttp.ClientResponse) -> None:
    """Refuse a compressed body, and one whose end cannot be distinguished from a broken connection."""
    host = answer.url.raw_host
    if answer.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise MediaUnreachable(f"{host} sends the medium packed, although it was asked not to.")
    if answer.content_length is None and not is_chunked(answer):
        raise MediaUnreachable(f"{host} does not say where the medium ends.")


def is_chunked(answer: aiohttp.ClientResponse) -> bool:
    """Return whether the body is chunked, and thereby marks its own end."""
    # The last coding is the one on the wire (RFC 9112, 6.1).
    return ",".join(answer.headers.getall("Transfer-Encoding", ())).rpartition(",")[2].strip().lower() == "chunked"


def mime_type(answer: aiohttp.ClientResponse) -> str:
    """Return the media type without its parameters, `?` if it is malformed."""
    found = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return found if not found or _MIME_TYPE.fullmatch(found) else "?"


def validator(answer: aiohttp.ClientResponse) -> str:
    """Return the validator for a later range request: a strong ETag, else the date (RFC 9110, 13.1.5), else empty."""
    if answer.headers.get("Accept-Ranges", "").strip().lower() == "none":
        return ""
    etag, date = answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", "")
    if etag:
        return etag if _ETAG.fullmatch(etag) else ""
    return date if _DATE.fullmatch(date) else ""
