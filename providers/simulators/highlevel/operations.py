"""The simulated operations: name for faults, path, scope, generations, and which tokens may call them.

Owns: the table and its lookup. Knows nothing of what an operation does.
"""

import re
from dataclasses import dataclass

V2, V3 = "v2", "v3"
BOTH = (V2, V3)


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation. A scope of "" means none: comments have no declared scope.

    `place` is where a call names its location: "path", "query", or "token" when the location is that of the token.
    "either": a company's token is accepted too. "company": only a company's OAuth token is. "open": no token.
    """

    name: str
    method: str
    path: str
    scope: str = ""
    place: str = "path"
    generations: tuple[str, ...] = BOTH

    @property
    def pattern(self) -> re.Pattern[str]:
        """The regular expression of its path, with a group per parameter."""
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path) + r"\Z")


_ROOT = "/social-media-posting"
_LOC = f"{_ROOT}/{{locationId}}"
_CONNECT = f"{_ROOT}/oauth/{{locationId}}/{{platform}}"
_COMMENTS = f"{_ROOT}/comments/{{platform}}"
_APP = "/marketplace/app/{appId}/installations"

# Scopes.md of GoHighLevel/highlevel-api-docs, read 2026-11-20: bulk-delete is under csv.write, and a GET of the
# accounts to choose from under oauth.readonly. Fixed paths precede those with a parameter in the same place.
OPERATIONS = (
    Operation("oauth.token", "POST", "/oauth/token", place="open"),
    Operation("oauth.reconnect", "POST", "/oauth/reconnect", place="open"),
    Operation("oauth.location_token", "POST", "/oauth/locationToken", "oauth.write", "company", (V2,)),
    Operation("oauth.location_token", "POST", "/oauth/location-token", "oauth.write", "company", (V3,)),
    Operation("oauth.installed", "GET", "/oauth/installedLocations", "oauth.readonly", "company", (V2,)),
    Operation("oauth.installed", "GET", "/oauth/installed-locations", "oauth.readonly", "company", (V3,)),
    Operation("installations.get", "GET", _APP, "marketplace-installer-details.readonly", "either"),
    Operation("installations.delete", "DELETE", _APP, "oauth.write", "either"),
    Operation("connect.start", "GET", f"{_ROOT}/oauth/{{platform}}/start", "socialplanner/oauth.readonly", "query"),
    Operation("connect.choose", "GET", f"{_CONNECT}/accounts/{{accountId}}", "socialplanner/oauth.readonly"),
    Operation("connect.attach", "POST", f"{_CONNECT}/accounts/{{accountId}}", "socialplanner/oauth.write"),
    Operation(
        "connect.choose", "GET", f"{_CONNECT}/locations/{{accountId}}", "socialplanner/oauth.readonly", "path", (V2,)
    ),
    Operation(
        "connect.attach", "POST", f"{_CONNECT}/locations/{{accountId}}", "socialplanner/oauth.write", "path", (V2,)
    ),
    Operation("comments.list", "POST", f"{_COMMENTS}/list", "", "query", (V3,)),
    Operation("comments.create", "POST", _COMMENTS, "", "query", (V3,)),
    Operation("comments.like", "POST", f"{_COMMENTS}/{{id}}/like", "", "query", (V3,)),
    Operation("comments.unlike", "DELETE", f"{_COMMENTS}/{{id}}/like", "", "query", (V3,)),
    Operation("statistics", "POST", f"{_ROOT}/statistics", "socialplanner/statistics.readonly", "query"),
    Operation("posts.list", "POST", f"{_LOC}/posts/list", "socialplanner/post.readonly"),
    Operation("posts.bulk_delete", "POST", f"{_LOC}/posts/bulk-delete", "socialplanner/csv.write"),
    Operation("posts.create", "POST", f"{_LOC}/posts", "socialplanner/post.write"),
    Operation("posts.get", "GET", f"{_LOC}/posts/{{id}}", "socialplanner/post.readonly"),
    Operation("posts.update", "PUT", f"{_LOC}/posts/{{id}}", "socialplanner/post.write"),
    Operation("posts.delete", "DELETE", f"{_LOC}/posts/{{id}}", "socialplanner/post.write"),
    Operation("accounts.list", "GET", f"{_LOC}/accounts", "socialplanner/account.readonly"),
    Operation("accounts.delete", "DELETE", f"{_LOC}/accounts/{{id}}", "socialplanner/account.write"),
    Operation("csv.upload", "POST", f"{_LOC}/csv", "socialplanner/csv.write"),
    Operation("csv.list", "GET", f"{_LOC}/csv", "socialplanner/csv.readonly"),
    Operation("csv.set_accounts", "POST", f"{_LOC}/set-accounts", "socialplanner/csv.write"),
    Operation("csv.get", "GET", f"{_LOC}/csv/{{id}}", "socialplanner/csv.readonly"),
    Operation("csv.finalize", "PATCH", f"{_LOC}/csv/{{id}}", "socialplanner/csv.write"),
    Operation("csv.delete", "DELETE", f"{_LOC}/csv/{{id}}", "socialplanner/csv.write"),
    Operation("csv.delete_post", "DELETE", f"{_LOC}/csv/{{id}}/post/{{postId}}", "socialplanner/csv.write"),
    Operation("categories.list", "GET", f"{_LOC}/categories", "socialplanner/category.readonly"),
    Operation("categories.get", "GET", f"{_LOC}/categories/{{id}}", "socialplanner/category.readonly"),
    Operation("tags.list", "GET", f"{_LOC}/tags", "socialplanner/tag.readonly"),
    Operation("tags.details", "POST", f"{_LOC}/tags/details", "socialplanner/tag.readonly"),
    Operation("medias.upload", "POST", "/medias/upload-file", "medias.write", "token"),
    Operation("medias.list", "GET", "/medias/files", "medias.readonly", "token"),
    Operation("medias.delete_files", "PUT", "/medias/delete-files", "medias.write", "token"),
    Operation("medias.delete", "DELETE", "/medias/{id}", "medias.write", "token"),
    Operation("users.list", "GET", "/users/", "users.readonly", "query", (V2,)),
    Operation("users.search", "GET", "/users/search", "users.readonly", "either"),
    Operation("users.get", "GET", "/users/{userId}", "users.readonly", "either"),
    Operation("locations.search", "GET", "/locations/search", "locations.readonly", "either"),
    Operation("locations.get", "GET", "/locations/{locationId}", "locations.readonly", "either"),
)
NAMES = frozenset(operation.name for operation in OPERATIONS)
_PATTERNS = tuple((operation, operation.pattern) for operation in OPERATIONS)


def find(method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
    """Return the operation of a call and its path parameters, or None."""
    for operation, pattern in _PATTERNS:
        match = pattern.match(path) if operation.method == method else None
        if match is not None:
            return operation, match.groupdict()
    return None
