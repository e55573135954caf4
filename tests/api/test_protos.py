"""The contract's files as clients of other languages get them: options, imports, archive, wheel."""

import re
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest
from grpc_tools import protoc
from hatchling.builders.wheel import WheelBuilder

from tests.api.contract import GENERATOR, ROOT

PROTOS = ROOT / "protos"
FILES = sorted((PROTOS / "socialgateway").rglob("*.proto"))
IMPORTS = PROTOS / "googleapis"


def option_lines(path: Path) -> dict[str, str]:
    """Return the file options of a .proto file, as they are written."""
    return dict(re.findall(r"^option (\w+) = (.+);$", path.read_text(), re.MULTILINE))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_names_where_its_code_goes_in_every_language(path: Path) -> None:
    """The options follow from the folder and the file name, so that no two files or packages can clash."""
    version = path.parent.relative_to(PROTOS / "socialgateway").parts
    names = [part.capitalize() for part in version]
    outer = "".join(part.capitalize() for part in path.stem.split("_"))
    assert option_lines(path) == {
        "csharp_namespace": f'"SocialGateway.{".".join(names)}"',
        "go_package": f'"socialgateway.dev/go/socialgateway/{"/".join(version)};socialgateway{"".join(version)}"',
        "java_multiple_files": "true",
        "java_outer_classname": f'"{outer}Proto"',
        "java_package": f'"dev.socialgateway.{".".join(version)}"',
        "objc_class_prefix": f'"SGW{"".join(name[:2].upper() for name in names[:-1])}"',
        "php_metadata_namespace": '"SocialGateway\\\\' + "\\\\".join([*names, "Metadata"]) + '"',
        "php_namespace": '"SocialGateway\\\\' + "\\\\".join(names) + '"',
        "ruby_package": f'"SocialGateway::{"::".join(names)}"',
        "swift_prefix": f'"SocialGateway{"".join(names)}"',
    }


def test_the_imports_are_those_of_the_installed_package() -> None:
    """What lies beside the contract is what googleapis-common-protos has, so that both sides read the same."""
    copies = sorted(path.relative_to(IMPORTS) for path in IMPORTS.rglob("*.proto"))
    installed = Path(sysconfig.get_path("purelib"))
    assert [(IMPORTS / each).read_bytes() for each in copies] == [(installed / each).read_bytes() for each in copies]
    assert "Apache License" in (IMPORTS / "LICENSE").read_text()


def test_the_archive_compiles_by_itself_and_is_the_same_each_time(tmp_path: Path) -> None:
    """One -I is enough in the unpacked archive, and the same contract makes the same bytes."""
    made = [tmp_path / name for name in ("one.tar.gz", "two.tar.gz")]
    for each in made:
        subprocess.run([sys.executable, str(GENERATOR), "--archive", str(each)], check=True)
    assert made[0].read_bytes() == made[1].read_bytes()
    with tarfile.open(made[0]) as archive:
        archive.extractall(tmp_path, filter="data")
    root = tmp_path / "social-gateway-protos"
    sources = [path.relative_to(root).as_posix() for path in sorted(root.rglob("*.proto"))]
    assert 0 == protoc.main(
        ["protoc", f"-I{root}", "-I" + well_known(), f"--descriptor_set_out={root / 'x'}", *sources]
    )
    assert {"service_config.json", "socialgateway.binpb"} <= {path.name for path in root.iterdir()}


def well_known() -> str:
    """Return where grpc_tools keeps protobuf's own types, which every protoc brings."""
    return str(Path(protoc.__file__).parent / "_proto")


def test_the_wheel_has_the_contract() -> None:
    """An installed package has every file of the contract and its imports below share/social-gateway/protos."""
    target = "share/social-gateway/protos/"
    shared = WheelBuilder(str(ROOT)).config.shared_data
    shipped = {
        target_path.removeprefix(target): Path(source)
        for source, target_path in shared.items()
        if target_path.startswith(target)
    }
    assert {"socialgateway", "google", "google/LICENSE", "socialgateway.binpb", "service_config.json"} == set(shipped)
    assert all(source.exists() for source in shipped.values())
