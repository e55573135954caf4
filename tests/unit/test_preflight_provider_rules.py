"""How often a provider is asked what it cannot do.

Owns the proof that asking ends; what is refused, and how it is named, is proved in
`tests/rpc/test_posts_validate_only.py`.
"""

from types import SimpleNamespace
from typing import Any

from gateway.domain.preflight import provider_rules
from providers.capabilities import CapabilityTable, Limits
from providers.errors import OptionUnsupported
from storage.accounts import AccountRow
from storage.posts import PostRow


class Refusing:
    """A provider that knows no option by its own name, and counts how often it was asked."""

    asked = 0
    table = CapabilityTable("any", "Any", {}, Limits())

    @property
    def publishing(self) -> "Refusing":
        """Be one's own."""
        return self

    def check(self, order: Any) -> None:
        """Refuse the first option that is left."""
        self.asked += 1
        for name in order.extra:
            raise OptionUnsupported("there is no such option", field=name)


def test_a_provider_is_asked_twenty_times_at_most() -> None:
    """However many options a post has that nobody knows, twenty are named, each after one question."""
    provider, extra = Refusing(), {f"option{number}": 1 for number in range(1000)}
    values: dict[str, Any] = {"account": "a", "connection": "c", "provider": "any", "mode": "direct", "state": "QUEUED"}
    post = PostRow(location="l1", id="p", **values)
    post.provider_extra, post.content, post.options = extra, {"kind": "video", "sources": []}, {}
    account = AccountRow(location="l1", id="a", connection="c", provider="any", platform="any", provider_account_id="v")
    domain: Any = SimpleNamespace(providers={"any": provider})
    named = [
        violation.field for refusal in provider_rules.options(domain, post, account) for violation in refusal.violations
    ]
    assert [f"post.provider_extra.option{number}" for number in range(20)] == named
    assert 20 == provider.asked
