"""Commands and the database: what keeps one waiting is said, and has an end."""

from pathlib import Path

import psycopg
import pytest

from storage.migrate import LOCK
from tests.cli.command import run


@pytest.mark.parametrize("command", [("migrate",), ("api-keys", "list")], ids=lambda command: command[0])
def test_another_process_that_migrates_is_not_waited_for_for_ever(
    command: tuple[str, ...], empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that must migrate gives up when another process is at it for too long, and changes nothing."""
    monkeypatch.setattr("gateway.cli.database.MIGRATION_SECONDS", 0.2)
    with psycopg.connect(empty_database_url) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (LOCK,))
        ran = run(*command, database_url=empty_database_url, data_dir=str(tmp_path))
        assert 1 == ran.code
        assert "another process migrates this database" in ran.err
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert (0,) == other.execute(tables).fetchone()

    assert 0 == run(*command, database_url=empty_database_url, data_dir=str(tmp_path)).code
