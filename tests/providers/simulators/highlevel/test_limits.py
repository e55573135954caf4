"""Rate limits: a burst of ten seconds, a day, and their headers.

Owns: the limits, and when they end. Knows nothing of other errors.
"""

from providers.simulators.highlevel.tenants import GARAGE
from tests.providers.simulators.highlevel.world import BAKERY, POSTING, World, status_and_message, world

ACCOUNTS = f"{POSTING}/accounts"
REMAINING = "X-RateLimit-Remaining"


async def test_every_response_has_the_limits(highlevel: World) -> None:
    """Every response has five rate limit headers, also refusals."""
    taken = await highlevel.call("GET", ACCOUNTS)
    refused = await highlevel.call("POST", f"{POSTING}/posts", {})

    assert {
        "x-ratelimit-limit-daily": "200000",
        "x-ratelimit-daily-remaining": "199999",
        "x-ratelimit-interval-milliseconds": "10000",
        "x-ratelimit-max": "100",
        "x-ratelimit-remaining": "99",
    } == {name: value for name, value in taken.headers.items() if name.startswith("x-ratelimit")}
    assert (422, "98") == (refused.status_code, refused.headers[REMAINING])


async def test_unauthenticated_calls_are_not_counted(highlevel: World) -> None:
    """A call without a valid token has no rate limit headers."""
    answer = await highlevel.call("GET", ACCOUNTS, token="nonsense")

    assert REMAINING not in answer.headers
    assert "99" == (await highlevel.call("GET", ACCOUNTS)).headers[REMAINING]


async def test_a_hundred_calls_in_ten_seconds(highlevel: World) -> None:
    """The call after a hundred is 429 until ten seconds after the first."""
    statuses = [(await highlevel.call("GET", ACCOUNTS)).status_code for _ in range(101)]
    refused = await highlevel.call("GET", ACCOUNTS)
    highlevel.clock.advance(9.9)
    still = (await highlevel.call("GET", ACCOUNTS)).status_code
    highlevel.clock.advance(0.1)
    again = (await highlevel.call("GET", ACCOUNTS)).status_code

    assert ({200}, 429) == (set(statuses[:100]), statuses[100])
    assert (429, "Too Many Requests") == status_and_message(refused)
    assert "0" == refused.headers[REMAINING]
    assert "retry-after" not in refused.headers
    assert (429, 200) == (still, again)


async def test_retry_after_can_be_configured() -> None:
    """A 429 can have Retry-After, which is not documented."""
    async with world(burst=1, retry_after=7) as highlevel:
        await highlevel.call("GET", ACCOUNTS)
        answer = await highlevel.call("GET", ACCOUNTS)

    assert "7" == answer.headers["retry-after"]


async def test_windows_belong_to_one_location() -> None:
    """Other locations and the company have their own windows; another token of the location shares its window."""
    async with world(burst=1) as highlevel:
        await highlevel.call("GET", ACCOUNTS)
        same = await highlevel.call("GET", ACCOUNTS, token=highlevel.grant(BAKERY))
        other = await highlevel.call("GET", f"/locations/{GARAGE}", token=highlevel.grant(GARAGE))
        company = await highlevel.call("GET", f"/locations/{BAKERY}", token=highlevel.grant(None))

    assert [429, 200, 200] == [answer.status_code for answer in (same, other, company)]


async def test_a_day_has_an_end(highlevel: World) -> None:
    """When the calls of a day are used up, the next ones are accepted on the next day."""
    highlevel.vendor.windows.fill_day(BAKERY, highlevel.clock(), 1)
    last = await highlevel.call("GET", ACCOUNTS)
    refused = await highlevel.call("GET", ACCOUNTS)
    highlevel.clock.advance(12 * 3_600)
    tomorrow = await highlevel.call("GET", ACCOUNTS)

    assert [200, 429, 200] == [answer.status_code for answer in (last, refused, tomorrow)]
    assert "0" == refused.headers["X-RateLimit-Daily-Remaining"]


async def test_a_create_with_429_has_no_effect() -> None:
    """A create that exceeds the limit creates nothing."""
    async with world(burst=1) as highlevel:
        await highlevel.call("GET", ACCOUNTS)
        answer = await highlevel.create()

    assert (429, []) == (answer.status_code, highlevel.vendor.created)


async def test_limits_can_be_switched_off() -> None:
    """Without rate limits there are no headers either."""
    async with world(burst=0, rate_limits=False) as highlevel:
        answer = await highlevel.call("GET", ACCOUNTS)

    assert 200 == answer.status_code
    assert REMAINING not in answer.headers
