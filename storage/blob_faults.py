"""What is wrong with a blob store, in words that say what to do.

Owns the sentence for each answer of a store and of the operating system, and which of them only somebody can change.
The library's own texts are never passed on: they contain addresses, and bodies of answers.
"""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError


class StoreUnavailable(Exception):
    """The store cannot be used. `advice` says what to do; `lasting` that no waiting will help."""

    def __init__(self, text: str, advice: str = "", *, lasting: bool = False) -> None:
        """Say what is wrong, what to do, and whether it will stay so until somebody changes something."""
        super().__init__(text)
        self.advice = advice
        self.lasting = lasting


NO_BUCKET = ("there is no such bucket", "create it, or correct GATEWAY_BLOB_URL (and AWS_ENDPOINT_URL)")
NO_PERMISSION = (
    "the store refuses the key",
    "allow it s3:PutObject, s3:GetObject, s3:DeleteObject and s3:ListBucket on the bucket, or correct the credentials",
)
NO_CREDENTIALS = (
    "there are no credentials",
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role",
)
NO_HTTP = ("the store's endpoint is http, which is not allowed", "use https, or set AWS_ALLOW_HTTP=true")
AWAY = ("the store does not answer", "is it running, and are AWS_ENDPOINT_URL and the network right?")
WRONG_REGION = ("the bucket is in another region", "set AWS_REGION to the bucket's")
_SESSION_OVER = ("the session token has expired", "renew AWS_SESSION_TOKEN")

# The codes of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (read 2026-11-30), Azure's last.
_LASTING = {
    "NoSuchBucket": NO_BUCKET,
    "InvalidBucketName": NO_BUCKET,
    "InvalidAccessKeyId": ("the store does not know the access key", "correct AWS_ACCESS_KEY_ID"),
    "SignatureDoesNotMatch": ("the secret does not belong to the access key", "correct AWS_SECRET_ACCESS_KEY"),
    "AccessDenied": NO_PERMISSION,
    "AllAccessDisabled": NO_PERMISSION,
    "PermanentRedirect": WRONG_REGION,
    "AuthorizationHeaderMalformed": WRONG_REGION,
    "IllegalLocationConstraintException": WRONG_REGION,
    "ContainerNotFound": NO_BUCKET,
}
_PASSING = {
    "ExpiredToken": _SESSION_OVER,
    "RequestTimeTooSkewed": ("the store and this machine have different times", "set this machine's clock"),
    "SlowDown": ("the store asks for fewer requests", ""),
}
_CODE = re.compile(r"<Code>(\w{1,64})</Code>|\(code: (\w{1,64})\)")
_STATUS = re.compile(r"status code: (\d{3})")
_OS_ERROR = re.compile(r"\(os error (\d+)\)")
_METADATA = re.compile(r"/latest/(?:api/token|meta-data)")
_FOLDER_ERRORS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)


@contextmanager
def explained() -> Iterator[None]:
    """Raise StoreUnavailable for everything that the store's library raises, except that a blob is not there."""
    try:
        yield
    except FileNotFoundError as error:
        if is_place_missing(error):
            raise StoreUnavailable(*NO_BUCKET, lasting=True) from None
        raise
    except BaseError as error:
        # Not chained: the text may contain addresses and what the store answered.
        raise explain(error) from None


def is_place_missing(error: FileNotFoundError) -> bool:
    """Return whether the bucket is missing, not just the blob."""
    return _code(str(error)) in ("NoSuchBucket", "ContainerNotFound")


def explain(error: BaseError) -> StoreUnavailable:
    """Return what an exception of the library means."""
    text = str(error)
    code = _code(text)
    if code in _LASTING:
        return StoreUnavailable(*_LASTING[code], lasting=True)
    if code in _PASSING:
        return StoreUnavailable(*_PASSING[code])
    if "BadScheme" in text:
        return StoreUnavailable(*NO_HTTP, lasting=True)
    if _METADATA.search(text):
        return StoreUnavailable(*NO_CREDENTIALS)
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return StoreUnavailable(*NO_PERMISSION, lasting=True)
    if found := _OS_ERROR.search(text):
        return _of_system(int(found[1]), text)
    if found := _STATUS.search(text):
        return StoreUnavailable(f"the store answers {found[1]}{f' {code}' if code else ''}", AWAY[1])
    return StoreUnavailable(*AWAY)


def _of_system(number: int, text: str) -> StoreUnavailable:
    """Explain an error number of the operating system, which names a folder's fault or a lost connection."""
    if "LocalFileSystem" not in text:
        return StoreUnavailable(*AWAY)
    advice = "make the folder of GATEWAY_BLOB_URL writable, or choose another one"
    return StoreUnavailable(
        f"the folder cannot be used: {os.strerror(number)}", advice, lasting=number in _FOLDER_ERRORS
    )


def _code(text: str) -> str:
    found = _CODE.search(text)
    return (found[1] or found[2]) if found else ""
