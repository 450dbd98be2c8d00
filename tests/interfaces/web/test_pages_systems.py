"""The inventory with its gaps, one system, and one monitor, read as a person reads them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from holdfast.application import Application
from holdfast.detect import watched
from holdfast.interfaces.web import gauges
from holdfast.metrics.metric import Dimension
from holdfast.prepare.playbook import Playbook
from holdfast.prepare.systems import System
from holdfast.prepare.versions import active_playbook, active_systems, apply_workspace, approve_change
from holdfast.prepare.workspace import load_workspace
from support.company import HELEN, MAYA, SIGNATURES, VICTOR
from support.lender_pages import DRIFT, LOANS, open_lender
from support.pages import Reader, SetClock, signed_in


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def lender(tmp_path: Path, clock: SetClock) -> Application:
    return open_lender(tmp_path, clock)


@pytest.fixture
def maya(lender: Application) -> Reader:
    return signed_in(lender, MAYA)


def loans(application: Application) -> System:
    return active_systems(application.ledger)[LOANS].model


# The inventory ---------------------------------------------------------------------------------


def test_the_inventory_stands_in_priority_order_and_shows_what_nothing_watches_r_pre_01(maya: Reader) -> None:
    """R-PRE-01/ranked, R-PRE-01/gaps."""
    page = maya.page("/systems")
    assert page.text.index("Loan approval") < page.text.index("Customer assistant")
    assert "3 gaps" in page.text
    assert "Customer assistant, performance Accuracy or a business measure" in page.text.replace(" ,", ",")
    assert "not watched" in page.text


def test_no_alerts_and_dead_monitoring_look_different_r_xct_07(
    lender: Application, maya: Reader, clock: SetClock
) -> None:
    assert "Monitoring is silent" in maya.page(f"/systems/{LOANS}").text
    lender.monitoring.run(LOANS, by=MAYA, at=clock.now())
    assert "Monitoring is silent" not in maya.page(f"/systems/{LOANS}").text
    clock.pass_(timedelta(hours=1, minutes=20))
    page = maya.page("/systems").text
    assert "silent" in page
    assert "Monitoring is silent or failing for Loan approval." in maya.page("/alerts").text


def test_a_log_that_cannot_be_read_is_told_with_its_reason(
    lender: Application, maya: Reader, tmp_path: Path
) -> None:
    (tmp_path / "logs" / LOANS).rename(tmp_path / "elsewhere")
    answer = maya.post(f"/systems/{LOANS}/runs")
    assert answer.status_code == 303
    page = maya.page(f"/systems/{LOANS}").text
    assert "Nothing could be measured." in page
    assert "Monitoring fails: nothing is known until it can read the log." in page


# One system ------------------------------------------------------------------------------------


def test_a_system_says_what_it_is_for_who_answers_for_it_and_what_depends_on_it_r_pre_01(
    lender: Application, maya: Reader
) -> None:
    page, system = maya.page(f"/systems/{LOANS}").text, loans(lender)
    for said in (system.purpose, system.owner, system.business_impact, system.compliance_risk):
        assert " ".join(said.split()) in page
    for said in (*system.data_used, *system.depends_on_it, system.models[0].version):
        assert said in page
    assert "Switch the model off" in page


def test_every_monitor_stands_there_with_its_interval_and_n(maya: Reader) -> None:
    page = maya.page(f"/systems/{LOANS}")
    assert "Missing values: income" in page.text
    assert "Drift of employment years" in page.text
    assert page.html.count('class="spark"') >= 10
    assert " to " in page.text
    assert "limit above 0.25" in page.text


def test_a_changed_file_is_shown_line_by_line_r_det_08(
    lender: Application, maya: Reader, tmp_path: Path, clock: SetClock
) -> None:
    file = tmp_path / "systems" / "loan-approval.yaml"
    file.write_text(file.read_text().replace("limit: {above: 0.25}", "limit: {above: 0.20}"))
    apply_workspace(lender.ledger, load_workspace(tmp_path), HELEN, clock.now())
    assert "limit above 0.25" in maya.page(f"/systems/{LOANS}").text, "it waits for its signatures"
    for function in ("data_science", "compliance"):
        approve_change(lender.ledger, "CHG-1", function, SIGNATURES[function], clock.now())
    page = maya.page(f"/systems/{LOANS}").text
    assert "limit: {above: 0.25}" in page
    assert "limit: {above: 0.20}" in page
    assert "limit above 0.20" in page


@pytest.mark.parametrize(
    "path",
    [
        "/systems/nothing",
        "/systems/..%2f..%2fetc",
        f"/systems/{LOANS}/monitors/nothing",
        f"/systems/{LOANS}/monitors/missing-values.",
    ],
)
def test_what_does_not_exist_has_no_page(maya: Reader, path: str) -> None:
    assert maya.get(path).status_code == 404


def test_an_auditor_reads_monitors_and_runs_none_r_aud_07(lender: Application) -> None:
    auditor = signed_in(lender, VICTOR)
    assert "Run monitors now" not in auditor.page(f"/systems/{LOANS}").text
    before = lender.ledger.size()
    assert auditor.post(f"/systems/{LOANS}/runs").status_code == 403
    assert lender.ledger.size() == before


# One monitor -----------------------------------------------------------------------------------


def test_a_monitor_shows_its_value_with_interval_n_and_limit_r_det_08(
    lender: Application, maya: Reader
) -> None:
    page = maya.page(f"/systems/{LOANS}/monitors/{DRIFT}")
    monitor = loans(lender).monitor(DRIFT)
    assert monitor is not None
    assert " ".join(monitor.reason.split()) in page.text
    assert "technical lead, data science lead" in page.text
    assert "lies over the limit 0.25 with its whole interval" in page.text
    assert "INC-1" in page.text
    assert "Last value 0." in page.html, "the chart in words"
    assert "Limit 0.25 alarms above it" in page.text


def test_a_drawing_is_inlined_twice_and_carries_nothing_the_policy_refuses(maya: Reader) -> None:
    html = maya.page(f"/systems/{LOANS}/monitors/{DRIFT}").html
    assert html.count("<desc>") == 2
    assert "<script>" not in html
    assert " style=" not in html


def test_what_still_waits_for_labels_says_so_and_is_no_zero_r_det_02(maya: Reader) -> None:
    page = maya.page(f"/systems/{LOANS}/monitors/equalised-odds-by-age").text
    assert "pending" in page
    assert "of the window is labelled; judged once 80% labelled" in page
    assert "estimated" in maya.page(f"/systems/{LOANS}/monitors/accuracy").text


def test_a_fairness_monitor_shows_its_groups_window_by_window_r_det_05(maya: Reader) -> None:
    page = maya.page(f"/systems/{LOANS}/monitors/parity-by-age")
    assert "age_band=18-25" in page.text
    assert "Selection rate" in page.text
    chosen = maya.page(f"/systems/{LOANS}/monitors/parity-by-age?window=2026-11-09T00:00:00.000000Z").text
    assert "9 Nov 2026 to 15 Nov 2026" in chosen


@pytest.mark.parametrize("window", ["x", "2026-13-01T00:00:00.000000Z", "' OR 1=1", "<script>"])
def test_a_strange_window_in_the_address_is_passed_over(maya: Reader, window: str) -> None:
    answer = maya.get(f"/systems/{LOANS}/monitors/parity-by-age", params={"window": window})
    assert answer.status_code == 200
    assert "<script>" not in answer.text


@pytest.mark.parametrize("page", ["-1", "0", "99999999999999"])
def test_a_page_beyond_the_last_is_empty_and_no_failure(maya: Reader, page: str) -> None:
    assert maya.get(f"/systems/{LOANS}/monitors/{DRIFT}?page={page}").status_code == 200


# Words of a monitor ----------------------------------------------------------------------------


def test_a_monitor_for_several_columns_is_found_by_the_name_it_measures_under(lender: Application) -> None:
    system = loans(lender)
    found = system.monitor("missing-values.income")
    assert found is not None
    assert found.column == "income"
    assert system.monitor("accuracy.income") is None


def test_limits_read_as_they_were_written(lender: Application) -> None:
    monitors = {monitor.id: watched.limits_said(monitor) for monitor in loans(lender).monitors}
    assert monitors["accuracy"] == "limit below 0.80"
    assert monitors["missing-values"] == "limit above 0.02"
    assert monitors["volume"] == "limit below 100"
    assert monitors["approval-rate"] == "20% down against the 7 days before"
    assert monitors["accuracy-slow-decline"] == "a lasting fall below 0.85"


def _coverage(playbook: Playbook, system: System) -> Sequence[gauges.Coverage]:
    return gauges.coverage(playbook, system, system.monitors)


def test_what_the_playbook_asks_for_and_nothing_watches_is_a_gap_r_pre_01(lender: Application) -> None:
    active = active_playbook(lender.ledger)
    assert active is not None
    systems = active_systems(lender.ledger)
    gaps = {
        name: [one.dimension for one in _coverage(active.playbook, applied.model) if one.is_gap]
        for name, applied in systems.items()
    }
    assert gaps[LOANS] == []
    assert gaps["customer-assistant"] == [Dimension.PERFORMANCE, Dimension.QUALITY, Dimension.OPERATIONS]
