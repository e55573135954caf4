"""What the answer of a stranger's server means: a refusal, a redirect, a broken line, or the right bytes.

Owns the judgement of one answer and the translation of what aiohttp raises. Knows no caller; its
texts name the host at most.
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

REDIRECTS = (301, 302, 303, 307, 308)
PASSING = (408, 425, 429)
_LONGEST_WAIT = 3600
_MIME_TYPE = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}")
_ETAG = re.compile(r'"[\x21\x23-\x7e]{0,500}"')
_DATE = re.compile(r"[A-Za-z0-9 :,+-]{1,60}")
# Everything that may stand in an address as it is; servers are known to redirect to spaces and to raw UTF-8.
_KEPT = "!#$%&'()*+,/:;=?@[]~"


@contextmanager
def translated(host: str | None) -> Iterator[None]:
    """Turn what aiohttp and the clock raise into our errors; causes are dropped, their text may hold an address."""
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
    """Return where an answer points to; raises MediaUnreachable when that is nowhere, or from https to http."""
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
    """Return the error of a status: the server's own troubles pass, its refusals do not."""
    host, status = answer.url.raw_host, answer.status
    message, metadata = f"{host} answered {status}.", {"host": host or "", "httpStatus": str(status)}
    if status not in PASSING and status < 500:
        return MediaUnreachable(message, http_status=status, metadata=metadata)
    seconds = answer.headers.get("Retry-After", "")
    wait = timedelta(seconds=min(int(seconds), _LONGEST_WAIT)) if re.fullmatch(r"[0-9]{1,9}", seconds) else None
    return MediaUnavailable(message, http_status=status, metadata=metadata, retry_after=wait)


def check_form(answer: aiohttp.ClientResponse) -> None:
    """Refuse a packed body, and one whose end cannot be told from a broken connection."""
    host = answer.url.raw_host
    if answer.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise MediaUnreachable(f"{host} sends the medium packed, although it was asked not to.")
    if answer.content_length is None and not is_chunked(answer):
        raise MediaUnreachable(f"{host} does not say where the medium ends.")


def is_chunked(answer: aiohttp.ClientResponse) -> bool:
    """Return whether the body says itself where it ends."""
    # The last coding is the one on the wire (RFC 9112, 6.1).
    return ",".join(answer.headers.getall("Transfer-Encoding", ())).rpartition(",")[2].strip().lower() == "chunked"


def mime_type(answer: aiohttp.ClientResponse) -> str:
    """Return the type without its parameters; `?` stands for one that cannot be read."""
    found = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return found if not found or _MIME_TYPE.fullmatch(found) else "?"


def validator(answer: aiohttp.ClientResponse) -> str:
    """Return what proves later that the file is still the same: a strong ETag, else its date (RFC 9110, 13.1.5)."""
    if answer.headers.get("Accept-Ranges", "").strip().lower() == "none":
        return ""
    etag, date = answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", "")
    if etag:
        return etag if _ETAG.fullmatch(etag) else ""
    return date if _DATE.fullmatch(date) else ""
