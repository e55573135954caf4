"""Letting ad accounts advertise a post: the code that the account which published it makes.

Owns `/business/post/authorize/…`, which are calls of an account holder's grant, not of an advertiser's.
"""

from providers.capabilities import Capability
from providers.errors import NotFound, ScopeNotGranted
from providers.interface.access import Access
from providers.models.ads import PostAuthorization
from providers.models.grants import GrantKind
from providers.models.secret import Secret
from providers.tiktok_business.ads import words
from providers.tiktok_business.ads.refused import unsupported
from providers.tiktok_business.capabilities import missing
from providers.tiktok_business.client import Client
from providers.tiktok_business.config import PROVIDER
from providers.tiktok_common import values

SETTING_PATH, AUTHORIZE_PATH, STATUS_PATH = (f"/business/post/authorize/{verb}" for verb in ("setting/", "", "status/"))
SCOPE = "biz.spark.auth"
DAYS = (7, 30, 60, 365)


async def share_post(client: Client, access: Access, post_id: str, *, days: int) -> PostAuthorization:
    """Allow a post to be advertised, and return its code; see the interface."""
    token = await access.token()
    if token.kind is not GrantKind.BUSINESS_ACCOUNT:
        raise missing(Capability.ADS, "A post is shared with GRANT_KIND_BUSINESS_ACCOUNT.")
    if SCOPE not in token.scopes:
        raise ScopeNotGranted(f"The scope {SCOPE} was not granted.", provider=PROVIDER, code="scope_not_granted")
    if days not in DAYS:
        raise unsupported("days", f"TikTok shares a post for {', '.join(map(str, DAYS))} days.")
    await client.write(access, SETTING_PATH, {"item_id": post_id, "is_ad_promotable": True})
    await client.write(access, AUTHORIZE_PATH, {"item_id": post_id, "authorization_days": days})
    data = (await client.read(access, STATUS_PATH, {"item_id": post_id})).data
    if not (code := values.text(data, "auth_code")):
        raise NotFound("TikTok has no code for the post.", provider=PROVIDER, code="auth_code")
    return PostAuthorization(
        code=Secret(code),
        start_time=words.time_value(data, "auth_code_start_time"),
        end_time=words.time_value(data, "auth_code_end_time"),
    )
