"""End-to-end flows against the simulated TikTok: from consent to a public post, and the failures on the way.

Owns what only several calls together can show. Single calls are in the files of their noun.
"""

import hashlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from providers.errors import (
    Ambiguous,
    ContractBroken,
    CreatorBlocked,
    DailyCapReached,
    GrantRevoked,
    ScopeNotGranted,
    TokenRefused,
    Unavailable,
    UploadGone,
)
from providers.models.accounts import PrivacyLevel, ProfilePart
from providers.models.publishing import FailureKind, PostMode, PostOptions, PublishPhase
from providers.simulators.tiktok import Fault
from tests.providers.faking import PIECE
from tests.providers.tiktok.sandbox import REDIRECT, Sandbox, in_process, on_a_socket
from tests.providers.tiktok.support import VERIFIER, publish_request

ALL_PARTS = frozenset(ProfilePart)
Where = Callable[..., AbstractAsyncContextManager[Sandbox]]


def sha256(size: int) -> str:
    """Return the hash of the first `size` bytes of the file that all tests send."""
    whole, rest = divmod(size, len(PIECE))
    return hashlib.sha256(PIECE * whole + PIECE[:rest]).hexdigest()


def exchanges(sandbox: Sandbox) -> list[tuple[str, str]]:
    """Return the calls of the token endpoint."""
    return [(call.grant_type, call.outcome) for call in sandbox.vendor.exchanges]


async def test_a_consent_becomes_a_profile() -> None:
    """Consent, code, grant, profile, creator info and videos take one call each."""
    async with in_process() as sandbox:
        access = await sandbox.connect()

        profile = await sandbox.provider.accounts.profile(access, ALL_PARTS)
        creator = await sandbox.provider.accounts.creator_info(access)
        page = await sandbox.provider.videos.list_videos(access)

        assert access.grant.subject == profile.provider_account_id
        assert sandbox.vendor.users[access.grant.subject].username == profile.username == creator.username
        assert (frozenset(), True) == (profile.missing, creator.can_post)
        assert PrivacyLevel.ONLY_ME in creator.privacy_levels
        assert "" == page.next_cursor


async def test_unticked_scopes_are_missing_from_the_grant() -> None:
    """Fields whose scope the user did not grant are neither requested nor returned."""
    async with in_process() as sandbox:
        access = await sandbox.connect("video.list")

        profile = await sandbox.provider.accounts.profile(access, ALL_PARTS)

        assert {"user.info.basic", "video.list"} == set(access.grant.scopes)
        assert {ProfilePart.PROFILE, ProfilePart.STATS} == profile.missing
        with pytest.raises(ScopeNotGranted):
            await sandbox.provider.accounts.creator_info(access)
        assert [("authorization_code", "ok")] == exchanges(sandbox)


async def test_a_denied_consent_says_so() -> None:
    """If the user declines, the callback has the refusal instead of a code."""
    async with in_process() as sandbox:
        query = await sandbox.consent(approve=False)

    assert (["access_denied"], ["st"]) == (query["error"], query["state"])


async def test_a_code_works_once() -> None:
    """The second exchange of a code raises GrantRevoked."""
    async with in_process() as sandbox:
        code = (await sandbox.consent())["code"][0]
        await sandbox.provider.authorization.exchange(code, verifier=VERIFIER, redirect_uri=REDIRECT)

        with pytest.raises(GrantRevoked):
            await sandbox.provider.authorization.exchange(code, verifier=VERIFIER, redirect_uri=REDIRECT)


async def test_an_expired_token_is_renewed_once_per_call() -> None:
    """An expired access token costs one refresh, and the rotated pair works."""
    async with in_process() as sandbox:
        access = await sandbox.connect()
        sandbox.vendor.expire_access_tokens()

        await sandbox.provider.accounts.profile(access, ALL_PARTS)
        await sandbox.provider.accounts.profile(access, ALL_PARTS)

        assert [("authorization_code", "ok"), ("refresh_token", "ok")] == exchanges(sandbox)


async def test_a_grant_that_was_removed_is_revoked() -> None:
    """After the user removed the app, a refresh raises GrantRevoked."""
    async with in_process() as sandbox:
        access = await sandbox.connect()
        sandbox.vendor.revoke(access.grant.subject)

        with pytest.raises(GrantRevoked):
            await sandbox.provider.accounts.profile(access, ALL_PARTS)


async def test_revoking_ends_the_grant() -> None:
    """After a revoke both the token and its refresh are refused."""
    async with in_process() as sandbox:
        access = await sandbox.connect()

        await sandbox.provider.authorization.revoke(access.grant.access_token)

        with pytest.raises((GrantRevoked, TokenRefused)):
            await sandbox.provider.accounts.profile(access, ALL_PARTS)


