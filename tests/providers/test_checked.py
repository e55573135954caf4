"""The table of what each method of the interface needs, and the proxy that checks it.

Owns the table's completeness. What a real provider's table refuses is in conformance/test_refusals.py.
"""

from inspect import iscoroutinefunction, signature
from typing import Any, get_type_hints

import pytest

from providers.checked import NEEDS, checked
from providers.interface import Provider
from providers.registry import build
from tests.providers.tiktok.support import NOW, SETTINGS

FACETS: dict[str, type] = {
    name: get_type_hints(declared.fget)["return"]
    for name, declared in vars(Provider).items()
    if isinstance(declared, property) and name not in ("name", "table", "authorizations")
}


def members(facet: str) -> dict[str, Any]:
    """Return the methods and properties that the interface declares for a facet."""
    return {name: each for name, each in vars(FACETS[facet]).items() if not name.startswith("_")}


def test_every_facet_has_its_rows() -> None:
    """The table covers the facets of a provider, no more and no fewer."""
    assert set(FACETS.values()) == set(NEEDS)


@pytest.mark.parametrize("facet", FACETS)
def test_every_method_has_a_row(facet: str) -> None:
    """A method or property that is added to the interface must be added to the table."""
    assert members(facet).keys() == NEEDS[FACETS[facet]].keys()


@pytest.mark.parametrize("facet", FACETS)
def test_the_proxy_has_the_methods_of_the_interface(facet: str) -> None:
    """What is asynchronous in the interface is asynchronous in the proxy, and only properties are not bound."""
    proxy = getattr(checked(build("tiktok", SETTINGS, clock=lambda: NOW)), facet)
    methods = {name: each for name, each in members(facet).items() if not isinstance(each, property)}

    assert {name: iscoroutinefunction(each) for name, each in methods.items()} == {
        name: iscoroutinefunction(each) for name, each in vars(proxy).items() if not name.startswith("_")
    }


@pytest.mark.parametrize("facet", FACETS)
def test_checks_take_the_arguments_of_their_method(facet: str) -> None:
    """A check that looks at arguments can be called with every argument that its method has."""
    for name, checks in NEEDS[FACETS[facet]].items():
        for check in (each for each in checks if callable(each)):
            arguments = list(signature(members(facet)[name]).parameters.values())[1:]
            by_name = {each.name: object() for each in arguments if each.kind is each.KEYWORD_ONLY}
            by_place = [object() for each in arguments if each.kind is not each.KEYWORD_ONLY]
            signature(check).bind(object(), object(), *by_place, **by_name)


def test_what_is_not_in_the_table_cannot_be_used() -> None:
    """A name without a row does not reach the provider, even if the provider has it."""
    provider: Any = build("tiktok", SETTINGS, clock=lambda: NOW)

    assert hasattr(provider.publishing, "_user")
    assert not hasattr(checked(provider).publishing, "_user")
    with pytest.raises(AttributeError, match="download"):
        _ = checked(provider).videos.download  # type: ignore[attr-defined]
