"""Ads in TikTok's words: the body of a create and of an update, and a row of the list.

Owns `/ad/…` but for the switch. What may be wanted is in rules.py. Our ads have one creative each: their names tell
them apart, because `/ad/create/` has no deduplication id.
"""

from collections.abc import Mapping
from typing import Any

from providers.models.ads import (
    AdLevel,
    AdNode,
    AdSpec,
    Creative,
    ExistingPost,
    IdentityKind,
    IdentityRef,
    UploadedVideo,
)
from providers.tiktok_business.ads import words
from providers.tiktok_common import values

VIDEO = "SINGLE_VIDEO"


def create_body(spec: AdSpec, *, ad_group_id: str, key: str) -> dict[str, Any]:
    """Return the body of a create, paused.

    A video that is uploaded for an ad stays an ad: without `dark_post_status` it would also become a public post of the
    account as which it is shown.
    """
    creative = {**creative_fields(spec, words.tagged(spec.name, key)), "operation_status": "DISABLE"}
    if isinstance(spec.creative, UploadedVideo) and spec.identity.kind is not IdentityKind.CUSTOM:
        creative["dark_post_status"] = "ON"
    return {"adgroup_id": ad_group_id, "creatives": [creative]}


def update_body(spec: AdSpec, *, id: str, ad_group_id: str, name: str) -> dict[str, Any]:
    """Return the body of an update with the whole creative, so that it is the same whether it replaces or patches."""
    creative = {"ad_id": id, **creative_fields(spec, name)}
    return {"adgroup_id": ad_group_id, "patch_update": True, "creatives": [creative]}


def creative_fields(spec: AdSpec, name: str) -> dict[str, Any]:
    """Return one creative; `name` is the ad's as TikTok has it."""
    center = spec.identity.business_center_id
    return {
        "ad_name": name,
        "identity_type": words.IDENTITIES[spec.identity.kind],
        "identity_id": spec.identity.id,
        **({"identity_authorized_bc_id": center} if center else {}),
        "ad_format": VIDEO,
        **_source(spec.creative),
        **({"ad_text": spec.text} if spec.text else {}),
        **({"call_to_action": spec.call_to_action} if spec.call_to_action else {}),
        **({"landing_page_url": spec.landing_uri} if spec.landing_uri else {}),
    }


def _source(creative: Creative) -> dict[str, Any]:
    if isinstance(creative, ExistingPost):
        return {"tiktok_item_id": creative.post_id}
    return {"video_id": creative.video_id, "image_ids": [creative.cover_id]}


def read_node(row: Mapping[str, Any]) -> AdNode:
    """Parse an ad."""
    name, tag = words.untagged(values.text(row, "ad_name"))
    status = values.text(row, "secondary_status")
    return AdNode(
        level=AdLevel.AD,
        id=values.identifier(row.get("ad_id")),
        name=name,
        campaign_id=values.identifier(row.get("campaign_id")),
        ad_group_id=values.identifier(row.get("adgroup_id")),
        spec=_read_spec(row, name),
        switch=words.switch(values.text(row, "operation_status")),
        state=words.state(status),
        vendor_status=status,
        tag=tag,
        create_time=words.time_value(row, "create_time"),
        modify_time=words.time_value(row, "modify_time"),
    )


def _read_spec(row: Mapping[str, Any], name: str) -> AdSpec | None:
    """Parse the spec, None for an ad that is neither a video with a cover nor a post."""
    creative, identity = _read_creative(row), read_identity(row)
    if creative is None or identity is None:
        return None
    return AdSpec(
        name=name,
        creative=creative,
        identity=identity,
        text="" if isinstance(creative, ExistingPost) else values.text(row, "ad_text"),
        call_to_action=values.text(row, "call_to_action"),
        landing_uri=values.text(row, "landing_page_url"),
    )


def _read_creative(row: Mapping[str, Any]) -> Creative | None:
    if post := values.identifier(row.get("tiktok_item_id")):
        return ExistingPost(post)
    video, images = values.identifier(row.get("video_id")), words.strings(row, "image_ids")
    return UploadedVideo(video, images[0]) if video and len(images) == 1 else None


def read_identity(row: Mapping[str, Any]) -> IdentityRef | None:
    """Parse the reference to an identity, None for one of a kind that we do not have."""
    kind = words.ours(words.IDENTITIES, values.text(row, "identity_type"))
    id = values.identifier(row.get("identity_id"))
    if kind is None or not id:
        return None
    return IdentityRef(kind, id, values.identifier(row.get("identity_authorized_bc_id")))