@pytest.mark.parametrize("size", [1_000_000, 4_194_304, 6_000_000])
async def test_a_video_is_posted_in_process(size: int) -> None:
    """Init, one chunk, status: the vendor has one post with the same bytes, and its id is an exact string."""
    async with in_process() as sandbox:
        access = await sandbox.connect()
        video = publish_request(size=size, options=PostOptions(privacy_level=PrivacyLevel.PUBLIC), caption="Hello")

        begun = await sandbox.provider.publishing.begin(access, video)
        await sandbox.transfer(begun, video)
        status = await sandbox.provider.publishing.status(access, begun.publish_id)

        (post,) = sandbox.vendor.posts
        assert (begun.publish_id, sha256(size), size, "Hello") == (post.publish_id, post.sha256, post.size, post.title)
        assert (PublishPhase.PUBLISHED, (str(post.post_id),)) == (status.phase, status.post_ids)


@pytest.mark.parametrize(
    ("size", "chunks"), [(11_000_000, 1), (50_000_123, 1), (64_000_000, 1), (66_259_900, 6), (158_008_374, 15)]
)
async def test_a_video_is_posted_over_a_socket(size: int, chunks: int) -> None:
    """Real PUTs in the documented chunk plan arrive byte for byte."""
    async with on_a_socket() as sandbox:
        access = await sandbox.connect()
        video = publish_request(size=size)

        begun = await sandbox.provider.publishing.begin(access, video)
        await sandbox.transfer(begun, video)

        (post,) = sandbox.vendor.posts
        assert (sha256(size), size, chunks) == (post.sha256, post.size, len(sandbox.sent))


async def test_an_inbox_draft_waits_for_its_creator() -> None:
    """A draft in the inbox awaits the creator, and is published once the user posts it."""
    async with in_process() as sandbox:
        access = await sandbox.connect()
        video = publish_request(PostMode.CREATOR_INBOX, size=1_000_000)
        begun = await sandbox.provider.publishing.begin(access, video)
        await sandbox.transfer(begun, video)

        waiting = await sandbox.provider.publishing.status(access, begun.publish_id)
        sandbox.vendor.post_draft(begun.publish_id)
        posted = await sandbox.provider.publishing.status(access, begun.publish_id)

        assert (PublishPhase.AWAITING_CREATOR, PublishPhase.PUBLISHED) == (waiting.phase, posted.phase)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("file_format_check_failed", FailureKind.MEDIA),
        ("internal", FailureKind.RETRYABLE),
        ("new", FailureKind.UNKNOWN),
    ],
)
async def test_a_failed_publish_is_an_answer(reason: str, kind: FailureKind) -> None:
    """The vendor's failure reason is kept verbatim and classified."""
    async with in_process() as sandbox:
        access = await sandbox.connect()
        video = publish_request(size=1_000_000)
        sandbox.vendor.fail_next_publish(reason)
        begun = await sandbox.provider.publishing.begin(access, video)
        await sandbox.transfer(begun, video)

        status = await sandbox.provider.publishing.status(access, begun.publish_id)

        assert (PublishPhase.FAILED, reason, kind) == (status.phase, status.fail_code, status.fail_kind)
        assert [] == sandbox.vendor.posts


async def test_the_creators_cap_is_seen_before_and_at_the_init() -> None:
    """A daily cap is reported by creator info with HTTP 200 and by the init with 403."""
    async with in_process() as sandbox:
        access = await sandbox.connect()
        sandbox.vendor.set_creator(access.grant.subject, too_many_posts=True)

        creator = await sandbox.provider.accounts.creator_info(access)
        with pytest.raises(DailyCapReached):
            await sandbox.provider.publishing.begin(access, publish_request())

        assert (False, "spam_risk_too_many_posts") == (creator.can_post, creator.cannot_post_reason)


async def test_an_unaudited_app_needs_a_private_account() -> None:
    """An unaudited application is refused for the account, whatever the post."""
    async with in_process(audited=False) as sandbox:
        access = await sandbox.connect()

        with pytest.raises(CreatorBlocked):
            await sandbox.provider.publishing.begin(access, publish_request())


@pytest.mark.parametrize("setting", [False, True], ids=["last index", "count"])
@pytest.mark.parametrize("where", [in_process, on_a_socket])
async def test_a_chunk_whose_answer_was_lost_is_sent_again(where: Where, setting: bool) -> None:
    """If the answer to a stored chunk is lost, the same chunk again returns the progress, in either reading."""
    async with where(progress_is_count=setting) as sandbox:
        access = await sandbox.connect()
        video = publish_request(size=66_259_900)
        begun = await sandbox.provider.publishing.begin(access, video)
        await sandbox.chunk(begun, video, 0)
        sandbox.vendor.faults.add(Fault(match="upload", kind="drop_after"))

        with pytest.raises(Ambiguous):
            await sandbox.chunk(begun, video, 10_000_000)
        again = await sandbox.chunk(begun, video, 10_000_000)
        await sandbox.transfer(begun, video, 20_000_000)

        assert (20_000_000, False) == (again.received, again.complete)
        assert [sha256(66_259_900)] == [post.sha256 for post in sandbox.vendor.posts]


