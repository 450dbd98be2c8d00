"""What every vault does, whatever it is made of (R-EVD-04, R-EVD-08)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from holdfast.evidence.vault import Vault, VaultProblem
from holdfast.integrations.folder.fake import FakeVault
from holdfast.integrations.folder.vault import FolderVault

LATER, LATEST = datetime(2029, 11, 23, tzinfo=UTC), datetime(2036, 11, 23, tzinfo=UTC)
VAULTS: dict[str, Callable[[Path], Vault]] = {
    "folder": lambda where: FolderVault(where / "vault"),
    "fake": lambda where: FakeVault(),
}


@pytest.fixture(params=VAULTS)
def vault(request: pytest.FixtureRequest, tmp_path: Path) -> Vault:
    return VAULTS[request.param](tmp_path)


def test_what_was_taken_in_is_what_is_given_out(vault: Vault) -> None:
    with vault.workplace() as folder:
        (folder / "log.csv").write_bytes(b"id,score")
        stored = vault.take_file(folder / "log.csv", LATER)
    assert stored == vault.take_bytes(b"id,score", LATER)
    assert vault.verify(stored.sha256, stored.size) is None
    assert b"".join(vault.read(stored.sha256)) == b"id,score"
    assert b"".join(vault.give(stored.sha256, stored.size)) == b"id,score"


def test_what_is_not_there_or_of_another_size_is_said_and_not_given(vault: Vault) -> None:
    stored = vault.take_bytes(b"x", LATER)
    for sha256, size in (("0" * 64, 1), (stored.sha256, 2)):
        assert vault.verify(sha256, size)
        with pytest.raises(VaultProblem):
            vault.give(sha256, size)


@pytest.mark.parametrize("dates", [(LATER, LATEST), (LATEST, LATER)])
def test_of_two_dates_for_the_same_bytes_the_later_stands(
    vault: Vault, dates: tuple[datetime, datetime]
) -> None:
    for until in dates:
        stored = vault.take_bytes(b"the same playbook", until)
    assert vault.kept_until(stored.sha256) == LATEST
    vault.keep(stored.sha256, LATER)
    assert vault.kept_until(stored.sha256) == LATEST
    assert vault.kept_until("0" * 64) is None


def test_no_link_is_followed_and_no_folder_taken_for_a_file(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("key")
    (tmp_path / "log.csv").symlink_to(tmp_path / "secret")
    for path in (tmp_path / "log.csv", tmp_path):
        with pytest.raises(VaultProblem):
            vault.take_file(path, LATER)


def test_a_vault_that_is_well_has_no_findings(vault: Vault) -> None:
    vault.create()
    vault.take_bytes(b"x", LATER)
    assert (vault.missing(), list(vault.findings()), vault.sweep()) == ("", [], None)
