"""Makes the Python code of the contract in `gen/`, always the same bytes for the same `.proto` files.

Owns the list of compilers and their options, and the package files that protoc does not write.
Does not know the services: it compiles whatever lies under `socialgateway/`.
"""

from __future__ import annotations

import argparse
import shutil
import sysconfig
import tempfile
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

HERE = Path(__file__).resolve().parent
PACKAGE = "socialgateway"


def sources(root: Path) -> list[str]:
    """Every `.proto` file of the contract, relative to `root`, sorted: the order decides the bytes of an image."""
    return sorted(path.relative_to(root).as_posix() for path in (root / PACKAGE).rglob("*.proto"))


def run_protoc(root: Path, *arguments: str) -> None:
    """Run the compiler on all sources under `root`.

    Imports come from `root`, from protobuf's own well-known types, and from the wheel of Google's common ones. Raises
    SystemExit with protoc's exit code; protoc has already said why on standard error.
    """
    places = [str(root), str(files("grpc_tools") / "_proto"), sysconfig.get_path("purelib")]
    code = protoc.main(["protoc", *(f"--proto_path={place}" for place in places), *arguments, *sources(root)])
    if code:
        raise SystemExit(code)


def generate(root: Path, out: Path) -> None:
    """Write messages, services and the types of both under `out`, replacing what was generated there before."""
    shutil.rmtree(out / PACKAGE, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    # The plugin that types the services lies beside the interpreter, which need not be on PATH.
    plugin = Path(sysconfig.get_path("scripts")) / "protoc-gen-mypy_grpc"
    run_protoc(
        root,
        f"--python_out={out}",
        f"--pyi_out={out}",
        f"--grpc_python_out={out}",
        f"--plugin=protoc-gen-mypy_grpc={plugin}",
        f"--mypy_grpc_out=quiet:{out}",
    )
    drop_empty_services(root, out)
    write_packages(out)


def drop_empty_services(root: Path, out: Path) -> None:
    """Remove the service modules of files that have no service: nobody can use them and everybody would read them."""
    for source in sources(root):
        if not source.endswith("_service.proto"):
            for stub in (out / source).parent.glob(f"{Path(source).stem}_pb2_grpc.py*"):
                stub.unlink()


def write_packages(out: Path) -> None:
    """Write what protoc leaves out: the `__init__.py` of every generated folder, and the package's `py.typed`."""
    for folder in [out / PACKAGE, *sorted(path for path in (out / PACKAGE).rglob("*") if path.is_dir())]:
        name = folder.relative_to(out).as_posix()
        (folder / "__init__.py").write_text(f'"""Generated from `protos/{name}`: do not edit."""\n')
    (out / PACKAGE / "py.typed").touch()


def write_image(root: Path, path: Path) -> None:
    """Write a descriptor set with imports and comments to `path`: what the linters and the contract tests read."""
    run_protoc(root, "--include_imports", "--include_source_info", f"--descriptor_set_out={path}")


def stale(root: Path, out: Path) -> list[str]:
    """Name each generated file that differs between `out` and what the compilers make now, or is on one side only."""
    with tempfile.TemporaryDirectory() as scratch:
        generate(root, Path(scratch))
        now, before = contents(Path(scratch)), contents(out)
    return sorted(name for name in now.keys() | before.keys() if now.get(name) != before.get(name))


def contents(out: Path) -> dict[str, bytes]:
    """Read every generated file under `out`, by its relative path; compiled byte code is not one."""
    found = [path for path in (out / PACKAGE).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in found}


def main(argv: Sequence[str] | None = None) -> None:
    """Generate, or with `--image FILE` only describe, or with `--check` only compare (exit code 1 when it differs)."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--root", type=Path, default=HERE, help="the folder that holds socialgateway/")
    parser.add_argument("--out", type=Path, default=HERE / "gen", help="the folder to write the package into")
    parser.add_argument("--image", type=Path, help="write only a descriptor set, to this file")
    parser.add_argument("--check", action="store_true", help="write nothing, name what is not fresh")
    options = parser.parse_args(argv)
    if options.image:
        write_image(options.root, options.image)
    elif not options.check:
        generate(options.root, options.out)
    elif different := stale(options.root, options.out):
        raise SystemExit("not what protoc makes now, run `make protos`:\n  " + "\n  ".join(different))


if __name__ == "__main__":
    main()
