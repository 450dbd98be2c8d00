"""The report: PDF/A-2a and PDF/UA-1, the same bytes for the same facts, and words that stay words."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pypdf import PdfReader

from holdfast import charts
from holdfast.audit.dossier import Dossier, gather
from holdfast.audit.report import content as contents
from holdfast.audit.report import typeface
from holdfast.audit.report.making import report_pdf
from holdfast.audit.report.typeface import NOT_SHOWN, faces, needed, shown
from holdfast.audit.report.typesetting import STANDARDS, TEMPLATES
from holdfast.audit.report.wordings import excerpt
from holdfast.incident.responding import Report
from holdfast.wording import day, span
from support.company import HELEN, INES, MAYA
from support.lending import Lending

AT = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)


def read(pdf: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(pdf))


def words(pdf: bytes) -> str:
    """The text of all pages, with white space as single blanks."""
    return " ".join(" ".join(page.extract_text().split()) for page in read(pdf).pages)


@pytest.fixture(scope="session")
def pdf(dossier: Dossier) -> bytes:
    return report_pdf(dossier, by=HELEN, at=AT)


@pytest.fixture
def without_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise charts.ChartsUnavailable("not installed")

    monkeypatch.setattr(charts, "_renderer", missing)
    charts._drawn.cache_clear()


class TestDocument:
    def test_the_same_facts_time_and_person_give_the_same_bytes(self, dossier: Dossier, pdf: bytes) -> None:
        assert report_pdf(dossier, by=HELEN, at=AT) == pdf
        assert report_pdf(dossier, by=INES, at=AT) != pdf

    def test_it_is_archivable_accessible_and_says_when_it_was_made(self, pdf: bytes) -> None:
        """R-AUD-06/pdf."""
        reader = read(pdf)
        metadata = reader.trailer["/Root"]["/Metadata"].get_object().get_data().decode()
        assert re.search(r"pdfaid:part>2<", metadata)
        assert re.search(r"pdfaid:conformance>A<", metadata)
        assert re.search(r"pdfuaid:part>1<", metadata)
        assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
        assert "/StructTreeRoot" in reader.trailer["/Root"]
        assert reader.trailer["/Root"]["/Lang"].lower() == "en-gb"
        assert reader.metadata is not None
        assert reader.metadata.creation_date == AT
        assert reader.metadata.title == "INC-1: Loan approval: drift of employment years out of bounds"
        assert STANDARDS == ["a-2a", "ua-1"]

    def test_every_page_but_the_cover_says_which_incident_and_which_page_of_how_many(
        self, pdf: bytes
    ) -> None:
        pages = read(pdf).pages
        for number, page in enumerate(pages, 1):
            head = " ".join(page.extract_text().split())
            assert (f"page {number} of {len(pages)}" in head) == (number > 1)
            assert "INC-1" in head

    def test_its_headings_are_bookmarks(self, pdf: bytes) -> None:
        titles = [entry["/Title"] for entry in read(pdf).outline if not isinstance(entry, list)]
        assert titles[0] == "Summary"
        assert "1  The incident step by step" in titles
        assert titles[-1] == "Appendix C  How to verify this pack"

    def test_the_drawing_has_a_text_for_those_who_do_not_see_it(self, pdf: bytes) -> None:
        def alternatives(node: object) -> list[str]:
            found = []
            node = node.get_object() if hasattr(node, "get_object") else node
            if isinstance(node, list):
                return [text for child in node for text in alternatives(child)]
            if isinstance(node, dict):
                if node.get("/Alt"):
                    found.append(str(node["/Alt"]))
                if "/K" in node:
                    found += alternatives(node["/K"])
            return found

        told = alternatives(read(pdf).trailer["/Root"]["/StructTreeRoot"])
        assert any("in alarm, first 11 Nov 2026" in text for text in told)


class TestContent:
    def test_it_tells_the_whole_story(self, pdf: bytes) -> None:
        told = words(pdf)
        for expected in (
            "kept: 7 min of 2 h",
            "kept: 22 min of 4 h",
            "Months are refused at intake.",
            "All values above 40 come from one broker: 3.5 years reads 42.",
            "added 12 Nov 2026, 06:13 UTC",
            "Acknowledged by Maya Okafor",
            "Holdfast asked its own address whether the switch is set; it is.",
            "the harm stopped",
            "Nobody announces formats.",
            "assumption",
            "Intake checks units of every field.",
            "EV-4: download",
            "holdfast-verify INC-1.zip --policy POLICY",
            "What it cannot show",
        ):
            assert expected in told, expected

    def test_every_hash_is_in_the_appendix_whole(self, dossier: Dossier, pdf: bytes) -> None:
        printed = words(pdf).replace(" ", "")
        for item in dossier.items:
            assert item.sha256 in printed
        assert dossier.state.playbook in printed
        assert all(one.leaf_hash.hex() in printed for one in dossier.record)

    def test_the_summary_is_one_page(self, pdf: bytes) -> None:
        pages = [" ".join(page.extract_text().split()) for page in read(pdf).pages]
        assert "Summary" in pages[1]
        assert "Contents Summary" in pages[2]

    def test_the_summary_stays_one_page_when_people_wrote_much(self, dossier: Dossier) -> None:
        long = "A cause that somebody explains at length, from every side and more than once. " * 60
        state = replace(dossier.state, cause=long, description=long, title="A long title " * 12)
        contained = tuple(replace(dossier.containments[0], name="Name of it " * 8) for _ in range(9))
        told = replace(dossier, state=state, containments=contained)
        pages = [" ".join(p.extract_text().split()) for p in read(report_pdf(told, by=HELEN, at=AT)).pages]
        assert "Summary" in pages[1]
        assert "Contents Summary" in pages[2]

    def test_an_incident_that_runs_says_first_what_is_not_finished(self, declared: Lending) -> None:
        told = words(report_pdf(gather(declared.ledger, "INC-1"), by=HELEN, at=AT))
        assert "INC-1 is triage: this report tells what was known when it was made" in told
        for gap in (
            "not established so far",
            "not assessed so far",
            "The cause has not been analysed.",
            "No containment was proposed.",
            "No remediation is planned so far.",
            "The review has not begun.",
            "No monitor is behind this incident",
            "Could not be preserved",
        ):
            assert gap in told, gap

    def test_what_was_no_incident_says_so_and_why(self, declared: Lending) -> None:
        """R-PRE-07."""
        declared.desk.dismiss("INC-1", "It was a rehearsal.", by=MAYA, at=declared.now)
        told = words(report_pdf(gather(declared.ledger, "INC-1"), by=HELEN, at=AT))
        assert "It was dismissed as no incident: It was a rehearsal." in told
        assert "not established so far" not in told

    def test_without_the_renderer_the_report_says_so_and_holds_the_numbers(
        self, dossier: Dossier, without_charts: None
    ) -> None:
        told = words(report_pdf(dossier, by=HELEN, at=AT))
        assert "Charts are not drawn in this report" in told
        assert "1.732 (1.183 to 2.227)" in told


class TestSaidOnce:
    """What the report shows is what page and terminal show: it comes from one place."""

    def test_the_questions_of_the_review_are_those_of_the_playbook(
        self, dossier: Dossier, pdf: bytes
    ) -> None:
        assert dossier.playbook is not None
        told = words(pdf)
        for number, (_, asked) in enumerate(dossier.playbook.playbook.review.questions.items(), 1):
            assert f"{number}. {' '.join(asked.split())}" in told

    def test_the_moment_of_containment_is_that_of_the_review(self, dossier: Dossier, pdf: bytes) -> None:
        at = dossier.state.held_from
        assert at is not None
        assert f"Contained {at:%H:%M} UTC {day(at)}" in words(pdf)


class TestWordsStayWords:
    def test_what_looks_like_markup_is_printed_and_never_run(self, declared: Lending) -> None:
        """Whoever may write a title must not read files with the report's rights."""
        attack = '#read("/etc/passwd") *bold* _x_ $a^2$ [x] \\ @ref <label> = Head // no `raw` #pagebreak()'
        incident = declared.desk.open(Report(attack, description=attack), by=INES, at=declared.now)
        declared.desk.note(incident, attack, by=INES, at=declared.now)
        made = report_pdf(gather(declared.ledger, incident), by=HELEN, at=AT)
        told = words(made)
        assert told.count('#read("/etc/passwd") *bold* _x_ $a^2$ [x] \\ @ref <label>') >= 3
        assert "root:" not in told
        assert read(made).metadata.title == f"{incident}: {attack}"  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        "title",
        [
            "Ελλάδα Україна Łódź",
            "信用 审批 出错",
            "信用審査のエラー",
            "대출 심사 오류",
            "خطأ في منح القروض",
            "שגיאה באישור",
            "ऋण स्वीकृति में त्रुटि",
            "ผิดพลาดในการอนุมัติ",
        ],
    )
    def test_every_script_is_set_in_its_own_letters(self, declared: Lending, title: str) -> None:
        """What a PDF gives back as text is in the order of drawing: the letters count, not their places."""
        incident = declared.desk.open(Report(title), by=INES, at=declared.now)
        told = words(report_pdf(gather(declared.ledger, incident), by=HELEN, at=AT))
        assert set(title) - set(told) <= set("\u0640"), set(title) - set(told)
        assert NOT_SHOWN not in told
        assert "[U+" not in told

    @pytest.mark.parametrize(
        ("title", "printed"),
        [
            ("model 🙂", "model [U+1F642]"),
            ("private \ue001 use", "private [U+E001] use"),
            ("bell \x07 and escape \x1b[31m", "bell [U+0007] and escape [U+001B][31m"),
            ("paid \u202eon si", "paid [U+202E]on si"),
        ],
    )
    def test_signs_that_no_typeface_has_are_shown_by_their_number(
        self, declared: Lending, title: str, printed: str
    ) -> None:
        """PDF/A forbids missing glyphs: a sign must not keep a report from being made."""
        incident = declared.desk.open(Report(title), by=INES, at=declared.now)
        assert printed in words(report_pdf(gather(declared.ledger, incident), by=HELEN, at=AT))

    def test_words_in_a_script_without_a_typeface_are_named_and_the_report_says_where_they_stand(
        self, declared: Lending, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As without the extra for Chinese, Japanese and Korean."""
        monkeypatch.setattr(typeface, "_PACKAGES", {})
        typeface.faces.cache_clear()
        try:
            incident = declared.desk.open(Report("信用 model"), by=INES, at=declared.now)
            told = words(report_pdf(gather(declared.ledger, incident), by=HELEN, at=AT))
        finally:
            typeface.faces.cache_clear()
        assert "[2 characters of CJK not shown here] model" in told
        assert "the words stand in full in record.json and facts.jsonl of the audit pack" in told

    def test_a_typeface_is_taken_along_only_where_it_is_needed(self) -> None:
        assert [face.family for face in needed(["Approvals fell"])] == ["Inter"]
        assert [face.family for face in needed(["שלום", "สวัสดี"])] == ["Inter", "Heebo", "Noto Sans Thai"]

    def test_a_word_longer_than_a_line_is_broken(self) -> None:
        broken = shown("x" * 100)
        assert broken.replace("\u200b", "") == "x" * 100
        assert max(map(len, broken.split("\u200b"))) <= 40

    def test_the_typeface_is_read_from_its_own_table(self) -> None:
        own, *others = faces()
        assert {ord("A"), ord("é"), ord("€"), ord("Ж"), ord("–")} <= own.covers
        assert ord("信") not in own.covers
        for letter, family in (("ش", "Arabic"), ("ऋ", "Devanagari"), ("ש", "Heebo"), ("ผ", "Thai")):
            assert [family in face.family for face in others if ord(letter) in face.covers] == [True], letter

    def test_templates_reach_for_nothing_outside_their_folder(self) -> None:
        """No package is fetched, no file is read, no address is asked."""
        for template in TEMPLATES.glob("*.typ"):
            text = template.read_text("utf-8")
            assert re.findall(r'#(?:import|include)\s+"([^"]+)"', text) in ([], ["parts.typ"])
            assert not re.search(r"@preview|@local|\bread\(|\beval\(|https?:|plugin\(", text)


class TestWordings:
    def test_a_window_reads_as_people_say_it(self) -> None:
        at = datetime(2026, 11, 3, tzinfo=UTC)
        assert span(at, at.replace(day=4)) == "3 Nov 2026"
        assert span(at, at.replace(day=10)) == "3 Nov 2026 to 9 Nov 2026"
        assert span(at.replace(hour=6), at.replace(hour=12)) == "3 Nov 2026, 06:00 to 12:00 UTC"
        assert span(at.replace(hour=6), at.replace(day=4)) == "3 Nov 2026, 06:00 UTC to 4 Nov 2026, 00:00 UTC"

    def test_an_excerpt_is_cut_at_a_word_and_marked(self) -> None:
        assert excerpt("one two, three", 9) == "one two …"
        assert excerpt("one\n two", 9) == "one two"

    def test_content_is_plain_data(self, dossier: Dossier) -> None:
        def kinds(value: object) -> set[type]:
            if isinstance(value, dict):
                return {kind for item in value.values() for kind in kinds(item)}
            if isinstance(value, (list, tuple)):
                return {kind for item in value for kind in kinds(item)}
            return {type(value)}

        assert kinds(contents.content(dossier, HELEN, AT)) <= {str, int, bool, type(None)}
