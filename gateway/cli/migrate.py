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
    from gateway.ground import opened
    from storage import migrate

    async with opened(settings.load()) as ground:
        before = await migrate.current(ground.db)
        await migrate.upgrade(ground.db)
        after = await migrate.current(ground.db)
    if before == after:
        return f"The schema is at {after} already. ({ground.place})"
    return f"The schema went from {before or 'nothing'} to {after}. ({ground.place})"
