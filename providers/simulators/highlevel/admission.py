"""The checks before an operation: user agent, route, token, Version header, generation, token class, rate, scope.

Owns: these checks, in this order, and the rate limit headers. Knows nothing of operations.
"""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from providers.simulators.highlevel import errors, wire
from providers.simulators.highlevel.errors import Refusal
from providers.simulators.highlevel.grants import Grant
from providers.simulators.highlevel.operations import V3, Operation

Endpoint = Callable[[Request], Awaitable[Response]]


def _blocked(request: Request) -> bool:
    agent = request.headers.get("user-agent", "").lower()
    return not agent or agent.startswith(wire.vendor_of(request).config.blocked_agents)


def _token(request: Request) -> Grant:
    vendor = wire.vendor_of(request)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Refusal(401, errors.INVALID_JWT, brief=True)
    return vendor.grants.bearer(token.strip(), vendor.now())


def _check_version(request: Request) -> None:
    """Check the Version header, with live answers for a missing one and an unpublished date: reports of 2026-08."""
    version = request.headers.get("version")
    if version is None:
        raise Refusal(401, errors.NO_VERSION, brief=True)
    if version not in wire.VERSIONS:
        raise Refusal(401, errors.UNKNOWN_VERSION, brief=True)


def _check_generation(request: Request, operation: Operation) -> None:
    """Check the generation: github.com/GoHighLevel/highlevel-api-docs/issues/304, read 2026-11-20.

    Calling an operation of v3 with an older version is not reported.
    """
    generation = wire.generation(request)
    if generation in operation.generations:
        return
    if generation == V3:
        path = f"{request.method} {request.url.path}"
        raise Refusal(400, f"Endpoint {path} is not available in API version v3")
    raise errors.closed_route()


def _check_class(request: Request, operation: Operation, grant: Grant) -> None:
    if operation.place == "company":
        # github.com/GoHighLevel/highlevel-api-docs/issues/226: an agency's private token is refused here too.
        if grant.location_id is not None or grant.private:
            raise errors.closed_route()
        return
    if operation.place == "either":
        return
    if operation.place == "query":
        wire.required_query(request, "locationId")
    named = grant.location_id if operation.place == "token" else wire.location_of(request)
    if named is None or named != grant.location_id:
        raise errors.foreign_location()


def _admit(request: Request, operation: Operation) -> None:
    """Check a call and count it. Raise Refusal."""
    vendor = wire.vendor_of(request)
    if operation.place == "open":
        return
    grant = _token(request)
    _check_version(request)
    _check_generation(request, operation)
    _check_class(request, operation, grant)
    request.scope[wire.GRANT_KEY] = grant
    if vendor.config.rate_limits:
        vendor.windows.admit(grant.resource, vendor.now())
    if operation.scope and operation.scope not in grant.scopes:
        raise Refusal(401, errors.NO_SCOPE, brief=True)


def _add_limit_headers(request: Request, answer: Response) -> None:
    vendor = wire.vendor_of(request)
    if vendor.config.rate_limits and wire.GRANT_KEY in request.scope:
        answer.headers.update(vendor.windows.headers(wire.grant_of(request).resource, vendor.now()))


def dispatcher(endpoints: Mapping[str, Endpoint]) -> Endpoint:
    """Return the endpoint of all operations: it admits the call, runs the operation, adds the rate limit headers."""

    async def call(request: Request) -> Response:
        vendor, operation = wire.vendor_of(request), wire.operation_of(request)
        if _blocked(request):
            return HTMLResponse(errors.BLOCKED_PAGE, 403, {"Server": "cloudflare"})
        try:
            if operation is None:
                raise errors.closed_route()
            _admit(request, operation)
            answer = await endpoints[operation.name](request)
        except Refusal as error:
            answer = wire.refusal(vendor, error)
        _add_limit_headers(request, answer)
        return answer

    return call
