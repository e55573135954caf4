"""A provider that refuses what its own capability table does not promise, before the network.

Owns the table of what each method of the interface needs, and the proxy that checks it. What a publish request needs is
`checked_publishing.py`. Knows no vendor.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any

from providers.capabilities import Capability, CapabilityTable
from providers.checked_publishing import check_request
from providers.errors import require
from providers.interface import (
    Access,
    Accounts,
    Authorization,
    Engagement,
    Networks,
    Planner,
    Provider,
    Publishing,
    Records,
    Videos,
    Webhooks,
)
from providers.models.engagement import AccountRef
from providers.models.publishing import PublishRequest

Check = Capability | Callable[..., None]
"""A capability, or a function called as (capability table, facet, *the arguments of the method)."""


def _one_account(table: CapabilityTable, facet: Accounts, access: Access, parts: object, account: str = "") -> None:
    if account:
        require(table, Capability.ACCOUNT_LIST)


def _metrics(table: CapabilityTable, facet: Videos, *args: object, metrics: bool = True, **rest: object) -> None:
    if metrics:
        require(table, Capability.METRICS)


def _request(table: CapabilityTable, facet: Publishing, request: PublishRequest) -> None:
    check_request(table, request)


def _begin(table: CapabilityTable, facet: Publishing, access: Access, request: PublishRequest) -> None:
    check_request(table, request)
    facet.check(request)


def _edit(table: CapabilityTable, facet: Records, access: Access, publish_id: str, request: PublishRequest) -> None:
    check_request(table, request)


def _comment(
    table: CapabilityTable, facet: Engagement, access: Access, account: AccountRef, *, text: str, **rest: object
) -> None:
    facet.check_comment(account, text)


NEEDS: Mapping[type, Mapping[str, Sequence[Check]]] = {
    Authorization: {
        "scopes": [],
        "returns_state": [],
        "settings": [],
        "settings_of_grant": [],
        "discover_settings": [],
        "consent_uri": [Capability.OAUTH],
        "redirect_error": [Capability.OAUTH],
        "exchange": [Capability.OAUTH],
        "refresh": [Capability.OAUTH],
        "revoke": [Capability.REVOKE],
        "static": [Capability.STATIC_TOKEN],
        "places": [Capability.AGENCY_GRANTS],
        "derive": [Capability.AGENCY_GRANTS],
    },
    Accounts: {
        "profile": [_one_account],
        "creator_info": [Capability.CREATOR_INFO],
    },
    Networks: {
        "linked": [Capability.ACCOUNT_LIST],
        "signal": [Capability.ACCOUNT_ATTACH],
        "start": [Capability.ACCOUNT_ATTACH],
        "choices": [Capability.ACCOUNT_ATTACH],
        "attach": [Capability.ACCOUNT_ATTACH],
        "detach": [Capability.ACCOUNT_DETACH],
    },
    Videos: {
        "list_videos": [Capability.VIDEO_LIST, _metrics],
        "query_videos": [Capability.VIDEO_QUERY, _metrics],
    },
    Publishing: {
        "check": [_request],
        "begin": [_begin],
        # These follow a `begin`, which was checked.
        "store": [],
        "send_chunk": [],
        "status": [],
        "metrics": [Capability.METRICS],
        "find": [],
        "public_uri": [],
        "cancel": [Capability.POST_CANCEL],
    },
    Records: {
        "statuses": [],
        "edit": [Capability.POST_EDIT, _edit],
        # A planner cancels a post by deleting its record.
        "delete": [Capability.POST_CANCEL],
    },
    Webhooks: {
        "redelivery_status": [],
        "read": [Capability.WEBHOOKS],
        "parse": [Capability.WEBHOOKS],
    },
    Engagement: {
        "figures": [Capability.ACCOUNT_METRICS],
        "list_comments": [Capability.COMMENT_LIST],
        "check_comment": [Capability.COMMENT_REPLY],
        "create_comment": [Capability.COMMENT_REPLY, _comment],
        "set_liked": [Capability.COMMENT_MODERATE],
    },
    Planner: {
        "list_categories": [Capability.PLANNER_LABELS],
        "list_tags": [Capability.PLANNER_LABELS],
        "send_sheet": [Capability.POST_IMPORT],
        "assign_sheet": [Capability.POST_IMPORT],
        "find_import": [Capability.POST_IMPORT],
        "get_import": [Capability.POST_IMPORT],
        "finalize_import": [Capability.POST_IMPORT],
        "delete_import": [Capability.POST_IMPORT],
    },
}
"""What each method and property of a facet needs, checked in this order. One that is not listed cannot be used."""


def checked(provider: Provider) -> Provider:
    """Wrap a provider: what its table does not promise raises CapabilityMissing, oversized posts ContentRefused."""

    def facet(protocol: type, inner: object) -> Any:
        return _CheckedFacet(protocol, inner, provider.table)

    return _CheckedProvider(
        name=provider.name,
        table=provider.table,
        authorization=facet(Authorization, provider.authorization),
        accounts=facet(Accounts, provider.accounts),
        networks=facet(Networks, provider.networks),
        videos=facet(Videos, provider.videos),
        publishing=facet(Publishing, provider.publishing),
        records=facet(Records, provider.records),
        webhooks=facet(Webhooks, provider.webhooks),
        engagement=facet(Engagement, provider.engagement),
        planner=facet(Planner, provider.planner),
        close=provider.close,
    )


@dataclass(frozen=True, slots=True)
class _CheckedProvider:
    """The wrapped provider."""

    name: str
    table: CapabilityTable
    authorization: Authorization
    accounts: Accounts
    networks: Networks
    videos: Videos
    publishing: Publishing
    records: Records
    webhooks: Webhooks
    engagement: Engagement
    planner: Planner
    close: Callable[[], Coroutine[Any, Any, None]]


class _CheckedFacet:
    """A facet that runs the checks of NEEDS before each method and property of the provider's own facet."""

    def __init__(self, protocol: type, inner: object, table: CapabilityTable) -> None:
        """Bind every method once; whether it is asynchronous is what the interface declares."""
        self._inner = inner
        self._table = table
        self._needs = NEEDS[protocol]
        for name in self._needs:
            declared = getattr(protocol, name)
            if not isinstance(declared, property):
                vars(self)[name] = self._async_method(name) if iscoroutinefunction(declared) else self._method(name)

    def __getattr__(self, name: str) -> Any:
        """Check and read a property; methods are bound and never get here."""
        if name.startswith("_") or name not in self._needs:
            raise AttributeError(f"{name} is not in the table of what methods need")
        self._check(name)
        return getattr(self._inner, name)

    def _method(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._check(name, *args, **kwargs)
            return getattr(self._inner, name)(*args, **kwargs)

        return call

    def _async_method(self, name: str) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            self._check(name, *args, **kwargs)
            return await getattr(self._inner, name)(*args, **kwargs)

        return call

    def _check(self, method: str, /, *args: Any, **kwargs: Any) -> None:
        for check in self._needs[method]:
            if isinstance(check, Capability):
                require(self._table, check)
            else:
                check(self._table, self._inner, *args, **kwargs)
