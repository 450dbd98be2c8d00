"""Audit packs: one file with report, record, evidence and proofs, and the policy to verify it by."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType

from holdfast import wording
from holdfast.audit.packing import Pack, build_pack, policy_of
from holdfast.evidence import custody
from holdfast.incident.loading import load
from holdfast.interfaces.cli.output import facts, table
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.interfaces.cli.typed import IncidentId
from holdfast.ledger import sealing
from holdfast.people import Permission
from holdfast.problems import NotAllowed
from holdfast.shapes.base import Shown
from holdfast_verify.policy import earlier_line

app = noun()


class Member(Shown):
    path: str
    role: str
    sha256: str
    size: int


class Built(Shown):
    """A pack that was built, and that the verifier has passed."""

    incident: str
    pack: str
    """Where it is."""
    size: int
    """Bytes of the file."""
    members: tuple[Member, ...]
    assembled: int
    """The ledger entry that holds the digest of every file."""
    checkpoint_size: int
    """Entries of the ledger under the checkpoint."""
    root: str
    sealed_at: datetime
    policy: str | None
    """Where the policy was written, when asked for."""
    earlier: str
    """The line by which a policy remembers this checkpoint."""


class PolicyShown(Shown):
    policy: str
    """Where it is."""
    origin: str
    key: str
    earlier: str | None


@command(app, "build")
def build(
    session: Session,
    incident: IncidentId,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; INC-1.zip unless given.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="Write the policy for the auditor to this file too.")
    ] = None,
) -> None:
    """Build the audit pack of an incident, open or closed, and verify it as the auditor will."""
    application = session.application
    by = session.acting(Permission.BUILD_PACK)
    load(application.ledger, incident)
    custody.permit(application.ledger, incident, custody.WHOLE, who=session.asking(), at=session.now)
    target = output or Path(f"{incident}.zip")
    with session.progress(f"packing {incident}: report, record, evidence, proofs"):
        made = build_pack(application, incident, target, by=by, at=session.now)
    if policy:
        _write(policy, policy_of(application))
    session.answer(lambda: _shown(made, policy), _built)


@command(app, "policy")
def policy_(
    session: Session,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    with_checkpoint: Annotated[
        bool,
        typer.Option(
            "--with-checkpoint",
            help="Also require that packs continue the ledger from its newest checkpoint.",
        ),
    ] = False,
) -> None:
    """Write the policy by which an auditor verifies packs of this ledger: its name and public key."""
    application = session.application
    with application.ledger.reading() as conn:
        sealed = sealing.newest(conn)
    known = sealed.checkpoint if sealed and with_checkpoint else None
    _write(output, policy_of(application, known))
    shown = PolicyShown(
        policy=str(output),
        origin=application.ledger.origin,
        key=str(application.verifier_key),
        earlier=earlier_line(known) if known else None,
    )
    session.answer(lambda: shown, _policy)


def _write(target: Path, text: str) -> None:
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise NotAllowed(
            f"the policy {target} cannot be written: {error.strerror}; name another file"
        ) from error


def _shown(made: Pack, policy: Path | None) -> Built:
    return Built(
        incident=made.incident,
        pack=str(made.path),
        size=made.path.stat().st_size,
        members=tuple(Member(**member._asdict()) for member in made.members),
        assembled=made.assembled,
        checkpoint_size=made.checkpoint.size,
        root=made.checkpoint.root.hex(),
        sealed_at=made.sealed_at,
        policy=str(policy) if policy else None,
        earlier=earlier_line(made.checkpoint),
    )


def _built(made: Built) -> Iterable[RenderableType]:
    yield table(
        ("File", "Size", "SHA-256"),
        [(one.path, wording.filesize(one.size), wording.short_hash(one.sha256)) for one in made.members],
        right=("Size",),
        keep=("SHA-256",),
    )
    yield facts(
        ("Pack", f"{made.pack}, {wording.filesize(made.size)}"),
        ("Policy", made.policy),
        ("Recorded", f"entry {made.assembled:,} holds the digest of every file"),
        ("Checkpoint", f"{made.checkpoint_size:,} entries, sealed {wording.utc(made.sealed_at)}"),
        ("Root", made.root),
    )
    yield "The verifier has passed it. An auditor repeats that alone and offline:"
    yield f"  holdfast-verify {made.pack} --policy {made.policy or 'POLICY'}"
    if made.policy is None:
        yield "`holdfast pack policy -o POLICY` writes the policy; hand its key over on another way."


def _policy(made: PolicyShown) -> Iterable[RenderableType]:
    yield facts(("Policy", made.policy), ("Ledger", made.origin), ("Key", made.key), ("Known", made.earlier))
    yield "Tell the key on another way than the packs: in a contract, a letter or by telephone."
