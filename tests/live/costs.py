"""What the live suites spend, printed before they spend it: `python -m tests.live.costs`.

Owns the tables: one row for every test that a live run can make, and none for the others; and who must be set up.
"""

import os
import sys
from collections import Counter
from dataclasses import dataclass

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

HIGHLEVEL_TRACES = {
    "draft in the planner, deleted again": 1,
    "video of one second in the media library, which stays": 1,
}
"""What the suite leaves behind at the vendor; these are no calls."""

HIGHLEVEL_COSTS: dict[str, dict[str, int]] = {
    "test_a_token_opens_its_location": {"locations/search": 1},
    "test_the_accounts_of_a_location_are_listed": {"accounts": 1},
    "test_labels_are_listed": {"categories": 1, "tags": 1},
    "test_the_planner_is_listed": {"posts/list": 2},
    "test_an_unknown_post_is_not_found": {"posts/{id}": 1},
    "test_a_draft_is_made_found_and_taken_away": {
        "accounts": 1,
        "medias/upload-file": 1,
        "posts (create)": 1,
        "posts/list": 2,
        "posts/{id}": 1,
        "posts (delete)": 1,
        **HIGHLEVEL_TRACES,
    },
}


@dataclass(frozen=True, slots=True)
class Suite:
    """One vendor's live suite: the variables it needs, the one that lets it write, and what it spends."""

    vendor: str
    needed: tuple[str, ...]
    leave: str
    costs: dict[str, dict[str, int]]
    once: dict[str, int]
    posting: tuple[str, ...]

    def missing(self) -> list[str]:
        """Return the variables that are not set."""
        return [name for name in self.needed if not os.environ.get(name)]

    def may_post(self) -> bool:
        """Return whether it may write."""
        return os.environ.get(self.leave) == "1"

    def total(self, *, posting: bool) -> Counter[str]:
        """Add up what a run spends, with or without the tests that write."""
        spent = Counter(self.once)
        for name, costs in self.costs.items():
            if posting or name not in self.posting:
                spent.update(costs)
        return spent

    def lines(self) -> list[str]:
        """Return the lines that say what a run would spend."""
        if self.missing():
            return [f"{self.vendor} is not called: {', '.join(self.missing())} not set."]
        spent = sorted(self.total(posting=self.may_post()).items())
        said = [f"This calls {self.vendor} itself, as {self.needed[-1]} allows, and spends:"]
        said += [f"  {count:3} {what}" for what, count in spent]
        return said if self.may_post() else [*said, f"Nothing is written there without {self.leave}=1."]


TIKTOK = Suite(
    "TikTok",
    ("TIKTOK_LIVE_CLIENT_KEY", "TIKTOK_LIVE_CLIENT_SECRET", "TIKTOK_LIVE_TOKEN_FILE"),
    "TIKTOK_LIVE_POST",
    COSTS,
    {"oauth/token (refresh)": 1},
    ("test_a_file_is_posted_when_its_last_byte_is_there", "test_what_cannot_be_stopped_is_refused"),
)
HIGHLEVEL = Suite(
    "HighLevel",
    ("HIGHLEVEL_LIVE_LOCATION", "HIGHLEVEL_LIVE_USER", "HIGHLEVEL_LIVE_TOKEN_FILE"),
    "HIGHLEVEL_LIVE_POST",
    HIGHLEVEL_COSTS,
    {},
    ("test_a_draft_is_made_found_and_taken_away",),
)


def main() -> None:
    """Print what a run would spend."""
    for suite in (TIKTOK, HIGHLEVEL):
        print("\n".join(suite.lines()))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
