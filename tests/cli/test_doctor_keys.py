"""`doctor` about encryption keys that a service keeps, and about the file that a ring may come from.

Owns the proofs of `key_services` in `gateway/cli/checks.py`.
"""

from pathlib import Path

from tests.cli.test_doctor import examine, wrong
from tests.fixtures.settings import RING
from tests.fixtures.vault import TOKEN, Vault


def test_a_key_of_a_service_is_tried(vault: Vault, database_url: str, tmp_path: Path) -> None:
    """One that wraps and unwraps is fine; one that is not there is named with what the service said, and no secret."""
    name = vault.new_key()
    fine = examine(database_url, tmp_path, encryption_keys=f"kms:vault:{name}")
    assert (0, True) == (fine.code, f"encryption key kms: Vault's key {name} wraps and unwraps" in fine.out), fine.out
    missing = examine(database_url, tmp_path, encryption_keys="kms:vault:transit/misspelt")
    assert 1 == missing.code
    assert any("there is no such key" in line and "docs/keys.md" in line for line in wrong(missing)), missing.out
    assert TOKEN not in fine.out + fine.err + missing.out + missing.err


def test_a_ring_from_a_file(database_url: str, tmp_path: Path) -> None:
    """The keys may be in a file, one a line; two places for them, and a file that is not there, are wrong."""
    file = tmp_path / "keys"
    file.write_text(f"k2:{'A' * 43}=\n{RING}\n")
    fine = examine(database_url, tmp_path, encryption_keys="", encryption_keys_file=str(file))
    assert (0, True) == (fine.code, "encryption keys: 2, active 'k2'" in fine.out), fine.out
    both = examine(database_url, tmp_path, encryption_keys_file=str(file))
    assert any("set one of them" in line for line in wrong(both)), both.out
    nowhere = examine(database_url, tmp_path, encryption_keys="", encryption_keys_file="/nowhere")
    assert any("/nowhere: FileNotFoundError" in line for line in wrong(nowhere)), nowhere.out
