"""The part of ConnectionService about networks inside a grant: from the wire to the rules and back.

Owns the three methods of a network's consent. Decides nothing; what an account looks like is `accounts`.
"""

from typing import Any

from gateway.aip import names, paging
from gateway.domain.accounts import attach, attach_consent
from gateway.domain.accounts.attach_consent import StartedConsent
from gateway.domain.context import Domain
from gateway.rpc import accounts
from gateway.rpc.convert import write_times
from gateway.rpc.request import RequestGuard, known
from providers.models.accounts import AttachableAccount
from socialgateway.v1 import account_pb2, connection_pb2, connection_service_pb2


class NetworkMethods:
    """Serves consents on networks; the service gives it its rules and its guard."""

    _domain: Domain
    _guard: RequestGuard

    async def StartAccountAuthorization(
        self, request: connection_service_pb2.StartAccountAuthorizationRequest, context: Any
    ) -> connection_pb2.AccountAuthorization:
        """Start the consent of an account's owner."""
        location, connection = names.CONNECTION.parse(request.parent, path="parent")
        caller = await self._guard.enter(location)
        key = self._guard.request_key(caller, location, request)
        starting = attach_consent.start(
            self._domain,
            caller,
            location,
            connection,
            platform=request.platform,
            reconnect=request.reconnect,
            return_uri=request.return_uri,
            key=key,
        )
        started = await known(request.parent, starting)
        return _started(started)

    async def ListAttachableAccounts(
        self, request: connection_service_pb2.ListAttachableAccountsRequest, context: Any
    ) -> connection_service_pb2.ListAttachableAccountsResponse:
        """List who is behind a consent, page by page."""
        location, connection = names.CONNECTION.parse(request.parent, path="parent")
        await self._guard.enter(location)
        page = paging.read(request, secret=self._guard.page_secret)
        asking = attach.attachable(
            self._domain,
            location,
            connection,
            platform=request.platform,
            authorization_id=request.authorization_id,
        )
        found = await known(request.parent, asking)
        following = [each for each in found if not page.after or each.provider_account_id > str(page.after[0])]
        shown, token = following[: page.size], ""
        if len(following) > page.size:
            token = paging.next_token(request, (shown[-1].provider_account_id,), secret=self._guard.page_secret)
        return connection_service_pb2.ListAttachableAccountsResponse(
            attachable_accounts=[_attachable(each) for each in shown], next_page_token=token
        )

    async def AttachAccount(
        self, request: connection_service_pb2.AttachAccountRequest, context: Any
    ) -> account_pb2.Account:
        """Attach who was chosen."""
        location, connection = names.CONNECTION.parse(request.parent, path="parent")
        caller = await self._guard.enter(location)
        key = self._guard.request_key(caller, location, request)
        attaching = attach.attach(
            self._domain,
            location,
            connection,
            platform=request.platform,
            authorization_id=request.authorization_id,
            provider_account_id=request.provider_account_id,
            key=key,
        )
        row = await known(request.parent, attaching)
        return accounts.to_proto(row, self._domain.clock())


def _started(started: StartedConsent) -> connection_pb2.AccountAuthorization:
    message = connection_pb2.AccountAuthorization(uri=started.page.reveal(), provider_uri=started.vendor_page.reveal())
    write_times(message, expire_time=started.expire_time)
    return message


def _attachable(each: AttachableAccount) -> connection_pb2.AttachableAccount:
    return connection_pb2.AttachableAccount(
        provider_account_id=each.provider_account_id,
        username=each.username,
        display_name=each.display_name,
        avatar_uri=each.avatar_uri,
        attached=each.attached,
        kind=each.kind,
    )
