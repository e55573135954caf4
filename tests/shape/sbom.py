"""What the product is made of: `python -m tests.shape.sbom` writes a bill of materials, `--licences` prints a table.

Owns which of the installed packages belong to the product: what it needs to run, without the tools that test or build
it. Names, versions and licences are found by cyclonedx-py.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, metadata, requires
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "dist/social-gateway.cdx.json"
PRODUCT = "social-gateway"

Bom = dict[str, Any]
Requires = Callable[[str], Iterable[str] | None]


def installed() -> Bom:
    """Return the bill of materials of everything that is installed, tools included."""
    program = Path(sys.executable).parent / "cyclonedx-py"
    options = ("--pyproject", "pyproject.toml", "--mc-type", "application", "--output-reproducible", sys.executable)
    done = subprocess.run([program, "environment", *options], cwd=ROOT, capture_output=True, check=True)
    found: Bom = json.loads(done.stdout)
    return found


def needed(product: str = PRODUCT, of: Requires = requires) -> set[str]:
    """Return the names of all packages that the product needs here, without extras of its own."""
    found: set[tuple[str, str]] = set()
    left = [(product, "")]
    while left:
        name, extra = left.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        for wanted in map(Requirement, _requirements(name, of)):
            if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
                left += [(canonicalize_name(wanted.name), each) for each in ("", *wanted.extras)]
    return {name for name, _ in found} - {product}


def _requirements(name: str, of: Requires) -> Iterable[str]:
    try:
        return of(name) or ()
    except PackageNotFoundError:
        # Needed elsewhere: on another system, or with another Python.
        return ()


def part(bom: Bom, names: set[str]) -> Bom:
    """Return the part of a bill that is about these packages and the product itself."""
    components = [each for each in bom["components"] if canonicalize_name(each["name"]) in names]
    kept = {each["bom-ref"] for each in components} | {bom["metadata"]["component"]["bom-ref"]}
    dependencies = [
        {"ref": each["ref"], "dependsOn": [ref for ref in each.get("dependsOn", []) if ref in kept]}
        for each in bom["dependencies"]
        if each["ref"] in kept
    ]
    return {**bom, "components": components, "dependencies": dependencies}


def licences(bom: Bom) -> list[str]:
    """Return a line for each component: its name, version and licence."""
    components = sorted(bom["components"], key=lambda each: canonicalize_name(each["name"]))
    return [f"{each['name']:<44} {each['version']:<14} {_licence(each)}" for each in components]


def _licence(component: dict[str, Any]) -> str:
    """Return what a package says of its licence: the shortest, where it says it in several ways."""
    said = [each.get("expression") or _named(each.get("license", {})) for each in component.get("licenses", [])]
    return min((text for text in said if text), key=len, default="") or _in_metadata(component["name"])


def _named(licence: dict[str, Any]) -> str:
    return str(licence.get("id") or licence.get("name") or "").partition("\n")[0].rpartition(" :: ")[2]


def _in_metadata(name: str) -> str:
    """Return the licence in a package's own words, which have no place in a bill of materials."""
    try:
        words = metadata(name)["License"] or ""
    except PackageNotFoundError:
        words = ""
    return words.partition("\n")[0] or "not said"


def main() -> None:
    """Write the bill of materials, or print the licences."""
    bom = part(installed(), needed())
    if "--licences" in sys.argv[1:]:
        print("\n".join(licences(bom)))
        return
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(bom, indent=2, sort_keys=True) + "\n")
    print(f"{OUTPUT.relative_to(ROOT)}: {len(bom['components'])} components")


if __name__ == "__main__":
    main()
