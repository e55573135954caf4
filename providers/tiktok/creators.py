"""What a TikTok creator may post now, and the refusals that TikTok deliberately sends with HTTP 200.

Owns `creator_info/query`. Caches nothing: TikTok requires the latest on each page.
"""

from providers.errors import ContractBroken, CreatorBlocked, DailyCapReached, ProviderError
from providers.interface.access import Access
from providers.models.accounts import CreatorInfo
from providers.tiktok.client import Client
from providers.tiktok.errors import contract
from providers.tiktok_common.creators import read_creator

PATH = "/v2/post/publish/creator_info/query/"


async def creator_info(client: Client, access: Access) -> CreatorInfo:
    """Fetch the creator info; a creator who is blocked is a result with `can_post` False and TikTok's code."""
    fetched = client.clock()
    try:
        envelope = await client.read(access, PATH)
    except ProviderError as refusal:
        if not _is_block(refusal):
            raise
        return CreatorInfo(
            can_post=False,
            cannot_post_reason=refusal.code,
            cannot_post_message=refusal.metadata.get("provider_message", ""),
            daily_cap=isinstance(refusal, DailyCapReached),
            cap=refusal.metadata.get("quota", ""),
            fetch_time=fetched,
            raw={"error": {"code": refusal.code, "log_id": refusal.log_id}},
        )
    if not envelope.data:
        raise contract("TikTok's creator info is empty.", envelope)
    return read_creator(envelope.data, fetched)


def _is_block(refusal: ProviderError) -> bool:
    """Return whether a refusal means that the creator cannot post: a known code, or an unknown one with HTTP 200.

    "Query Creator Info" (developers.tiktok.com, 2026-11-20) sends exactly these refusals with HTTP 200; a code that is
    not known yet must not look like a creator who can post.
    """
    unknown = isinstance(refusal, ContractBroken) and refusal.code != "contract" and refusal.http_status == 200
    return isinstance(refusal, CreatorBlocked) or unknown
