"""Makes the Python code of the contract in `gen/`, always the same bytes for the same `.proto` files.

Owns the list of compilers and their options, the package files that protoc does not write, and the archive of the
contract. What the HTTP side looks like is in `openapi.py`. Does not know the services: it compiles whatever lies under
`socialgateway/`.
"""

from __future__ import annotations

import argparse
import gzip
import io
import shutil
import sysconfig
import tarfile
import tempfile
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import openapi
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

HERE = Path(__file__).resolve().parent
PACKAGE = "socialgateway"
IMAGE = f"{PACKAGE}.binpb"
OPENAPI = "openapi.json"
IMPORTS = HERE / "googleapis"


def sources() -> list[str]:
    """Every `.proto` file of the contract, by its import path, sorted: the order decides the bytes of an image."""
    return sorted(path.relative_to(HERE).as_posix() for path in (HERE / PACKAGE).rglob("*.proto"))


def run_protoc(*arguments: str) -> None:
    """Run the compiler on all sources.

    Raises SystemExit with protoc's exit code; protoc has already said why on standard error.
    """
    places = [HERE, IMPORTS, files("grpc_tools") / "_proto"]
    code = protoc.main(["protoc", *(f"--proto_path={place}" for place in places), *arguments, *sources()])
    if code:
        raise SystemExit(code)


def generate(out: Path) -> None:
    """Write messages, services, their types and a descriptor set under `out`, replacing what was there before."""
    shutil.rmtree(out / PACKAGE, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    # The plugin that types the services lies beside the interpreter, which need not be on PATH.
    plugin = Path(sysconfig.get_path("scripts")) / "protoc-gen-mypy_grpc"
    run_protoc(
        f"--python_out={out}",
        f"--pyi_out={out}",
        f"--grpc_python_out={out}",
        f"--plugin=protoc-gen-mypy_grpc={plugin}",
        f"--mypy_grpc_out=quiet:{out}",
    )
    drop_empty_services(out)
    write_packages(out)
    run_protoc("--include_imports", f"--descriptor_set_out={out / IMAGE}")
    write_openapi(out / PACKAGE / OPENAPI)


def drop_empty_services(out: Path) -> None:
    """Remove the service modules of files that have no service: nobody can use them and everybody would read them."""
    for source in sources():
        if not source.endswith("_service.proto"):
            for stub in (out / source).parent.glob(f"{Path(source).stem}_pb2_grpc.py*"):
                stub.unlink()


def write_packages(out: Path) -> None:
    """Write what protoc leaves out: the `__init__.py` of every generated folder, and the package's `py.typed`."""
    for folder in [out / PACKAGE, *sorted(path for path in (out / PACKAGE).rglob("*") if path.is_dir())]:
        name = folder.relative_to(out).as_posix()
        (folder / "__init__.py").write_text(f'"""Generated from `protos/{name}`: do not edit."""\n')
    (out / PACKAGE / "py.typed").touch()


def write_image(path: Path) -> None:
    """Write a descriptor set with imports and comments to `path`: what the contract tests read."""
    run_protoc("--include_imports", "--include_source_info", f"--descriptor_set_out={path}")


def write_openapi(path: Path) -> None:
    """Write the description of the contract's HTTP side, which the gateway serves, to `path`."""
    with tempfile.TemporaryDirectory() as scratch:
        write_image(Path(scratch) / IMAGE)
        image = FileDescriptorSet.FromString((Path(scratch) / IMAGE).read_bytes())
    path.write_text(openapi.document(image) + "\n")


def write_archive(path: Path) -> None:
    """Write the contract to `path`, a .tar.gz: sources, imports with their licence, descriptor set, OpenAPI
    document, service config."""
    members = {name: HERE / name for name in [*sources(), "service_config.json"]}
    members |= {file.relative_to(IMPORTS).as_posix(): file for file in sorted(IMPORTS.rglob("*.proto"))}
    members |= {"google/LICENSE": IMPORTS / "LICENSE", IMAGE: HERE / "gen" / IMAGE}
    members |= {OPENAPI: HERE / "gen" / PACKAGE / OPENAPI}
    path.parent.mkdir(parents=True, exist_ok=True)
    # No name, no time: the same contract is the same bytes.
    with (
        path.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed,
        tarfile.open(mode="w", fileobj=packed) as archive,
    ):
        for name, source in sorted(members.items()):
            member = tarfile.TarInfo(f"social-gateway-protos/{name}")
            content = source.read_bytes()
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))


def stale(out: Path) -> list[str]:
    """Name each generated file that differs between `out` and what the compilers make now, or is on one side only."""
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        now, before = contents(Path(scratch)), contents(out)
    return sorted(name for name in now.keys() | before.keys() if now.get(name) != before.get(name))


def contents(out: Path) -> dict[str, bytes]:
    """Read every generated file under `out`, by its relative path; compiled byte code is not one."""
    found = [path for path in (out / PACKAGE).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    found += [path for path in [out / IMAGE] if path.exists()]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in found}


def main(argv: Sequence[str] | None = None) -> None:
    """Generate; or only describe (--image), pack (--archive) or compare (--check; exit code 1 if something differs)."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "gen", help="the folder to write the package into")
    parser.add_argument("--image", type=Path, help="write only a descriptor set with comments, to this file")
    parser.add_argument("--archive", type=Path, help="write only a .tar.gz of the contract, to this file")
    parser.add_argument("--check", action="store_true", help="write nothing, name what is not fresh")
    options = parser.parse_args(argv)
    if options.image:
        write_image(options.image)
    elif options.archive:
        write_archive(options.archive)
    elif not options.check:
        generate(options.out)
    elif different := stale(options.out):
        raise SystemExit("not what protoc makes now, run `make protos`:\n  " + "\n  ".join(different))


if __name__ == "__main__":
    main()
