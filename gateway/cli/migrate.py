"""`social-gateway migrate`.

Owns the command. The migrations are `storage/migrations`.
"""


def migrate() -> None:
    """Bring the database's schema to this version. Several at once are safe; a newer schema is left alone.

    `serve` and `worker` do it by themselves, unless GATEWAY_AUTO_MIGRATE=false: then they wait for this command.
    """
    import typer

    from gateway.cli.running import in_loop

    typer.echo(in_loop(_migrate()))


async def _migrate() -> str:
    from gateway import settings
    from gateway.bootstrap import open_resources
    from storage import migrate

    async with open_resources(settings.load()) as resources:
        before = await migrate.current(resources.db)
        await migrate.upgrade(resources.db)
        after = await migrate.current(resources.db)
    if before == after:
        return f"The schema is at {after} already. ({resources.place})"
    return f"The schema went from {before or 'nothing'} to {after}. ({resources.place})"
