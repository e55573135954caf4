"""`social-gateway doctor`: reports what is wrong with a configuration, one line each.

Owns how findings are printed. The checks are `gateway/cli/checks.py`.
"""

import typer


def doctor() -> None:
    """Check this environment's settings and everything they refer to. Exits with 1 if something is wrong.

    Nothing is served and nothing is changed; an embedded PostgreSQL is started for the check and stopped again.
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
