"""The methods of ConnectionService that attach a network's account to a planner's connection.

Owns the three methods of a network's consent. Makes no decisions; accounts are converted in `accounts.py`.
"""

from typing import Any

from gateway.aip import names
from gateway.domain.accounts import attach, attach_consent
from gateway.domain.accounts.attach_consent import StartedConsent
from gateway.domain.context import Domain
from gateway.rpc import accounts
from gateway.rpc.convert import write_times
from gateway.rpc.request import RequestGuard, or_not_found
from providers.models.accounts import AttachableAccount
from socialgateway.v1 import account_pb2, connection_pb2, connection_service_pb2


class NetworkMethods:
    """The three methods; ConnectionService provides the domain and the guard."""

    _domain: Domain
    _guard: RequestGuard

    async def StartAccountAuthorization(
        self, request: connection_service_pb2.StartAccountAuthorizationRequest, context: Any
    ) -> connection_pb2.AccountAuthorization:
        """Start the consent of a network account's owner."""
        location, connection = names.CONNECTION.parse(request.parent, path="parent")
        caller = await self._guard.authorize(location)
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
        return _started(await or_not_found(request.parent, starting))

    async def ListAttachableAccounts(
        self, request: connection_service_pb2.ListAttachableAccountsRequest, context: Any
    ) -> connection_service_pb2.ListAttachableAccountsResponse:
        """List the accounts that a consent makes available, page by page."""
        location, connection = names.CONNECTION.parse(request.parent, path="parent")
        await self._guard.authorize(location)
        page = self._guard.read_page(request)
        platform, authorization_id = request.platform, request.authorization_id
        listing = attach.attachable(
            self._domain, location, connection, platform=platform, authorization_id=authorization_id
        )
        after = str(page.after[0]) if page.after else ""
        found = [each for each in await or_not_found(request.parent, listing) if each.provider_account_id > after]
        items, token = self._guard.split_page(
            request, page, found, _attachable, lambda each: (each.provider_account_id,)
        )
        return connection_service_pb2.ListAttachableAccountsResponse(attachable_accounts=items, next_page_token=token)

    async def AttachAccount(
        self, request: connection_service_pb2.AttachAccountRequest, context: Any
    ) -> account_pb2.Account:
        """Attach the chosen account."""
        location, connection = names.CONNECTION.parse(request.parent, path="parent")
        key = await self._guard.authorize_write(location, request)
        attaching = attach.attach(
            self._domain,
            location,
            connection,
            platform=request.platform,
            authorization_id=request.authorization_id,
            provider_account_id=request.provider_account_id,
            key=key,
        )
        row = await or_not_found(request.parent, attaching)
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
