"""How often a provider is asked which options it refuses.

Owns the proof that asking ends; what is refused, and under which path, is proved in
`tests/rpc/test_posts_validate_only.py`.
"""

from typing import Any

from gateway.domain.preflight import provider_rules
from gateway.rpc import post_from_proto
from providers.capabilities import CapabilityTable, Limits
from providers.errors import OptionUnsupported
from providers.models.publishing import PostOptions
from storage.accounts import AccountRow
from storage.posts import PostRow


class Refusing:
    """A provider that refuses every extra option, and counts how often it is asked."""

    asked = 0
    table = CapabilityTable("any", "Any", {}, Limits())

    @property
    def publishing(self) -> "Refusing":
        """Return the provider itself, which has the one method that is called."""
        return self

    def check(self, request: Any) -> None:
        """Refuse the first extra option of the request."""
        self.asked += 1
        for name in request.extra:
            raise OptionUnsupported("there is no such option", field=name)


def test_a_provider_is_asked_for_as_many_options_as_a_post_can_have() -> None:
    """Every unknown option that a request can carry is named, after one check each; the number of checks is bounded."""
    provider: Any = Refusing()
    extra = {f"option{number}": 1 for number in range(1000)}
    values: dict[str, Any] = {"account": "a", "connection": "c", "provider": "any", "mode": "direct", "state": "QUEUED"}
    post = PostRow(location="l1", id="p", **values)
    post.provider_extra, post.content, post.options = extra, {"kind": "video", "sources": []}, {}
    account = AccountRow(location="l1", id="a", connection="c", provider="any", platform="any", provider_account_id="v")
    request = provider_rules.placeholder_request(post, account, provider.table)
    named = [
        violation.field for refusal in provider_rules.options(provider, request) for violation in refusal.violations
    ]
    assert [f"post.provider_extra.option{number}" for number in range(48)] == named
    assert post_from_proto.MAX_OPTIONS + len(PostOptions.__slots__) < 48 == provider.asked
