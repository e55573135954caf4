"""What the live suite spends, said before it spends it: `python -m tests.live.costs`.

Owns the table: one row for every contract test that a live harness can run, and none for the others.
"""

import sys
from collections import Counter

COSTS: dict[str, dict[str, int]] = {
    "test_a_profile_says_whose_it_is": {"user/info": 1},
    "test_a_creator_says_what_may_be_posted": {"creator_info": 1},
    "test_a_list_can_be_read": {"video/list": 1},
    "test_an_unknown_publish_is_not_found": {"status/fetch": 1},
    "test_a_file_is_posted_when_its_last_byte_is_there": {
        "video/init": 1,
        "status/fetch": 1,
        "private post (SELF_ONLY)": 1,
    },
    "test_what_cannot_be_stopped_is_refused": {"video/init": 1, "cancel": 1, "upload that is never finished": 1},
}
ONCE = {"oauth/token (refresh)": 1}
POSTING = ("test_a_file_is_posted_when_its_last_byte_is_there", "test_what_cannot_be_stopped_is_refused")


def total(*, posting: bool) -> Counter[str]:
    """Add up what a run spends, with or without the tests that post."""
    spent = Counter(ONCE)
    for name, costs in COSTS.items():
        if posting or name not in POSTING:
            spent.update(costs)
    return spent


def main() -> None:
    """Print what a run would spend."""
    import os

    posting = os.environ.get("TIKTOK_LIVE_POST") == "1"
    print("This calls TikTok itself, for the account behind TIKTOK_LIVE_TOKEN_FILE, and spends:")
    for what, count in sorted(total(posting=posting).items()):
        print(f"  {count:3} {what}")
    if not posting:
        print("Nothing is posted without TIKTOK_LIVE_POST=1.")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
