"""`social-gateway worker`.

Owns the command. Does not know what the jobs do (`gateway/jobs`).
"""


def worker() -> None:
    """Run only the background jobs: publishing, polling, webhooks, clean-up.

    Any number of workers can share one database. `social-gateway serve --no-jobs` serves the calls.
    """
    from gateway.cli.running import run_async, serve_until_signal

    run_async(serve_until_signal(calls=False, jobs=True))
