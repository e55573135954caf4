"""A provider that refuses what its own capability table does not promise, before the network.

Owns the table of what each method of the interface needs, and the proxy that checks it. What a publish request needs is
`checked_publishing.py`. Knows no vendor.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any, cast

from providers import interface
from providers.capabilities import Capability, CapabilityTable
from providers.checked_publishing import check_request
from providers.errors import require
from providers.interface import Access, Provider
from providers.models.grants import GrantKind

Check = Capability | Callable[..., None]
"""A capability, or a function called as (capability table, facet, *the arguments of the method)."""


def _one_account(table: CapabilityTable, facet: object, access: Access, parts: object, account: str = "") -> None:
    if account:
        require(table, Capability.ACCOUNT_LIST)


def _metrics(table: CapabilityTable, facet: object, *args: object, metrics: bool = True, **rest: object) -> None:
    if metrics:
        require(table, Capability.METRICS)


def _request(table: CapabilityTable, facet: object, *args: Any) -> None:
    """Check the publish request, which is the last argument."""
    check_request(table, args[-1])


def _each(*methods: str, needs: Sequence[Check] = ()) -> dict[str, Sequence[Check]]:
    """Return rows of the table for methods that need the same."""
    return dict.fromkeys(methods, needs)


NEEDS: Mapping[type, Mapping[str, Sequence[Check]]] = {
    interface.Authorization: {
        **_each("scopes", "returns_state", "settings", "settings_of_grant", "discover_settings"),
        **_each("consent_uri", "redirect_error", "exchange", "refresh", needs=[Capability.OAUTH]),
        "revoke": [Capability.REVOKE],
        "static": [Capability.STATIC_TOKEN],
        **_each("places", "derive", needs=[Capability.AGENCY_GRANTS]),
    },
    interface.Accounts: {"profile": [_one_account], "creator_info": [Capability.CREATOR_INFO]},
    interface.Networks: {
        "linked": [Capability.ACCOUNT_LIST],
        **_each("signal", "start", "choices", "attach", needs=[Capability.ACCOUNT_ATTACH]),
        "detach": [Capability.ACCOUNT_DETACH],
    },
    interface.Videos: {
        "list_videos": [Capability.VIDEO_LIST, _metrics],
        "query_videos": [Capability.VIDEO_QUERY, _metrics],
    },
    interface.Publishing: {
        "check": [_request],
        "begin": [_request, lambda table, facet, access, request: facet.check(request)],
        # These follow a `begin`, which was checked.
        **_each("store", "send_chunk", "status", "find", "public_uri"),
        "metrics": [Capability.METRICS],
        "cancel": [Capability.POST_CANCEL],
    },
    interface.Records: {
        "statuses": [],
        "edit": [Capability.POST_EDIT, _request],
        # A planner cancels a post by deleting its record.
        "delete": [Capability.POST_CANCEL],
    },
    interface.Webhooks: {"redelivery_status": [], **_each("read", "parse", "subscribe", needs=[Capability.WEBHOOKS])},
    interface.Engagement: {
        "figures": [Capability.ACCOUNT_METRICS],
        "list_comments": [Capability.COMMENT_LIST],
        "check_comment": [Capability.COMMENT_REPLY],
        "create_comment": [
            Capability.COMMENT_REPLY,
            lambda table, facet, access, account, *, text, **rest: facet.check_comment(account, text),
        ],
        "set_liked": [Capability.COMMENT_MODERATE],
        "set_hidden": [Capability.COMMENT_HIDE],
        "delete_comment": [Capability.COMMENT_DELETE],
    },
    interface.Planner: {
        **_each("list_categories", "list_tags", needs=[Capability.PLANNER_LABELS]),
        **_each("send_sheet", "assign_sheet", "find_import", needs=[Capability.POST_IMPORT]),
        **_each("get_import", "finalize_import", "delete_import", needs=[Capability.POST_IMPORT]),
    },
    interface.Ads: {
        **_each("ad_accounts", "check", "create", "find_created", "differences", needs=[Capability.ADS]),
        **_each("find", "update", "switch", "upload_media", "media", "covers", needs=[Capability.ADS]),
        **_each("identities", "authorize_post", "share_post", "report", needs=[Capability.ADS]),
        **_each("check_long_report", "request_report", "report_task", "report_rows", needs=[Capability.ADS]),
    },
    interface.Audiences: {
        **_each("limits", "upload", "create", "find_created", "change", needs=[Capability.AUDIENCES]),
        **_each("get", "page", "delete", needs=[Capability.AUDIENCES]),
    },
}
"""What each method and property of a facet needs, checked in this order. One that is not listed cannot be used."""


def checked(provider: Provider) -> Provider:
    """Wrap a provider: what its table does not promise raises CapabilityMissing, oversized posts ContentRefused."""
    names = {protocol.__name__.lower(): protocol for protocol in NEEDS}
    facets: dict[str, Any] = {
        name: _CheckedFacet(protocol, getattr(provider, name), provider.table) for name, protocol in names.items()
    }
    authorizations = {
        kind: cast(interface.Authorization, _CheckedFacet(interface.Authorization, facet, provider.table))
        for kind, facet in provider.authorizations.items()
    }
    return _CheckedProvider(provider.name, provider.table, provider.close, authorizations, **facets)


@dataclass(frozen=True, slots=True)
class _CheckedProvider:
    """The wrapped provider."""

    name: str
    table: CapabilityTable
    close: Callable[[], Coroutine[Any, Any, None]]
    authorizations: Mapping[GrantKind, interface.Authorization]
    authorization: interface.Authorization
    accounts: interface.Accounts
    networks: interface.Networks
    videos: interface.Videos
    publishing: interface.Publishing
    records: interface.Records
    webhooks: interface.Webhooks
    engagement: interface.Engagement
    planner: interface.Planner
    ads: interface.Ads
    audiences: interface.Audiences


class _CheckedFacet:
    """A facet that runs the checks of NEEDS before each method and property of the provider's own facet."""

    def __init__(self, protocol: type, inner: object, table: CapabilityTable) -> None:
        """Bind every method once; whether it is asynchronous is what the interface declares."""
        self._inner, self._table, self._needs = inner, table, NEEDS[protocol]
        for name in self._needs:
            declared = getattr(protocol, name)
            if not isinstance(declared, property):
                vars(self)[name] = self._method(name, asynchronous=iscoroutinefunction(declared))

    def __getattr__(self, name: str) -> Any:
        """Check and read a property; methods are bound and never get here."""
        if name.startswith("_") or name not in self._needs:
            raise AttributeError(f"{name} is not in the table of what methods need")
        self._check(name)
        return getattr(self._inner, name)

    def _method(self, name: str, *, asynchronous: bool) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._check(name, *args, **kwargs)
            return getattr(self._inner, name)(*args, **kwargs)

        async def call_later(*args: Any, **kwargs: Any) -> Any:
            return await call(*args, **kwargs)

        return call_later if asynchronous else call

    def _check(self, method: str, /, *args: Any, **kwargs: Any) -> None:
        for check in self._needs[method]:
            if isinstance(check, Capability):
                require(self._table, check)
            else:
                check(self._table, self._inner, *args, **kwargs)
