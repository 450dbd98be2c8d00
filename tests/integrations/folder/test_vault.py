"""The vault takes bytes in once, read-only, and notices every change (R-EVD-04)."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from holdfast.evidence.capture import Found, Scene, freeze, take
from holdfast.evidence.events import Gap, Kind
from holdfast.evidence.private import Private, Secret
from holdfast.evidence.retention import retain_until
from holdfast.evidence.vault import VaultProblem
from holdfast.integrations.folder.vault import BLOCK, FolderVault
from holdfast.scratch import Leftovers

NOW = datetime(2026, 11, 23, tzinfo=UTC)
LATER = datetime(2029, 11, 23, tzinfo=UTC)


@pytest.fixture
def vault(tmp_path: Path) -> FolderVault:
    return FolderVault(tmp_path / "vault")


def test_the_same_bytes_are_stored_once_and_read_only(vault: FolderVault, tmp_path: Path) -> None:
    source = tmp_path / "log.csv"
    source.write_bytes(b"id,score\n1,0.5\n")
    stored = vault.take_file(source, LATER)
    assert stored == vault.take_bytes(b"id,score\n1,0.5\n", LATER)
    assert stored.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert vault.path_of(stored.sha256).stat().st_mode & 0o777 == 0o400
    assert b"".join(vault.read(stored.sha256)) == source.read_bytes()


def test_swap_a_blob(vault: FolderVault) -> None:
    """R-EVD-04/bytes."""
    stored = vault.take_bytes(b"the score was 0.71", LATER)
    path = vault.path_of(stored.sha256)
    path.chmod(0o644)
    path.write_bytes(b"the score was 0.91")
    assert "was changed" in (vault.verify(stored.sha256, stored.size) or "")
    with pytest.raises(VaultProblem, match="was changed"):
        list(vault.read(stored.sha256))


def test_remove_a_blob(vault: FolderVault) -> None:
    stored = vault.take_bytes(b"x", LATER)
    vault.path_of(stored.sha256).unlink()
    assert "no longer holds" in (vault.verify(stored.sha256, stored.size) or "")


def test_a_link_as_evidence(vault: FolderVault, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("key")
    link = tmp_path / "log.csv"
    link.symlink_to(secret)
    with pytest.raises(VaultProblem, match="cannot be read"):
        vault.take_file(link, LATER)


def test_a_device_or_pipe_as_evidence(vault: FolderVault, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (Path("/dev/zero"), pipe, tmp_path):
        with pytest.raises(VaultProblem):
            vault.take_file(path, LATER)


def test_change_a_file_while_it_is_being_taken_in(
    vault: FolderVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "log.csv"
    source.write_bytes(b"before")
    whole = FolderVault._take

    def slow(self: FolderVault, file: object) -> object:
        stored = whole(self, file)  # type: ignore[arg-type]
        source.write_bytes(b"after!")
        os.utime(source, ns=(1, 1))
        return stored

    monkeypatch.setattr(FolderVault, "_take", slow)
    with pytest.raises(VaultProblem, match="changed while it was taken in"):
        vault.take_file(source, LATER)


def test_a_digest_that_leads_outside_the_vault(vault: FolderVault) -> None:
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


def test_what_cannot_be_captured_is_a_stated_gap_and_never_an_error(vault: FolderVault) -> None:
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
    """R-EVD-08/three-years."""
    assert retain_until(Kind.LOGS_AND_TRACES, frozen_at, years) == until


# Taking in: links, secrets, changes ----------------------------------------------------------------


def entries(vault: FolderVault) -> list[Path]:
    """Every file below the vault, kept or not."""
    return [path for path in vault.folder.rglob("*") if path.is_file() and ".until-" not in path.name]


def test_a_hard_link_as_evidence(vault: FolderVault, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"weights")
    os.link(tmp_path / "model.bin", tmp_path / "other.bin")
    with pytest.raises(VaultProblem, match="hard link"):
        vault.take_file(tmp_path / "other.bin", LATER)
    assert entries(vault) == []


def test_a_name_that_is_not_text_is_taken_in_and_said_in_text(vault: FolderVault, tmp_path: Path) -> None:
    name = os.fsdecode(b"model\xff\xe2\x80\xae.bin")
    (tmp_path / name).write_bytes(b"weights")
    found = Found(Kind.MODEL_ARTEFACTS, f"Model {name}", name, tmp_path / name, f"models/{name}")
    item = take(found, "EV-1", NOW, vault, {})
    assert (item.name, item.source) == ("model\\xff⟨U+202E⟩.bin", "models/model\\xff⟨U+202E⟩.bin")
    item.title.encode()
    os.link(tmp_path / name, tmp_path / f"{name}2")
    with pytest.raises(VaultProblem) as refused:
        vault.take_file(tmp_path / name, LATER)
    str(refused.value).encode()


@pytest.fixture
def guarded(tmp_path: Path) -> FolderVault:
    """A vault that knows what is secret beside it."""
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "ledger.key").write_text("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJx\n-----END\n")
    (keys / "flags.token").write_text("S3cretTokenOfTheFlags\n")
    database = tmp_path / "holdfast.db"
    with closing(sqlite3.connect(database)) as conn:
        conn.execute("CREATE TABLE ledger_head (id INTEGER)")
    secrets = (
        Secret(keys / "ledger.key", "the ledger's key"),
        Secret(keys / "flags.token", "the token of the flags"),
        Secret(database, "the database of the ledger"),
        Secret(tmp_path / "holdfast.db-wal", "the database of the ledger"),
    )
    return FolderVault(tmp_path / "vault", Private(secrets))


@pytest.mark.parametrize("name", ["keys/ledger.key", "keys/flags.token", "holdfast.db"])
def test_the_ledgers_own_secrets_are_never_evidence_by_whatever_path(
    guarded: FolderVault, tmp_path: Path, name: str
) -> None:
    secret = tmp_path / name
    (tmp_path / "models").mkdir()
    (tmp_path / "linked").symlink_to(secret.parent)
    hard = tmp_path / "models" / "weights.bin"
    os.link(secret, hard)
    copied = tmp_path / "models" / "copy.bin"
    copied.write_bytes(b"" if secret.suffix == ".db" else b"some text before\n")
    with copied.open("ab") as file:
        file.write(secret.read_bytes())
    ways = [secret, tmp_path / "linked" / secret.name, tmp_path / "models" / ".." / name, hard, copied]
    for way in ways:
        with pytest.raises(VaultProblem, match="never evidence"):
            guarded.take_file(way, LATER)
    with pytest.raises(VaultProblem, match="never evidence"):
        guarded.take_bytes(secret.read_bytes(), LATER)
    assert entries(guarded) == []


def test_a_secret_that_lies_across_two_blocks_is_seen(guarded: FolderVault, tmp_path: Path) -> None:
    token = (tmp_path / "keys" / "flags.token").read_bytes().strip()
    large = tmp_path / "large.bin"
    large.write_bytes(b"x" * (BLOCK - 10) + token)
    with pytest.raises(VaultProblem, match="never evidence"):
        guarded.take_file(large, LATER)


def test_what_lies_in_the_vault_for_another_incident_is_not_taken_in_again(guarded: FolderVault) -> None:
    stored = guarded.take_bytes(b"the wages of a customer", LATER)
    with pytest.raises(VaultProblem, match="kept in the vault already"):
        guarded.take_file(guarded.path_of(stored.sha256), LATER)
    with guarded.workplace() as folder:
        (folder / "made.json").write_text("{}")
        assert guarded.take_file(folder / "made.json", LATER).size == 2


def test_change_a_file_through_a_mapping_or_put_its_times_back(
    vault: FolderVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-EVD-02: half of one state and half of another is evidence of neither."""
    source = tmp_path / "log.csv"
    source.write_bytes(b"before")
    whole, status = FolderVault._take, os.fstat

    def slow(self: FolderVault, file: object) -> object:
        taken = whole(self, file)  # type: ignore[arg-type]
        source.write_bytes(b"after!")
        return taken

    monkeypatch.setattr(FolderVault, "_take", slow)
    # A mapping shows in no time of the file until the system writes it back.
    first = status(os.open(source, os.O_RDONLY))
    monkeypatch.setattr(
        os, "fstat", lambda handle: first if status(handle).st_ino == first.st_ino else status(handle)
    )
    with pytest.raises(VaultProblem, match="changed while it was taken in"):
        vault.take_file(source, LATER)
    assert entries(vault) == []


