"""`social-gateway doctor`: what is wrong with a configuration, one line each.

Owns the order of the checks and how they are shown. The checks are `gateway/cli/checks.py`.
"""

import typer


def doctor() -> None:
    """Look at the settings of this environment and at what they lead to; exit 1 when something is wrong.

    It serves nothing and changes nothing, except that a private PostgreSQL is started to look at it.
    """
    from gateway.cli.checks import examine
    from gateway.cli.findings import Verdict
    from gateway.cli.running import run_async

    signs = {Verdict.OK: "ok   ", Verdict.NOTE: "note ", Verdict.WRONG: "WRONG"}
    findings = run_async(examine())
    for each in findings:
        advice = f"  → {each.fix}" if each.fix else ""
        typer.echo(f"{signs[each.verdict]}  {each.subject}: {each.text}{advice}")
    wrong = sum(each.verdict is Verdict.WRONG for each in findings)
    typer.echo(f"\n{wrong} wrong." if wrong else "\nNothing is wrong.")
    if wrong:
        raise typer.Exit(1)
