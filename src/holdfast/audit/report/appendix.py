"""Evidence with its custody, and the appendices: identifiers, every entry, how to verify."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from holdfast import wording
from holdfast.audit.dossier import Dossier
from holdfast.audit.report.blocks import (
    Block,
    Cell,
    commands,
    heading,
    mono,
    pairs,
    prose,
    section,
    statements,
    strong,
    table,
    toned,
)
from holdfast.evidence.events import EvidenceAccessed, EvidenceVerified, Item
from holdfast.incident.events import Closed
from holdfast_verify.record import member_path


def evidence(dossier: Dossier) -> dict[str, Any]:
    """What was preserved, what could not be, and everybody who touched it."""
    parts: list[Block] = [
        table(
            [("Item", "auto"), ("What it is", "2fr"), ("Taken from", "1.4fr"), ("Size", "auto >")],
            (_item(item) for item in dossier.items),
            "No evidence was preserved.",
        ),
        prose("The SHA-256 of each item is in appendix A; the items themselves are in the audit pack."),
    ]
    if dossier.gaps:
        parts += [
            heading("Could not be preserved"),
            table(
                [("What", "1fr"), ("Why", "2fr")],
                ([strong(gap.title, gap.kind.label), gap.reason] for gap in dossier.gaps),
                "",
            ),
        ]
    parts += [
        heading("Custody"),
        table(
            [("When", "auto"), ("Who", "1fr"), ("What", "2fr"), ("Entry", "auto >")],
            _custody(dossier),
            "Nobody has opened or checked the evidence so far.",
        ),
    ]
    return section("Evidence", parts)


def _item(item: Item) -> list[Cell]:
    kept = f"{item.kind.label}, kept until {wording.day(item.retain_until)}"
    return [strong(item.item), strong(item.title, kept), item.source, wording.filesize(item.size)]


def _custody(dossier: Dossier) -> Iterator[list[Cell]]:
    for one, fact in dossier.custody:
        yield [wording.utc(one.at), one.by.name, _handled(fact), f"#{one.seq}"]


def _handled(fact: EvidenceAccessed | EvidenceVerified) -> Cell:
    match fact:
        case EvidenceAccessed(item=item, how="refused", reason=reason):
            return toned(f"{item}: refused. {reason}", "bad")
        case EvidenceAccessed(item=item, how="listed"):
            return f"The list of {item} was looked at"
        case EvidenceAccessed(item=item, how="pack"):
            return f"{item}: copied into an audit pack"
        case EvidenceAccessed(item=item, how=how, reason=reason):
            return f"{item}: {how}{'. ' + reason if reason else ''}"
        case EvidenceVerified(problems=problems) if problems:
            return toned(f"Checked: {'; '.join(problems)}", "bad")
        case EvidenceVerified(items=items):
            return toned(f"Checked: all {wording.plural(items, 'item')} match the record", "good")


# Appendices ---------------------------------------------------------------------------------------


def identifiers(dossier: Dossier) -> dict[str, Any]:
    """Every digest one may want to compare."""
    return section(
        "Hashes and identifiers",
        heading("Evidence"),
        table(
            [("Item", "auto"), ("SHA-256", "1fr")],
            (
                [
                    strong(item.item),
                    {"text": item.sha256, "mono": True, "below": member_path(item.item, item.name)},
                ]
                for item in dossier.items
            ),
            "There is no evidence.",
        ),
        heading("What the incident was run under"),
        pairs(_versions(dossier)),
        heading("Ledger"),
        pairs(_ledger(dossier)),
    )


def _versions(dossier: Dossier) -> Iterator[tuple[str, Cell]]:
    state, playbook = dossier.state, dossier.playbook
    yield f"Playbook {state.playbook_version}", mono(state.playbook)
    if playbook:
        signed = "; ".join(
            f"{one.function.label}: {one.name}, {wording.utc(one.at)}" for one in playbook.approvals
        )
        yield "Signed", signed or "by nobody"
    if dossier.system:
        yield f"System file {dossier.system.file}", mono(dossier.system.content)
    for one in dossier.context:
        yield f"Entry #{one.seq}", f"{one.fact.type}, {wording.utc(one.at)}, {one.by.name}"


def _ledger(dossier: Dossier) -> Iterator[tuple[str, Cell]]:
    yield "Name", dossier.origin
    yield "Entries then", f"{dossier.entries:,}"
    if dossier.sealed:
        yield "Newest checkpoint", f"{dossier.sealed.size:,} entries, signed {wording.utc(dossier.sealed.at)}"
        yield "Its root hash", mono(dossier.sealed.root.hex())
    else:
        yield "Newest checkpoint", "none so far"
    for one, fact in dossier.of(Closed):
        yield "Closed record", mono(fact.record_sha256)
        yield "Recorded in", f"entry #{one.seq}, {wording.utc(one.at)}"


def entries(dossier: Dossier) -> dict[str, Any]:
    """Every fact of the record, in ledger order."""
    return section(
        "Every entry of the record",
        prose(
            f"{wording.plural(len(dossier.record), 'entry', 'entries')} of "
            f"{wording.plural(len({one.stream for one in dossier.record}), 'stream')} name the incident. The "
            "leaf hash covers position, stream, time and content of its entry (RFC 9162, section 2.1.1)."
        ),
        table(
            [("Entry", "auto"), ("Recorded", "auto"), ("What", "1fr"), ("Leaf hash", "auto")],
            (
                [
                    f"#{one.seq}",
                    wording.iso(one.at),
                    {"text": one.fact.type, "below": f"{one.by.name} · {one.stream}"},
                    {"text": f"{one.leaf_hash.hex()[:32]}\n{one.leaf_hash.hex()[32:]}", "mono": True},
                ]
                for one in dossier.record
            ),
            "There are none.",
        ),
    )


def verifying(dossier: Dossier) -> dict[str, Any]:
    """How to check all of this without trusting whoever handed it over."""
    incident = dossier.state.id
    return section(
        "How to verify this pack",
        prose(
            "This report is one file of an audit pack. Its digest, and that of every other file of the pack, "
            "is on the ledger, under a signed checkpoint. A separate program, holdfast-verify, checks all of "
            "it offline. It runs on Python 3.11, needs the package cryptography and nothing of the product; "
            "take it from a source you trust."
        ),
        commands([f"holdfast-verify {incident}.zip --policy POLICY"]),
        prose(
            "POLICY is a text file with the ledger's name and the public key you trust. Get the key on "
            "another way than the pack: from a contract, a letter or an earlier audit; never from the pack "
            "itself. The program ends with exit code 0 only when every step holds, and names the file at "
            "fault when one does not."
        ),
        heading("What it shows"),
        statements(
            [
                ("Signed", "The checkpoint carries the signature of a key you trust.", "checkpoint.txt"),
                (
                    "Unchanged",
                    "Every fact of the incident is in the signed tree, word for word.",
                    "facts.jsonl",
                ),
                (
                    "Complete",
                    "All entries of the ledger, by header, rebuild the signed root; no fact of the "
                    "incident's streams is missing.",
                    "headers.jsonl",
                ),
                (
                    "Continuous",
                    "Earlier checkpoints are signed, and beginnings of the same ledger.",
                    "checkpoints.jsonl",
                ),
                (
                    "The same files",
                    "Report, record and evidence have the digests on the ledger.",
                    "every file",
                ),
                (
                    "The same record",
                    "record.json is what the facts add up to: it is derived anew and compared. This report "
                    "is bound by its digest alone; what it says is compared with nothing.",
                    "record.json",
                ),
            ]
        ),
        heading("What it cannot show"),
        prose(
            "That a recorded time is true (a witness or a time stamp bounds it), that what people wrote is "
            "so, or anything that was never recorded. Whoever holds both the database and the log's key can "
            "rewrite the ledger; only a checkpoint that somebody else kept can show it. Keep the line that "
            "the program prints at its end."
        ),
        heading("Streams of the incident"),
        table(
            [("Stream", "1fr"), ("Facts", "auto >")],
            _streams(dossier),
            "",
        ),
    )


def _streams(dossier: Dossier) -> Iterator[list[Cell]]:
    """Every stream with its facts; a message has a stream of its own, and they are summed up."""
    messages = [count for stream, count in dossier.streams.items() if stream.startswith("message/")]
    for stream, count in dossier.streams.items():
        if count and not stream.startswith("message/"):
            yield [mono(stream), f"{count:,}"]
    if messages:
        yield [wording.plural(len(messages), "message"), f"{sum(messages):,}"]
