"""The bill of materials has what the product runs on, and no tool."""

from typing import Any

from tests.shape.sbom import licences, needed, part

TOOLS = {"pytest", "mypy", "ruff", "moto", "playwright", "uv", "cyclonedx-bom", "hypothesis", "boto3"}


def component(name: str, **values: Any) -> dict[str, Any]:
    """Return a component as cyclonedx-py writes it."""
    return {"bom-ref": f"{name}==1", "name": name, "version": "1", **values}


BOM: dict[str, Any] = {
    "metadata": {"component": {"bom-ref": "root", "name": "us"}},
    "components": [
        component("Used_One", licenses=[{"license": {"name": "a long text\nmore"}}, {"license": {"id": "MIT"}}]),
        component("deeper", licenses=[{"license": {"name": "License :: OSI Approved :: BSD License"}}]),
        component("no-package-of-this-name"),
    ],
    "dependencies": [
        {"ref": "root", "dependsOn": ["Used_One==1", "no-package-of-this-name==1"]},
        {"ref": "Used_One==1", "dependsOn": ["deeper==1"]},
        {"ref": "deeper==1"},
    ],
}
REQUIRES = {
    "us": ["Used.One[fast]>=1", "tool; extra == 'test'", "other; sys_platform == 'none'"],
    "used-one": ["deeper>2; extra == 'fast'", "us"],
}


def test_what_is_needed_is_followed() -> None:
    """Also through the extras of others; not through our own, nor what another system would need."""
    assert {"used-one", "deeper"} == needed("us", lambda name: REQUIRES.get(name))


def test_tools_are_left_out() -> None:
    """What the product needs here has none of them."""
    found = needed()
    assert {"grpcio", "sqlalchemy", "psycopg-binary", "opentelemetry-sdk"} <= found
    assert set() == found & TOOLS


def test_the_bill_is_cut_to_the_product() -> None:
    """Nothing in it refers to what was left out, and each line has its licence."""
    bom = part(BOM, {"used-one", "deeper"})
    assert ["Used_One", "deeper"] == [each["name"] for each in bom["components"]]
    assert [["Used_One==1"], ["deeper==1"], []] == [each["dependsOn"] for each in bom["dependencies"]]
    assert ["BSD License", "MIT"] == [line.split("1  ")[-1].strip() for line in licences(bom)]
    assert licences(part(BOM, {"no-package-of-this-name"}))[0].endswith("not said")
