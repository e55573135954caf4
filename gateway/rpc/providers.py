"""ProviderService: what each provider can do, from its own capability table.

Owns converting that table. Knows no provider, and calls none.
"""

from collections.abc import Mapping
from typing import Any

from gateway.aip import names, paging
from gateway.errors import ResourceNotFound
from providers.capabilities import Capability, CapabilityTable, Limits, RequiredMedia
from socialgateway.v1 import provider_pb2, provider_service_pb2, provider_service_pb2_grpc

_REQUIRED = {
    RequiredMedia.NONE: provider_pb2.REQUIRED_MEDIA_UNSPECIFIED,
    RequiredMedia.ANY: provider_pb2.REQUIRED_MEDIA_ANY,
    RequiredMedia.VIDEO: provider_pb2.REQUIRED_MEDIA_VIDEO,
}


class ProviderService(provider_service_pb2_grpc.ProviderServiceServicer):
    """Serves the capability tables of this process's providers, by provider id."""

    def __init__(self, tables: Mapping[str, CapabilityTable], page_secret: bytes) -> None:
        """Build the responses once: they never change while the process runs."""
        self._messages = {name: to_proto(tables[name]) for name in sorted(tables)}
        self._page_secret = page_secret

    async def GetProvider(
        self, request: provider_service_pb2.GetProviderRequest, context: Any
    ) -> provider_pb2.Provider:
        """Return one provider."""
        name = names.provider(request.name, path="name")
        if name not in self._messages:
            raise ResourceNotFound(names.PROVIDER.format(name))
        return self._messages[name]

    async def ListProviders(
        self, request: provider_service_pb2.ListProvidersRequest, context: Any
    ) -> provider_service_pb2.ListProvidersResponse:
        """Return the providers by name."""
        page = paging.read(request, secret=self._page_secret)
        found = [name for name in self._messages if not page.after or name > str(page.after[0])]
        messages = [self._messages[name] for name in found]
        items, token = paging.split(request, page, messages, lambda index: (found[index],), secret=self._page_secret)
        return provider_service_pb2.ListProvidersResponse(providers=items, next_page_token=token)


def to_proto(table: CapabilityTable) -> provider_pb2.Provider:
    """Return a provider's table with a row for every capability, also those that the provider does not have."""
    return provider_pb2.Provider(
        name=names.PROVIDER.format(table.provider),
        display_name=table.display_name,
        capabilities=[_support(table, capability) for capability in Capability],
        publishing_limits=_limits(table.limits),
        platform_limits={platform: _limits(limits) for platform, limits in table.platform_limits.items()},
    )


def _support(table: CapabilityTable, capability: Capability) -> provider_pb2.CapabilitySupport:
    """Return one row of the table; both enums' names are the contract's without the prefix."""
    cell = table.cell(capability)
    return provider_pb2.CapabilitySupport(
        capability=f"CAPABILITY_{capability.name}",
        support=f"SUPPORT_{cell.support.name}",
        note=cell.note,
    )


def _limits(limits: Limits) -> provider_pb2.PublishingLimits:
    """Return the limits; 0, or unset, where the vendor has no limit."""
    message = provider_pb2.PublishingLimits(
        max_caption_length=limits.max_caption_units,
        max_photos=limits.max_photos,
        max_video_bytes=limits.max_video_bytes,
        min_chunk_bytes=limits.min_chunk_bytes,
        max_chunk_bytes=limits.max_chunk_bytes,
        max_posts_per_day=limits.max_posts_per_day,
        max_title_length=limits.max_title_units,
        max_photo_caption_length=limits.max_photo_caption_units,
        max_photo_bytes=limits.max_photo_bytes,
        max_photo_short_side=limits.max_photo_short_side,
        text_unit=f"TEXT_UNIT_{limits.text_unit.name}",
        max_caption_bytes=limits.max_caption_bytes,
        required_media=_REQUIRED[limits.required_media],
        photo_mime_types=limits.photo_mime_types,
        video_mime_types=limits.video_mime_types,
    )
    if limits.max_video_duration is not None:
        message.max_video_duration.FromTimedelta(limits.max_video_duration)
    return message
