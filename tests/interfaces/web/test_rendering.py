"""Pages are pure functions of what a view hands over, and refuse what it forgot."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from jinja2 import DictLoader, Environment, UndefinedError

from holdfast.interfaces.web import rendering
from holdfast.interfaces.web.rendering import NextAction, Notice, Reader, Seal, Shell, TimelineEntry

NOW = datetime(2026, 11, 23, 10, 42, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def templates() -> Environment:
    made = rendering.environment()
    assert made.loader is not None
    made.loader = _Beside(made.loader)
    return made


class _Beside(DictLoader):
    """The product's templates and one small page of the test's own."""

    def __init__(self, product: Any) -> None:
        self._product = product
        super().__init__(
            {
                "page.html": '{% extends "base.html" %}{% block title %}Page{% endblock %}'
                "{% block main %}{{ text }}{% endblock %}"
            }
        )

    def get_source(self, environment: Environment, template: str) -> Any:
        if template in self.mapping:
            return super().get_source(environment, template)
        return self._product.get_source(environment, template)


def _shell(**more: Any) -> Shell:
    given: dict[str, Any] = {
        "now": NOW,
        "here": "incidents",
        "reader": Reader(id="ana@bank.example", name="Ana Reyes", may=frozenset({"declare an incident"})),
        "seal": Seal(facts=4812, sealed_at=NOW - timedelta(seconds=2), root="9f3c" + "0" * 56 + "71ae"),
        "csrf": "token",
    }
    return Shell(**{**given, **more})


def _page(templates: Environment, text: str = "Hello", **shell: Any) -> str:
    return rendering.page(templates, "page.html", _shell(**shell), text=text)


def _words(html: str) -> str:
    """What a reader sees of some markup, on one line."""

    class Reads(HTMLParser):
        said = ""

        def handle_data(self, data: str) -> None:
            self.said += data

    reader = Reads()
    reader.feed(html)
    return " ".join(reader.said.split())


def test_everything_is_escaped(templates: Environment) -> None:
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in _page(templates, "<script>alert(1)</script>")


def test_a_value_the_view_forgot_is_an_error_and_not_an_empty_page(templates: Environment) -> None:
    with pytest.raises(UndefinedError, match="text"):
        rendering.page(templates, "page.html", _shell())


def test_a_macro_name_is_given_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = {
        "components/a.html": "{% macro card() %}{% endmacro %}",
        "components/b.html": "{% macro card() %}{% endmacro %}",
    }
    monkeypatch.setattr(rendering, "PackageLoader", lambda _package: DictLoader(twice))
    with pytest.raises(ValueError, match="second component called 'card'"):
        rendering.environment()


def test_the_same_page_at_the_same_moment_has_the_same_bytes(templates: Environment) -> None:
    assert _page(templates) == _page(templates)


def test_the_corner_of_every_page_says_what_is_proven_r_evd_04(templates: Environment) -> None:
    sealed = _words(_page(templates))
    assert "Ledger sealed 2 s ago" in sealed
    assert "4,812 facts · 9f3c…71ae" in sealed
    assert "No outside witness" in sealed
    witnessed = _words(
        _page(templates, seal=Seal(facts=1, sealed_at=NOW, witnessed_at=NOW - timedelta(minutes=2)))
    )
    assert "Witnessed to 10:40 UTC" in witnessed
    assert "3 facts waiting for the seal" in _words(
        _page(templates, seal=Seal(facts=9, sealed_at=NOW, waiting=3))
    )
    assert "Nothing sealed yet" in _words(_page(templates, seal=Seal(facts=0)))


def test_trouble_with_the_ledger_stands_above_every_page_r_evd_04(templates: Environment) -> None:
    html = _page(templates, seal=Seal(facts=9, sealed_at=NOW, trouble="Fact 7 does not match its seal."))
    assert 'role="alert"' in html
    assert "The ledger does not check out Fact 7 does not match its seal." in _words(html)


def test_the_reader_is_offered_only_what_they_may_do(templates: Environment) -> None:
    assert 'href="/declare"' in _page(templates)
    assert 'href="/declare"' not in _page(
        templates, reader=Reader(id="aud", name="Auditor", may=frozenset({"read"}))
    )


def test_the_navigation_marks_the_place_and_counts_what_waits(templates: Environment) -> None:
    html = _page(templates, counts={"incidents": 2, "alerts": 0})
    assert re.search(r'href="/incidents" aria-current="page"><span>Incidents</span> <b class="count">2', html)
    assert 'class="count">0' not in html


def test_what_the_reader_just_did_is_told_above_the_page(templates: Environment) -> None:
    html = _page(templates, notices=(Notice(title="Note added.", text="It is fact 413.", tone="good"),))
    assert "Note added. It is fact 413." in _words(html)


def test_the_token_against_forged_requests_cannot_break_out_of_its_attribute(templates: Environment) -> None:
    html = _page(templates, csrf="a\"'><b>")
    assert '<b>"' not in html
    assert "'><b>" not in html


def _component(templates: Environment, call: str, **content: Any) -> str:
    return templates.from_string("{{ ui." + call + " }}").render(now=NOW, **content)


def test_a_word_stands_beside_every_colour_r_xct_02(templates: Environment) -> None:
    assert _words(_component(templates, 'severity("SEV-1")')) == "SEV-1 critical"
    assert _words(_component(templates, 'severity("SEV-3", proposed=true)')) == "SEV-3 medium, proposed"
    assert _words(_component(templates, "severity(none)")) == "severity open"
    assert _words(_component(templates, 'status("not_computable")')) == "not computable"
    for state, word in (("met", "met"), ("soon", "near"), ("late", "breached"), ("running", "running")):
        shown = _component(templates, "clock('Contain', state, '4 min left', due=due)", state=state, due=NOW)
        assert word in _words(shown)


def test_a_running_clock_carries_its_due_time_for_scripts_and_a_met_one_stands(
    templates: Environment,
) -> None:
    running = _component(templates, "clock('Contain', 'running', '4 min left', due=now)")
    assert 'data-due="2026-11-23T10:42:00Z"' in running
    assert "data-due" not in _component(templates, "clock('Contain', 'met', '3 min', due=now)")


def test_the_timeline_separates_days_marks_what_was_filled_in_later_and_links_its_proof(
    templates: Environment,
) -> None:
    entries = (
        TimelineEntry(
            seq=9, at=NOW - timedelta(days=1), title="Harm begins", backfilled=True, links=(("EV-9", "/e/9"),)
        ),
        TimelineEntry(
            seq=4, at=NOW, title="Acknowledged", text="by Ana Reyes", tone="act", proof="/ledger/4"
        ),
    )
    html = _component(templates, "timeline(entries)", entries=entries)
    assert _words(html) == (
        "22 Nov 2026 10:42:00 Harm begins back-filled EV-9 "
        "23 Nov 2026 10:42:00 4, show proof Acknowledged by Ana Reyes"
    )
    assert 'href="/ledger/4"' in html


def test_a_step_needs_the_token_and_names_whose_it_is_when_the_reader_may_not(templates: Environment) -> None:
    actions = (
        NextAction(
            title="Acknowledge", verb="Acknowledge", action="/incidents/INC-1/acknowledgement", key="a"
        ),
        NextAction(title="Close", verb="Close", href="/close", needs="compliance lead"),
    )
    html = _component(templates, 'next_actions(actions, "token")', actions=actions)
    assert '<input type="hidden" name="csrf" value="token">' in html
    assert 'data-key="a"' in html
    assert "/close" not in html
    assert "needs compliance lead" in _words(html)


def test_a_dangerous_step_names_its_effect_and_its_undoing_and_works_without_scripts(
    templates: Environment,
) -> None:
    html = _component(
        templates,
        'confirm("Switch off…", "/x", "token", "Switch off", effect="It stops.", undo="One press.")',
    )
    assert html.lstrip().startswith("<details")
    assert _words(html) == "Switch off… Do not It stops. One press. Switch off"
    final = _component(templates, 'confirm("Close…", "/x", "token", "Close", effect="It is archived.")')
    assert "This cannot be undone." in final


def test_a_field_ties_label_hint_and_error_together_r_xct_02(templates: Environment) -> None:
    html = _component(
        templates, 'field("title", "Title", hint="One sentence.", error="It is empty: write one.")'
    )
    assert '<label for="field-title">' in html
    assert 'aria-describedby="hint-title error-title"' in html
    assert 'aria-invalid="true"' in html
    assert 'id="error-title">It is empty: write one.' in html


def test_a_small_line_has_gaps_where_nothing_was_computable() -> None:
    drawn = rendering.sparkline(
        [
            (0.9, "measured"),
            (0.8, "measured"),
            (None, "not_computable"),
            (0.7, "estimated"),
            (0.6, "estimated"),
        ],
        0.75,
    )
    assert [status for status, _ in drawn.lines] == ["measured", "estimated"]
    assert drawn.limit == 17.0
    assert drawn.lines[0][1].startswith("3,3 ")


def test_a_small_line_of_nothing_or_of_one_value_is_still_a_drawing() -> None:
    assert rendering.sparkline([]).lines == ()
    assert rendering.sparkline([(0.5, "measured")]).dots == ((75.0, 17.0),)


def test_a_comparison_shows_changes_with_their_line_numbers_and_folds_the_rest_r_pre_02() -> None:
    old = "\n".join(f"line {number}" for number in range(1, 11))
    new = old.replace("line 5", "line five")
    shown = [(line.kind, line.before, line.after, line.text) for line in rendering.diff(old, new, context=1)]
    assert shown == [
        ("gap", None, None, "3 lines unchanged"),
        ("same", 4, 4, "line 4"),
        ("removed", 5, None, "line 5"),
        ("added", None, 5, "line five"),
        ("same", 6, 6, "line 6"),
        ("gap", None, None, "4 lines unchanged"),
    ]


def test_equal_texts_have_no_difference(templates: Environment) -> None:
    assert rendering.diff("a\nb", "a\nb") == ()
    assert "No difference." in _component(templates, 'difference(diff("a", "a"), "x")')


def test_a_static_address_changes_with_its_content_and_a_missing_file_is_an_error() -> None:
    assert re.fullmatch(r"/static/app\.css\?v=[0-9a-f]{10}", rendering.static("app.css"))
    with pytest.raises(FileNotFoundError):
        rendering.static("missing.css")


def test_navigation_keys_are_unique() -> None:
    keys = [entry.key for _, entries in rendering.NAVIGATION for entry in entries]
    assert len(keys) == len(set(keys))


def test_what_nobody_sees_in_older_records_and_names_from_logs_is_written_out() -> None:
    html = (
        rendering.environment()
        .from_string('<p title="{{ x }}">{{ x }}</p>{{ x|upper }}')
        .render(x="a\u202eb<")
    )
    assert html == '<p title="a⟨U+202E⟩b&lt;">a⟨U+202E⟩b&lt;</p>A⟨U+202E⟩B&lt;'