async def test_a_last_chunk_whose_answer_was_lost_is_complete() -> None:
    """Sending a chunk again after the post is published reports completion, and nothing is posted twice."""
    async with on_a_socket() as sandbox:
        access = await sandbox.connect()
        video = publish_request(size=1_000_000)
        begun = await sandbox.provider.publishing.begin(access, video)
        sandbox.vendor.faults.add(Fault(match="upload", kind="drop_after"))

        with pytest.raises(Ambiguous):
            await sandbox.chunk(begun, video, 0)
        again = await sandbox.chunk(begun, video, 0)

        assert (1_000_000, True) == (again.received, again.complete)
        assert 1 == len(sandbox.vendor.posts)


@pytest.mark.parametrize("kind", ["drop_before", "status"])
async def test_a_chunk_that_did_not_arrive_is_sent_again(kind: str) -> None:
    """If a chunk was lost or answered with 5xx, sending it again stores it."""
    async with on_a_socket() as sandbox:
        access = await sandbox.connect()
        video = publish_request(size=66_259_900)
        begun = await sandbox.provider.publishing.begin(access, video)
        sandbox.vendor.faults.add(Fault(match="upload", kind=kind, status=502 if kind == "status" else None))

        with pytest.raises(Ambiguous):
            await sandbox.chunk(begun, video, 0)
        await sandbox.transfer(begun, video)

        assert [sha256(66_259_900)] == [post.sha256 for post in sandbox.vendor.posts]


async def test_lost_progress_is_reported() -> None:
    """If the vendor has fewer bytes than expected, its answer says from where to resume."""
    async with in_process() as sandbox:
        access = await sandbox.connect()
        video = publish_request(size=66_259_900)
        begun = await sandbox.provider.publishing.begin(access, video)
        await sandbox.chunk(begun, video, 0)
        await sandbox.chunk(begun, video, 10_000_000)
        sandbox.vendor.faults.add(Fault(match="upload", kind="lose_progress"))

        answer = await sandbox.chunk(begun, video, 20_000_000)
        assert answer.received is not None
        await sandbox.transfer(begun, video, answer.received)

        assert (10_000_000, False) == (answer.received, answer.complete)
        assert [sha256(66_259_900)] == [post.sha256 for post in sandbox.vendor.posts]


async def test_an_expired_upload_address_is_gone() -> None:
    """A 403 to a chunk is UploadGone, and nothing was posted."""
    async with on_a_socket() as sandbox:
        access = await sandbox.connect()
        video = publish_request(size=66_259_900)
        begun = await sandbox.provider.publishing.begin(access, video)
        sandbox.vendor.faults.add(Fault(match="upload", kind="expire_upload"))

        with pytest.raises(UploadGone):
            await sandbox.chunk(begun, video, 0)
        assert [] == sandbox.vendor.posts


@pytest.mark.parametrize("where", [in_process, on_a_socket])
async def test_an_init_whose_answer_was_lost_posted_nothing(where: Where) -> None:
    """If the answer to an init is lost, there is one publish at the vendor and no post."""
    async with where() as sandbox:
        access = await sandbox.connect()
        sandbox.vendor.faults.add(Fault(match="video.init", kind="drop_after"))

        with pytest.raises(Ambiguous):
            await sandbox.provider.publishing.begin(access, publish_request())

        assert (1, 0) == (len(sandbox.vendor.inits), len(sandbox.vendor.posts))


@pytest.mark.parametrize("where", [in_process, on_a_socket])
async def test_a_refresh_whose_answer_was_lost_is_in_doubt(where: Where) -> None:
    """If the answer to an exchange is lost, it happened once and is Ambiguous."""
    async with where() as sandbox:
        access = await sandbox.connect()
        sandbox.vendor.faults.add(Fault(match="oauth.token", kind="drop_after"))

        with pytest.raises(Ambiguous):
            await access.renew_refused_token(await access.token())

        assert [("authorization_code", "ok"), ("refresh_token", "ok")] == exchanges(sandbox)


@pytest.mark.parametrize("kind", ["html", "corrupt_json"])
async def test_a_read_that_is_answered_with_rubbish_breaks_the_contract(kind: str) -> None:
    """HTML and truncated JSON with HTTP 200 are ContractBroken."""
    async with in_process() as sandbox:
        access = await sandbox.connect()
        sandbox.vendor.faults.add(Fault(match="user.info", kind=kind, times=None))

        with pytest.raises(ContractBroken):
            await sandbox.provider.accounts.profile(access, ALL_PARTS)


async def test_a_read_survives_one_fault_of_the_vendor() -> None:
    """A read is retried after one 500; two are an error."""
    async with in_process() as sandbox:
        access = await sandbox.connect()
        sandbox.vendor.faults.add(Fault(match="user.info", kind="error"))
        await sandbox.provider.accounts.profile(access, ALL_PARTS)

        sandbox.vendor.faults.add(Fault(match="user.info", kind="error", times=2))
        with pytest.raises(Unavailable):
            await sandbox.provider.accounts.profile(access, ALL_PARTS)
