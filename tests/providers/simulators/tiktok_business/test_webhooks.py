"""The app's subscriptions, and what is sent to them."""

import json
from typing import Any

import httpx

from providers.simulators.tiktok.webhooks import signature
from providers.simulators.tiktok_business import SimulatorConfig, create_app
from tests.fixtures.clock import Clock
from tests.providers.simulators.tiktok_business.conftest import CLIENT, World

APP = {"app_id": CLIENT["client_id"], "secret": CLIENT["client_secret"]}
CALLBACK = "https://gateway.example/webhooks/tiktok"


async def test_an_event_type_has_one_address(world: World) -> None:
    """A subscription can be set, read, replaced and deleted."""
    for url in ("https://old.example/", CALLBACK):
        assert (
            0 == (await world.post("/business/webhook/update/", **APP, event_type="COMMENT", callback_url=url))["code"]
        )
    shown = (await world.get("/business/webhook/list/", **APP, event_type="COMMENT"))["data"]
    assert CALLBACK == shown["callback_url"]
    await world.post("/business/webhook/delete/", **APP, event_type="COMMENT")
    assert {} == (await world.get("/business/webhook/list/", **APP, event_type="COMMENT"))["data"]
    refused = await world.get("/business/webhook/list/", app_id=APP["app_id"], secret="no", event_type="COMMENT")
    assert 40101 == refused["code"]


async def test_a_publish_is_told_by_its_share_id(world: World) -> None:
    """What becomes of a publish is sent to the address for posts, under the id that the call returned."""
    sent: list[tuple[str, bytes]] = []
    world.vendor.webhooks.post = lambda body, *_, url, **rest: sent.append((url, body))  # type: ignore[method-assign]
    world.vendor.subscriptions["VIDEO"] = CALLBACK
    video: dict[str, Any] = {"video_url": "https://media.example/1.mp4", "post_info": {}}
    share = (await world.post("/business/video/publish/", **video))["data"]["share_id"]
    await world.get("/business/publish/status/", publish_id=share)
    bodies = [json.loads(body) for _, body in sent]
    assert {CALLBACK} == {url for url, _ in sent}
    assert "post.publish.complete" in [each["event"] for each in bodies]
    assert {share} == {json.loads(each["content"])["share_id"] for each in bodies}


async def test_a_comment_is_told_with_its_integers() -> None:
    """A comment is signed, and its content is JSON in JSON, with ids above 2**53 as numbers."""
    received: list[httpx.Request] = []

    async def take(request: httpx.Request) -> httpx.Response:
        received.append(request)
        return httpx.Response(200)

    app = create_app(SimulatorConfig(), clock=Clock(), transport=httpx.MockTransport(take))
    vendor = app.state.vendor
    vendor.subscriptions["COMMENT"] = CALLBACK
    video = vendor.add_post()
    comment = vendor.add_comment(video.id, "Hello")
    await vendor.idle()
    [request] = received
    body: dict[str, Any] = json.loads(request.content)
    content = json.loads(body["content"])
    assert ("comment.update", vendor.account.open_id) == (body["event"], body["user_openid"])
    assert (int(comment.comment_id), int(video.id), "insert") == (
        content["comment_id"],
        content["video_id"],
        content["comment_action"],
    )
    moment = request.headers["tiktok-signature"].partition(",")[0].removeprefix("t=")
    assert signature(APP["secret"], int(moment), request.content) == request.headers["tiktok-signature"]
    await vendor.aclose()
