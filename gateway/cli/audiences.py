"""`social-gateway audiences`: make a file of digests from a file of customers, without a gateway.

Owns the command and what it prints: counts, line numbers and reasons, never a value. The rules are in
`gateway/audiences`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.command_error import CommandError

if TYPE_CHECKING:
    from gateway.audiences.hash_csv import Refused, Result
    from gateway.audiences.identifiers import IdentifierType, Rules

app = typer.Typer(no_args_is_help=True, help="Prepare audiences on your own machine.")

SHOWN = 20
FEWEST = 1_000
STRIP_ALIASES = (
    "Remove what follows a plus sign in an e-mail's local part, and the dots in Gmail's. Use it only if everything "
    "else that you match with does the same: the digests differ."
)

Columns = Annotated[
    list[str] | None,
    typer.Option(help="Name of such a column; may be repeated. Then only named ones are used."),
]


@app.command("hash")
def hash_file(
    file: Annotated[Path, typer.Argument(help="A CSV file with a header line, in UTF-8.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="The output. Default: FILE.sha256.csv beside it.")] = None,
    phone_region: Annotated[
        str,
        typer.Option(help="Region (US, DE …) of phone numbers without a country code. Default: they are refused."),
    ] = "",
    strip_aliases: Annotated[bool, typer.Option("--strip-aliases", help=STRIP_ALIASES)] = False,
    email_column: Columns = None,
    phone_column: Columns = None,
    maid_column: Columns = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the output if it exists.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress and no single lines.")] = False,
) -> None:
    """Hash a CSV file of customers, of any size, on this machine: nothing is sent anywhere.

    Columns named Email, Phone, MAID, IDFA or GAID are found by the header; all others are left out. Each identifier is
    normalised and hashed with SHA-256, as TikTok wants it:

    E-mail: trimmed and lower-case. Phone: E.164 with plus sign and country code. Device id: trimmed and lower-case.

    A cell that is a digest of 64 hexadecimal digits already stays as it is.

    The output has the columns Email_SHA256, Phone_SHA256 and MAID_SHA256, as far as the input has them. It appears only
    when it is complete; Ctrl-C leaves nothing. What cannot be used is counted, with its line and the reason: no
    identifier is ever printed.

    Examples:

        social-gateway audiences hash customers.csv

        social-gateway audiences hash customers.csv --phone-region DE --phone-column Mobil --out digests.csv
    """
    from gateway.audiences.identifiers import IdentifierType, Rules

    columns = {
        IdentifierType.EMAIL: email_column,
        IdentifierType.PHONE: phone_column,
        IdentifierType.MAID: maid_column,
    }
    named = tuple((name, each) for each, names in columns.items() for name in names or ())
    target = out or file.with_name(f"{file.name.removesuffix('.csv')}.sha256.csv")
    _check(file, target, phone_region.upper(), force=force)
    result = _hash(file, target, Rules(phone_region.upper(), strip_aliases), named, force=force, quiet=quiet)
    for line in _summary(result, target):
        typer.echo(line, err=True)


def _check(file: Path, target: Path, region: str, *, force: bool) -> None:
    """Refuse what would fail later, or destroy something."""
    from gateway.audiences.identifiers import regions

    if region and region not in regions():
        raise CommandError(f"--phone-region {region} is not a region with phone numbers: give an ISO 3166 code, as US.")
    if not file.is_file():
        raise CommandError(f"{file} is not a file.")
    if target.exists() and target.samefile(file):
        raise CommandError("The output would replace the input: name another one with --out.")
    if target.exists() and not force:
        raise CommandError(f"{target} exists: add --force to replace it, or name another output with --out.")


def _hash(
    file: Path,
    target: Path,
    rules: "Rules",
    named: "tuple[tuple[str, IdentifierType], ...]",
    *,
    force: bool,
    quiet: bool,
) -> "Result":
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from gateway.audiences import hash_csv, output_file
    from gateway.audiences.csv_columns import ColumnsInvalid
    from gateway.cli.output import stderr

    bars = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*bars, console=stderr(), transient=True, disable=quiet) as progress:
        bar = progress.add_task("hashing", total=file.stat().st_size)
        show = _Lines(0 if quiet else SHOWN)
        try:
            with file.open("rb") as source, output_file.written(target, replace=force) as output:
                result = hash_csv.run(
                    source,
                    output,
                    rules,
                    named=named,
                    on_refused=show.one,
                    on_progress=lambda done: progress.update(bar, completed=done),
                )
                if not result.written:
                    raise CommandError(f"None of {result.rows} rows has an identifier that can be used.")
                return result
        except ColumnsInvalid as error:
            raise CommandError(str(error)) from None
        except FileExistsError:
            raise CommandError(f"{target} was made by somebody else meanwhile; it was not touched.") from None


class _Lines:
    """The first lines that cannot be used, printed as they are found."""

    def __init__(self, most: int) -> None:
        """Print at most so many."""
        self._left = most

    def one(self, refused: "Refused") -> None:
        """Print one of them."""
        if self._left > 0:
            self._left -= 1
            typer.echo(f"line {refused.line}: {refused.identifier_type.name.lower()} {refused.problem}", err=True)


def _summary(result: "Result", target: Path) -> list[str]:
    lines = [f"{result.written} of {result.rows} rows are in {target}."]
    if result.left_out:
        lines.append(f"{result.left_out} rows have no identifier that can be used and were left out.")
    for (identifier_type, problem), count in sorted(result.problems.items()):
        lines.append(f"{count} cells were left out: {identifier_type.name.lower()} {problem}.")
    if result.written < FEWEST:
        lines.append(f"TikTok takes files of {FEWEST} rows or more, and shows an audience to advertisers from as many.")
    return lines
