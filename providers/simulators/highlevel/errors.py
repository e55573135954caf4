"""HighLevel's error bodies: the gateway's short one, the services' long one, the new one of v3, Cloudflare's page.

Owns: the exceptions, their messages as live users report them, and their bodies. Knows nothing of when they are raised.
"""

from http import HTTPStatus
from typing import Any

# Messages of live responses, from the issues 178, 213, 217, 226, 249, 304 and 333 of GoHighLevel/highlevel-api-docs and
# from public repositories of users, read 2026-11-20.
INVALID_JWT = "Invalid JWT"
INVALID_TOKEN = "Invalid token: access token is invalid"  # noqa: S105 - a message
INVALID_PIT = "Invalid Private Integration token"
NO_SCOPE = "The token is not authorized for this scope."
CLOSED_ROUTE = "This route is not yet supported by the IAM Service. Please update your IAM config."
FOREIGN_LOCATION = "The token does not have access to this location."
NO_VERSION = "version header was not found."
UNKNOWN_VERSION = "version header is invalid"
NOT_AN_ID = "Argument passed in must be a single String of 12 bytes or a string of 24 hex characters"
INACTIVE_LOCATION = "Location is not active"
REMOVED = "API endpoint has been removed"
BLOCKED_PAGE = (
    "<!DOCTYPE html><html><head><title>Access denied</title></head><body><h1>Access denied</h1>"
    "<p>error code: 1010</p></body></html>"
)


class Refusal(Exception):
    """A refusal with an HTTP status and one message or a list of them; `brief` is the gateway's short form."""

    def __init__(self, status: int, message: str | list[str], *, brief: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.brief = brief

    def body(self, trace_id: str) -> dict[str, Any]:
        """Return the body, as NestJS makes it."""
        phrase = HTTPStatus(self.status).phrase
        if self.brief:
            return {"statusCode": self.status, "message": self.message, "error": phrase}
        name = "".join(phrase.split()).replace("Content", "Entity") + "Exception"
        return {
            "status": self.status,
            "options": {},
            "message": self.message,
            "name": name,
            "error": phrase.replace("Content", "Entity"),
            "statusCode": self.status,
            "traceId": trace_id,
        }


class CsvRefusal(Refusal):
    """A CSV file that is not accepted, with a code of v3 in the body."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(400, message)
        self.code = code

    def body(self, trace_id: str) -> dict[str, Any]:
        """Return the body with its code and the type of the file."""
        return {**super().body(trace_id), "code": self.code, "fileType": "csv", "csvFileType": "basic"}


class AipRefusal(Refusal):
    """A refusal of v3's operations that follow AIP-193; so far only installed-locations."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, message)
        self.code = code

    def body(self, trace_id: str) -> dict[str, Any]:
        """Return the body: an object `error` with code and message."""
        return {"error": {"code": self.code, "message": self.message}}


def closed_route() -> Refusal:
    """Return the refusal of a path, method or token class that the gateway does not know."""
    return Refusal(401, CLOSED_ROUTE, brief=True)


def foreign_location() -> Refusal:
    """Return the refusal of a token of another location."""
    return Refusal(403, FOREIGN_LOCATION, brief=True)


def invalid(*messages: str) -> Refusal:
    """Return the refusal of a body or query that fails validation: 422 with every message."""
    return Refusal(422, list(messages))


def not_found(what: str) -> Refusal:
    """Return the refusal of a missing resource. Documented only for bulk-delete; the status of the others is not."""
    return Refusal(404, f"{what} not found")
