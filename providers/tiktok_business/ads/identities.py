"""As whom ads are shown: the identities of an ad account, and posts whose authors let it advertise them.

Owns `/identity/get/` and `/tt_video/…`, whose answers name post and identity (portal, 2026-08-13).
"""

from collections.abc import Mapping
from typing import Any

from providers.http import strict_json
from providers.interface.access import Access
from providers.models.ads import AdIdentity, AuthorizedPost, ExistingPost, IdentityKind, IdentityPage, IdentityRef
from providers.tiktok_business.ads import words
from providers.tiktok_business.ads.calls import Calls, next_page, page_of, rows_of
from providers.tiktok_business.ads.capabilities import CHANGE_IDENTITIES, IDENTITIES
from providers.tiktok_business.ads.creatives import read_identity
from providers.tiktok_business.errors import contract
from providers.tiktok_common import values

LIST_PATH = "/identity/get/"
AUTHORIZE_PATH, POST_PATH = "/tt_video/authorize/", "/tt_video/info/"
MAX_PAGE = 100


async def list_identities(calls: Calls, access: Access, account_id: str, *, cursor: str, limit: int) -> IdentityPage:
    """Read one page; identities of kinds that we do not have are left out."""
    page = page_of(cursor)
    query = {"page": page, "page_size": max(1, min(limit, MAX_PAGE))}
    envelope = await calls.read(access, LIST_PATH, account_id, query, scope=IDENTITIES)
    if not isinstance(envelope.data.get("identity_list"), list):
        raise contract("TikTok's answer has no list of identities.", envelope)
    found = [_read(row) for row in rows_of(envelope.data, "identity_list")]
    return IdentityPage(tuple(each for each in found if each is not None), next_page(envelope.data, page)[0])


def _read(row: Mapping[str, Any]) -> AdIdentity | None:
    ref = read_identity(row)
    if ref is None:
        return None
    status, posts = values.text(row, "available_status"), row.get("can_pull_video")
    return AdIdentity(
        ref=ref,
        display_name=values.text(row, "display_name"),
        username=values.text(row, "username"),
        image_uri=values.text(row, "profile_image"),
        usable=status == "AVAILABLE" if status else None,
        can_use_posts=posts if isinstance(posts, bool) else None,
    )


async def authorize_post(calls: Calls, access: Access, account_id: str, code: str) -> AuthorizedPost:
    """Redeem the code of a post, and read which post it is; see the interface."""
    sent = {"auth_code": code}
    await calls.write(access, AUTHORIZE_PATH, account_id, sent, scope=CHANGE_IDENTITIES)
    envelope = await calls.read(access, POST_PATH, account_id, sent, scope=IDENTITIES)
    item, user, validity = (
        strict_json.mapping(envelope.data, name) for name in ("item_info", "user_info", "auth_info")
    )
    post, identity = values.identifier(item.get("item_id")), values.identifier(user.get("identity_id"))
    if not post or not identity:
        raise contract("TikTok's answer names no post.", envelope)
    return AuthorizedPost(
        creative=ExistingPost(post),
        identity=read_identity(user) or IdentityRef(IdentityKind.POST_AUTHOR, identity),
        start_time=words.time_value(validity, "auth_start_time"),
        end_time=words.time_value(validity, "auth_end_time"),
    )
