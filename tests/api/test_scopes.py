"""What the comment of an RPC says about its scope is what the server asks for."""

from __future__ import annotations

import re

from gateway.interceptors.scopes import ADMIN_SCOPES, ANY_KEY, METHOD_SCOPES
from tests.api.contract import Method, of_kind


def test_scopes_in_comments_are_the_ones_that_are_checked() -> None:
    """The server's table and the contract's comments name the same scope for each RPC, and the same RPCs."""
    documented = {
        f"/{method.package}.{method.service}/{method.proto.name}": found[1] if found[1] != "none" else ANY_KEY
        for method in of_kind(Method)
        if (found := re.search(r"^ ?Scope: ([\w.]+)(?:, and [\w. ]+)?\.$", method.comment, re.MULTILINE))
    }
    assert METHOD_SCOPES | ADMIN_SCOPES == documented
    assert not METHOD_SCOPES.keys() & ADMIN_SCOPES.keys()
