"""Evidence: who may see it, what is written before a byte leaves, and what an attacker tries."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from holdfast.application import Application
from holdfast.evidence import custody
from holdfast.evidence.capture import Found
from holdfast.evidence.events import EvidenceAccessed, EvidenceVerified, Item, Kind
from holdfast.incident.events import Closed
from holdfast.incident.loading import load
from holdfast.interfaces.web.views import evidence
from holdfast.ledger.facts import Fact
from support.company import MAYA, VICTOR, person
from support.lender_pages import open_lender
from support.pages import PASSWORD, Page, Reader, signed_in

PLACE = "/incidents/INC-1/evidence"
NADIA = person("Nadia Petrov")
"""Administrator: she keeps the accounts and may not see evidence."""


@pytest.fixture
def lender(tmp_path: Path) -> Application:
    made = open_lender(tmp_path)
    made.accounts.create(NADIA.id, PASSWORD, NADIA, made.clock.now())
    return made


@pytest.fixture
def maya(lender: Application) -> Reader:
    return signed_in(lender, MAYA)


def events(application: Application) -> tuple[Fact, ...]:
    return application.ledger.stream("custody/INC-1").events


def items(application: Application) -> tuple[Item, ...]:
    return custody.items(application.ledger.stream("evidence/INC-1").events)


def keep(application: Application, name: str, content: bytes = b"hello", title: str = "A file") -> Item:
    found = Found(Kind.COMMUNICATION_RECORDS, title, name, content, "a person")
    return application.desk.keep("INC-1", found, by=MAYA, at=application.clock.now())


def send(
    reader: Reader, name: str = "mail.eml", content: bytes = b"Dear all", **typed: str
) -> tuple[int, Page]:
    data = {"title": "Mail of the broker", "kind": "communication_records", "csrf": reader.csrf, **typed}
    answer = reader.client.post(
        PLACE,
        data=data,
        files={"file": (name, content, "message/rfc822")},
        headers={"Origin": reader.origin},
        follow_redirects=False,
    )
    return answer.status_code, Page(answer.text)


# Reading ---------------------------------------------------------------------------------------


def test_every_item_stands_there_with_hash_size_source_and_retention_r_evd_09(
    lender: Application, maya: Reader
) -> None:
    """R-EVD-09/where, R-EVD-09/linked."""
    page = maya.page(PLACE)
    held = items(lender)
    assert len(held) >= 5
    for item in held:
        assert item.item in page.text
        assert f'data-copy="{item.sha256}"' in page.html
        assert item.source in page.text
        assert f"{item.retain_until.day} {item.retain_until:%b %Y}" in page.text
    assert "INC-1" in maya.page("/evidence").text


def test_a_download_is_on_the_ledger_before_the_first_byte_r_evd_06(
    lender: Application, maya: Reader
) -> None:
    """R-EVD-06/looks."""
    item = keep(lender, "mail.eml", b"Dear all")
    answer = maya.get(f"{PLACE}/{item.item}")
    assert answer.content == b"Dear all"
    last = events(lender)[-1]
    assert isinstance(last, EvidenceAccessed)
    assert (last.item, last.how) == (item.item, "download")
    page = maya.page(PLACE).text
    assert f"{item.item} downloaded" in page
    assert "Maya Okafor" in page


def test_what_is_handed_out_is_a_file_to_keep_and_never_a_page_to_run(
    lender: Application, maya: Reader
) -> None:
    item = keep(lender, "page.html", b"<script>alert(1)</script>")
    headers = maya.get(f"{PLACE}/{item.item}").headers
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"].startswith('attachment; filename="page.html"')
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-length"] == "25"


def test_a_large_file_arrives_whole(lender: Application, maya: Reader) -> None:
    content = bytes(range(256)) * 12_000
    item = keep(lender, "log.bin", content)
    assert maya.get(f"{PLACE}/{item.item}").content == content


def test_who_may_not_see_evidence_is_refused_and_that_is_on_the_ledger_r_evd_06(lender: Application) -> None:
    """R-EVD-06/refusals."""
    nadia = signed_in(lender, NADIA)
    for path in (PLACE, f"{PLACE}/EV-1", "/evidence"):
        answer = nadia.get(path)
        assert answer.status_code == 403
        assert "Prediction log" not in answer.text
    refused = [fact for fact in events(lender) if isinstance(fact, EvidenceAccessed)]
    assert [(fact.item, fact.how) for fact in refused] == [("all items", "refused"), ("EV-1", "refused")]
    assert "Nadia Petrov may not read evidence" in signed_in(lender, MAYA).page(PLACE).text


def test_looking_at_the_list_is_on_the_ledger_and_a_page_that_refreshes_itself_adds_nothing_r_evd_06(
    lender: Application, maya: Reader
) -> None:
    for reader, how in ((maya, "listed"), (signed_in(lender, NADIA), "refused")):
        before = len(events(lender))
        # Whoever only says that the page refreshes itself has looked all the same.
        for headers in ({"X-Live": "1"}, {"X-Live": "1"}, {}, {"X-Live": "1"}):
            reader.get(PLACE, headers=headers)
        looks = events(lender)[before:]
        assert [(look.item, look.how) for look in looks if isinstance(look, EvidenceAccessed)] == [
            ("all items", how)
        ] * 2
    assert "The list of all items was looked at" in maya.page(PLACE).text


def test_looking_at_what_every_incident_holds_is_on_the_ledger_too_r_evd_06(
    lender: Application, maya: Reader
) -> None:
    maya.get("/evidence")
    signed_in(lender, NADIA).get("/evidence")
    looks = [(one.by.name, one.fact) for one in lender.ledger.stream("custody").facts]
    assert [(name, fact.how) for name, fact in looks if isinstance(fact, EvidenceAccessed)] == [
        ("Maya Okafor", "listed"),
        ("Nadia Petrov", "refused"),
    ]


def test_the_list_offered_where_a_cause_is_written_is_a_look_r_evd_06(
    lender: Application, maya: Reader
) -> None:
    maya.get("/incidents/INC-1/cause")
    signed_in(lender, NADIA).get("/incidents/INC-1/cause")
    assert [one.by.name for one in lender.ledger.stream("custody/INC-1").facts] == ["Maya Okafor"]


def test_an_auditor_reads_and_verifies_evidence_and_adds_none_r_aud_07(lender: Application) -> None:
    """R-AUD-07/logged."""
    auditor = signed_in(lender, VICTOR)
    assert auditor.get(f"{PLACE}/EV-1").status_code == 200
    assert auditor.get(PLACE).status_code == 200
    looked = lender.ledger.stream("custody/INC-1").facts
    assert [one.by.id for one in looked[-2:]] == [VICTOR.id, VICTOR.id]
    assert auditor.post(f"{PLACE}/verification").status_code == 303
    assert "Add a file" not in auditor.page(PLACE).text
    held = len(items(lender))
    assert send(auditor)[0] == 403
    assert len(items(lender)) == held


# Tampering -------------------------------------------------------------------------------------


def change(application: Application, item: Item, content: bytes) -> None:
    """What somebody with access to the disk would do."""
    path = application.vault.path_of(item.sha256)
    path.chmod(0o644)
    path.write_bytes(content)


def test_a_changed_file_is_not_handed_out_and_verification_names_it_r_evd_04(
    lender: Application, maya: Reader
) -> None:
    item = keep(lender, "mail.eml", b"Dear all")
    change(lender, item, b"Dear foe")
    answer = maya.get(f"{PLACE}/{item.item}")
    assert answer.status_code == 409
    assert b"Dear foe" not in answer.content
    assert "was changed" in Page(answer.text).text
    maya.post(f"{PLACE}/verification")
    last = events(lender)[-1]
    assert isinstance(last, EvidenceVerified)
    assert item.item in last.problems[0]
    page = maya.page(PLACE).text
    assert "Evidence does not match its record." in page
    assert "1 problem" in maya.page("/evidence").text


def test_of_a_changed_large_file_not_one_byte_arrives_r_evd_04(lender: Application, maya: Reader) -> None:
    content = bytes(range(256)) * 12_000
    item = keep(lender, "log.bin", content)
    change(lender, item, content[:-1] + b"?")
    answer = maya.get(f"{PLACE}/{item.item}")
    assert answer.status_code == 409
    assert content[:1000] not in answer.content


def test_bytes_that_were_held_back_are_on_the_record_and_the_page_turns_red_r_evd_06(
    lender: Application, maya: Reader
) -> None:
    item = keep(lender, "mail.eml", b"Dear all")
    change(lender, item, b"Dear foe")
    maya.get(f"{PLACE}/{item.item}")
    refused, seen = events(lender)
    assert isinstance(refused, EvidenceAccessed)
    assert (refused.item, refused.how) == (item.item, "refused")
    assert "was changed" in refused.reason
    assert isinstance(seen, EvidenceVerified)
    assert item.item in seen.problems[0]
    assert "Evidence does not match its record." in maya.page(PLACE).text


def test_verifying_says_when_everything_matches_r_evd_04(lender: Application, maya: Reader) -> None:
    maya.post(f"{PLACE}/verification")
    page = maya.page(PLACE).text
    assert f"All {len(items(lender))} items match their hashes." in page


# Names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\system.ini", "system.ini"),
        ('a"; filename="evil.exe', "a; filename=evil.exe"),
        ("line\r\nSet-Cookie: x=1", "lineSet-Cookie x=1"),
        ("\u202egnp.exe", "gnp.exe"),
        ("...", "evidence"),
        ("", "evidence"),
        ("Protokoll für Änderung.pdf", "Protokoll für Änderung.pdf"),
        ("x" * 300 + ".txt", "x" * 116 + ".txt"),
    ],
)
def test_a_name_keeps_no_path_no_quotes_and_no_line_breaks(name: str, kept: str) -> None:
    assert evidence.safe_name(name) == kept
    header = evidence.disposition(name)
    assert "\r" not in header
    assert "\n" not in header
    assert header.isascii()
    assert header.count('"') == 2
    assert header.endswith(quote(kept, safe=""))


def test_a_stored_name_cannot_leave_the_download_folder_or_the_page(
    lender: Application, maya: Reader
) -> None:
    item = keep(lender, '../../<img src=x onerror="alert(1)">.html', title="<script>alert(2)</script>")
    html = maya.page(PLACE).html
    assert "<img src=x" not in html
    assert "<script>alert(2)" not in html
    assert "&lt;script&gt;alert(2)" in html
    header = maya.get(f"{PLACE}/{item.item}").headers["content-disposition"]
    assert "/" not in header
    assert ".." not in header


@pytest.mark.parametrize(
    "item", ["..%2f..%2fvault", "EV-0", "EV-999", "ev-1", "EV-1%00", "EV-1%0d%0aX: 1", "%3Cscript%3E"]
)
def test_an_item_that_is_not_there_is_not_found_and_nothing_is_recorded(
    lender: Application, maya: Reader, item: str
) -> None:
    answer = maya.get(f"{PLACE}/{item}")
    assert answer.status_code in (400, 404)
    assert "<script>" not in answer.text.split("<main", 1)[-1].split("</main>")[0]
    assert events(lender) == ()


@pytest.mark.parametrize("query", ["before=-1", "before=99999999999999999999999"])
def test_a_strange_place_in_the_custody_list_is_passed_over(maya: Reader, query: str) -> None:
    assert maya.get(f"{PLACE}?{query}").status_code == 200


def test_no_custody_is_made_up_for_an_incident_that_does_not_exist(lender: Application) -> None:
    nadia = signed_in(lender, NADIA)
    before = lender.ledger.size()
    assert nadia.get("/incidents/INC-999/evidence/EV-1").status_code == 404
    assert nadia.get("/incidents/INC-999/evidence").status_code == 404
    assert lender.ledger.size() == before


# Adding ----------------------------------------------------------------------------------------


def test_a_file_is_taken_in_under_its_hash_r_evd_01(lender: Application, maya: Reader) -> None:
    assert send(maya, "../mail.eml", b"Dear all", source="The broker's IT desk")[0] == 303
    item = items(lender)[-1]
    assert (item.name, item.title, item.source) == ("mail.eml", "Mail of the broker", "The broker's IT desk")
    assert lender.vault.verify(item.sha256, item.size) is None
    assert f"{item.item} is in the vault." in maya.page(PLACE).text


def test_all_six_kinds_of_evidence_are_held(lender: Application, maya: Reader) -> None:
    """R-EVD-01/model, R-EVD-01/data, R-EVD-01/logs, R-EVD-01/monitoring, R-EVD-01/communication,
    R-EVD-01/notes: frozen when the incident opened, or taken in from a person; each is told by its kind."""
    frozen = {item.kind for item in items(lender)}
    assert frozen >= {
        Kind.MODEL_ARTEFACTS,
        Kind.DATA_SNAPSHOTS,
        Kind.LOGS_AND_TRACES,
        Kind.MONITORING_DATA,
    }
    for number, kind in enumerate(Kind):
        assert send(maya, f"file-{number}.txt", b"x" * (number + 1), kind=kind.value)[0] == 303
        taken = items(lender)[-1]
        assert (taken.kind, taken.name) == (kind, f"file-{number}.txt")
        assert lender.vault.verify(taken.sha256, taken.size) is None
    assert {item.kind for item in items(lender)} == set(Kind)
    page = maya.page(PLACE).text.lower()
    assert all(kind.value.replace("_", " ") in page for kind in Kind)
    assert len(Kind) == 6


@pytest.mark.parametrize(
    ("typed", "content", "said"),
    [
        ({"title": " "}, b"x", "Say what it is"),
        ({"kind": "gossip"}, b"x", "Choose what kind of evidence it is."),
        ({}, b"", "The file is empty: there is nothing to keep."),
    ],
)
def test_what_cannot_be_kept_is_refused_and_what_was_typed_stays(
    lender: Application, maya: Reader, typed: dict[str, str], content: bytes, said: str
) -> None:
    held = len(items(lender))
    status, page = send(maya, content=content, source="Priya's laptop", **typed)
    assert status == 422
    assert said in page.text
    assert 'value="Priya&#39;s laptop"' in page.html
    assert len(items(lender)) == held


@pytest.mark.parametrize("name", ["title", "source"])
def test_nothing_typed_is_cut_in_silence(lender: Application, maya: Reader, name: str) -> None:
    held = len(items(lender))
    status, page = send(maya, **{name: "x" * 501})
    assert status == 422
    assert f"the {name} has 501 characters" in page.text.lower()
    assert len(items(lender)) == held


def test_without_a_file_the_form_comes_back(maya: Reader) -> None:
    answer = maya.post(PLACE, {"title": "Nothing", "kind": "communication_records"})
    assert answer.status_code == 422
    assert "Choose the file to keep." in Page(answer.text).text


def test_a_file_that_is_too_large_is_refused_and_nothing_is_kept(
    lender: Application, maya: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "LARGEST_UPLOAD", 1000)
    held = len(items(lender))
    status, page = send(maya, content=b"x" * 1001)
    assert status == 422
    assert "The file is larger than" in page.text
    assert len(items(lender)) == held
    assert send(maya, content=b"x" * 1000)[0] == 303


def test_a_closed_incident_takes_nothing_more_r_evd_10(lender: Application, maya: Reader) -> None:
    """R-EVD-10/evidence."""
    closed = Closed(incident="INC-1", summary="Over.", record_sha256="0" * 64)
    lender.ledger.append(load(lender.ledger, "INC-1").draft([closed]), by=MAYA, at=lender.clock.now())
    held = len(items(lender))
    status, page = send(maya)
    assert status == 422
    assert "its record is archived and cannot be added to" in page.text
    assert len(items(lender)) == held
    assert maya.get(f"{PLACE}/EV-1").status_code == 200, "it can still be read"