def test_times_that_were_put_back_do_not_hide_a_change(
    vault: FolderVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "log.csv"
    source.write_bytes(b"before")
    whole, before = FolderVault._take, source.stat()

    def slow(self: FolderVault, file: object) -> object:
        source.write_bytes(b"during")
        taken = whole(self, file)  # type: ignore[arg-type]
        os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
        return taken

    monkeypatch.setattr(FolderVault, "_take", slow)
    with pytest.raises(VaultProblem, match="changed while it was taken in"):
        vault.take_file(source, LATER)


# The folder ----------------------------------------------------------------------------------------


def test_nobody_else_can_read_what_is_kept(vault: FolderVault) -> None:
    os.umask(os.umask(0))
    stored = vault.take_bytes(b"the wages of a customer", LATER)
    for path in (vault.folder, *vault.folder.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path
    assert list(vault.findings()) == []
    vault.folder.chmod(0o755)
    (finding,) = vault.findings()
    assert "can be read by others (mode 0755)" in finding
    vault.take_bytes(b"more", LATER)
    assert list(vault.findings()) == []
    assert vault.verify(stored.sha256, stored.size) is None


def test_a_vault_that_was_lost_is_said_and_not_made_anew(tmp_path: Path) -> None:
    held: list[str] = []
    vault = FolderVault(tmp_path / "vault", holds=lambda: bool(held))
    assert list(vault.findings()) == []
    held.append(vault.take_bytes(b"evidence", LATER).sha256)
    assert vault.missing() == ""
    vault.folder.rename(tmp_path / "elsewhere")
    for _ in ("gone", "the folder that a missing mount leaves behind"):
        (finding,) = vault.findings()
        assert "is not there, and evidence was taken into it" in finding
        for step in (vault.create, lambda: vault.take_bytes(b"x", LATER), lambda: next(vault.read(held[0]))):
            with pytest.raises(VaultProblem, match="mount its disk or restore it"):
                step()
        assert "is not there" in (vault.verify(held[0], 8) or "")
        vault.folder.mkdir(exist_ok=True)
        assert list(vault.folder.iterdir()) == []


def test_leftovers_of_killed_runs_are_swept_and_living_ones_are_left(
    vault: FolderVault, tmp_path: Path
) -> None:
    stored = vault.take_bytes(b"kept", LATER)
    assert vault.sweep() is None
    killed = vault.folder / "incoming" / "tmpkilled"
    killed.write_bytes(b"half")
    (vault.folder / "incoming" / "work-killed").mkdir()
    (vault.folder / "incoming" / "work-killed" / "predictions.parquet").write_bytes(b"rows")
    assert vault.sweep() is None, "what is new may be somebody's who has not locked it yet"
    with vault.workplace() as living:
        for path in (killed, living, killed.with_name("work-killed")):
            os.utime(path, (0, 0))
        left = vault.sweep()
        assert left == Leftovers(2, 8)
        assert living.is_dir()
    assert [path.name for path in entries(vault)] == [stored.sha256]


class Several:
    kind, title = Kind.MODEL_ARTEFACTS, "model"

    def collect(self, scene: Scene, workdir: Path) -> Iterator[Found | Gap]:
        for name in ("a", "b", "c"):
            (workdir / name).write_text(name)
        (workdir / "b").unlink()
        (workdir / "b").symlink_to("a")
        for name in ("a", "b", "c"):
            yield Found(self.kind, f"model, {name}", name, workdir / name, "models/")


def test_what_one_file_is_does_not_keep_the_rest_from_being_taken(vault: FolderVault) -> None:
    """R-EVD-02."""
    scene = Scene(incident="INC-1", at=NOW, playbook="ab")
    by_hand = Gap(Kind.COMMUNICATION_RECORDS, "Mails", "people collect it; where: vault")
    frozen = freeze(scene, [Several()], vault, {}, by_hand=[by_hand])
    assert [item.name for item in frozen.items] == ["a", "c"]
    assert [item.item for item in frozen.items] == ["EV-1", "EV-2"]
    link, mails = frozen.missing
    assert (link.title, mails) == ("model, b", by_hand)
    assert "is a link" in link.reason
    assert list((vault.folder / "incoming").iterdir()) == []


# Until when ----------------------------------------------------------------------------------------

LATEST = datetime(2036, 11, 23, tzinfo=UTC)


def test_the_vault_is_told_until_when_it_keeps_what_it_takes_in(vault: FolderVault, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(b"id,score")
    item = take(
        Found(Kind.LOGS_AND_TRACES, "Log", "log.csv", tmp_path / "log.csv", "logs/"), "EV-1", NOW, vault, {}
    )
    assert vault.kept_until(item.sha256) == item.retain_until == LATER
    assert FolderVault(vault.folder).kept_until(item.sha256) == LATER
    assert vault.kept_until("0" * 64) is None


def test_of_many_who_keep_the_same_bytes_at_once_the_latest_stands(vault: FolderVault) -> None:
    digest = vault.take_bytes(b"the same playbook", LATER).sha256
    dates = [LATER.replace(year=LATER.year + years) for years in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(lambda until: FolderVault(vault.folder).keep(digest, until), [*reversed(dates), *dates])
        )
    assert vault.kept_until(digest) == dates[-1]
    assert vault.sweep() is None


@pytest.mark.parametrize("day", ["", "soon", "2029-13-45", "2029-02-30"])
def test_a_date_that_cannot_be_read_is_no_date(vault: FolderVault, day: str) -> None:
    digest = vault.take_bytes(b"x", LATER).sha256
    (stated,) = vault.folder.rglob("*.until-*")
    stated.rename(stated.with_name(f"{digest}.until-{day}"))
    assert vault.kept_until(digest) is None
    vault.keep(digest, LATER)
    assert vault.kept_until(digest) == LATER


def test_a_date_in_the_middle_of_a_day_is_kept_to_its_end(vault: FolderVault) -> None:
    digest = vault.take_bytes(b"x", LATER + timedelta(microseconds=1)).sha256
    assert vault.kept_until(digest) == LATER + timedelta(days=1)


def test_nothing_in_a_vault_is_rewritten(vault: FolderVault) -> None:
    """So a copy of it only grows."""
    vault.take_bytes(b"the same playbook", LATER)
    before = {path: path.stat().st_ino for path in vault.folder.rglob("*.until-*")}
    digest = vault.take_bytes(b"the same playbook", LATEST).sha256
    vault.keep(digest, LATER)
    after = {path: path.stat().st_ino for path in vault.folder.rglob("*.until-*")}
    assert len(after) == 2
    assert before.items() < after.items()
