"""The vault takes bytes in once, read-only, and notices every change (R-EVD-04)."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from holdfast.evidence.capture import Found, Scene, freeze
from holdfast.evidence.events import Gap, Kind
from holdfast.evidence.retention import retain_until
from holdfast.evidence.vault import Vault, VaultProblem

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "vault")


def test_the_same_bytes_are_stored_once_and_read_only(vault: Vault, tmp_path: Path) -> None:
    source = tmp_path / "log.csv"
    source.write_bytes(b"id,score\n1,0.5\n")
    stored = vault.take_file(source)
    assert stored == vault.take_bytes(b"id,score\n1,0.5\n")
    assert stored.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert vault.path_of(stored.sha256).stat().st_mode & 0o777 == 0o444
    assert b"".join(vault.read(stored.sha256)) == source.read_bytes()


def test_swap_a_blob(vault: Vault) -> None:
    stored = vault.take_bytes(b"the score was 0.71")
    path = vault.path_of(stored.sha256)
    path.chmod(0o644)
    path.write_bytes(b"the score was 0.91")
    assert "was changed" in (vault.verify(stored.sha256, stored.size) or "")
    with pytest.raises(VaultProblem, match="was changed"):
        list(vault.read(stored.sha256))


def test_remove_a_blob(vault: Vault) -> None:
    stored = vault.take_bytes(b"x")
    vault.path_of(stored.sha256).unlink()
    assert "no longer holds" in (vault.verify(stored.sha256, stored.size) or "")


def test_a_link_as_evidence(vault: Vault, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("key")
    link = tmp_path / "log.csv"
    link.symlink_to(secret)
    with pytest.raises(VaultProblem, match="cannot be read"):
        vault.take_file(link)


def test_a_device_or_pipe_as_evidence(vault: Vault, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (Path("/dev/zero"), pipe, tmp_path):
        with pytest.raises(VaultProblem):
            vault.take_file(path)


def test_change_a_file_while_it_is_being_taken_in(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "log.csv"
    source.write_bytes(b"before")
    whole = Vault._take

    def slow(self: Vault, file: object) -> object:
        stored = whole(self, file)  # type: ignore[arg-type]
        source.write_bytes(b"after!")
        os.utime(source, ns=(1, 1))
        return stored

    monkeypatch.setattr(Vault, "_take", slow)
    with pytest.raises(VaultProblem, match="changed while it was taken in"):
        vault.take_file(source)


def test_a_digest_that_leads_outside_the_vault(vault: Vault) -> None:
    with pytest.raises(VaultProblem, match="not a SHA-256 digest"):
        vault.path_of("../../etc/passwd")


class Working:
    kind, title = Kind.LOGS_AND_TRACES, "prediction log"

    def collect(self, scene: Scene, workdir: Path) -> list[Found | Gap]:
        made = workdir / "window.csv"
        made.write_text(f"window of {scene.incident}")
        return [Found(self.kind, self.title, "window.csv", made, "logs/")]


class Broken:
    kind, title = Kind.MODEL_ARTEFACTS, "model artefact"

    def collect(self, scene: Scene, workdir: Path) -> list[Found | Gap]:
        raise PermissionError("no access to models/")


def test_what_cannot_be_captured_is_a_stated_gap_and_never_an_error(vault: Vault) -> None:
    """R-EVD-02."""
    scene = Scene(incident="INC-1", at=NOW, playbook="ab")
    frozen = freeze(scene, [Broken(), Working()], vault, {Kind.LOGS_AND_TRACES: 7})
    (item,), (gap,) = frozen.items, frozen.missing
    assert (item.item, item.name, item.retain_until.year) == ("EV-1", "window.csv", 2033)
    assert gap == Gap(Kind.MODEL_ARTEFACTS, "model artefact", "no access to models/")
    assert vault.verify(item.sha256, item.size) is None
    line = frozen.line()
    assert line is not None
    assert "Not captured: model artefact (no access to models/)" in line.detail


@pytest.mark.parametrize(
    ("frozen_at", "years", "until"),
    [
        (NOW, {}, datetime(2029, 11, 23, tzinfo=UTC)),
        (NOW, {Kind.LOGS_AND_TRACES: 1}, datetime(2029, 11, 23, tzinfo=UTC)),
        (datetime(2028, 2, 29, tzinfo=UTC), {Kind.LOGS_AND_TRACES: 5}, datetime(2033, 3, 1, tzinfo=UTC)),
    ],
)
def test_evidence_is_kept_for_at_least_three_years(
    frozen_at: datetime, years: dict[Kind, int], until: datetime
) -> None:
    """R-EVD-08."""
    assert retain_until(Kind.LOGS_AND_TRACES, frozen_at, years) == until
