"""`social-gateway worker`.

Owns the command. Does not know what the jobs do (`gateway/jobs`).
"""


def worker() -> None:
    """Run jobs alone: publish, poll, sweep. Any number of workers share one database.

    Beside them, `social-gateway serve --no-jobs` answers the calls.
    """
    from gateway.cli.running import run_async, serve_until_signal

    run_async(serve_until_signal(calls=False, jobs=True))
