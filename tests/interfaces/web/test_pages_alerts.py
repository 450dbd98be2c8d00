"""The alert inbox: what waits for a person, and what a person makes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.application import Application
from holdfast.detect import records
from holdfast.detect.events import AlertRaised, AlertTriaged
from holdfast.detect.records import Alert
from holdfast.incident.loading import load
from holdfast.interfaces.web import lists
from holdfast.ledger.ledger import Draft
from holdfast.people import SYSTEM
from support.company import MAYA, VICTOR
from support.lender_pages import DRIFT, LOANS, open_lender, waiting_alert
from support.many_alerts import NOW, raise_many
from support.pages import Page, Reader, signed_in


@pytest.fixture
def lender(tmp_path: Path) -> Application:
    return open_lender(tmp_path)


@pytest.fixture
def maya(lender: Application) -> Reader:
    return signed_in(lender, MAYA)


def stored(application: Application, alert: str) -> Alert:
    with application.ledger.reading() as conn:
        found = records.alert(conn, alert)
    assert found is not None
    return found


def on(alert: str) -> dict[str, str]:
    """What the form of one alert sends along."""
    return {"card": alert, "alerts": alert}


def all_of(monitor: str, incident: str = "") -> dict[str, str]:
    """What the form of a monitor's alerts sends along: those that wait, or those of an incident."""
    card = "-".join(filter(None, (LOANS, monitor, incident)))
    tab = "incidents" if incident else ""
    return {"card": card, "monitor": f"{LOANS}/{monitor}", "in": incident, "tab": tab}


def test_what_waits_for_a_person_comes_first_and_an_alert_in_an_incident_links_it(
    lender: Application, maya: Reader
) -> None:
    alert = waiting_alert(lender)
    inbox = maya.page("/alerts")
    assert alert in inbox.text
    assert "Opened no incident: no trigger of the playbook applies." in inbox.text
    assert "41 (30 to 55)" in inbox.text
    assert "ALR-1 " not in inbox.text
    taken = maya.page("/alerts?shown=incidents")
    assert 'href="/incidents/INC-1"' in taken.html
    assert f'href="/systems/{LOANS}/monitors/{DRIFT}"' in taken.html


def test_an_empty_inbox_says_what_belongs_there(maya: Reader) -> None:
    page = maya.page("/alerts").text
    assert "Nothing waits for you" in page
    assert "by their newest window" in page


def test_setting_aside_needs_a_reason_and_keeps_the_tick(lender: Application, maya: Reader) -> None:
    alert = waiting_alert(lender)
    answer = maya.post("/alerts/setting-aside", {**on(alert), f"false-{alert}": "yes"})
    assert answer.status_code == 409
    page = Page(answer.text)
    assert "Say why this is no incident; the reason is part of the record." in page.text
    assert f'name="false-{alert}" value="yes" checked' in page.html
    assert stored(lender, alert).outcome == "none"


def test_a_false_alarm_is_counted_against_its_monitor_r_det_09(lender: Application, maya: Reader) -> None:
    """R-DET-09/false-alarms."""
    alert = waiting_alert(lender)
    sent = {**on(alert), f"reason-{alert}": "A holiday", f"false-{alert}": "yes"}
    assert maya.post("/alerts/setting-aside", sent).headers["location"] == "/alerts"
    assert stored(lender, alert).false_alarm
    assert f"{alert} is set aside." in maya.page("/alerts").text
    assert "Set aside: A holiday" in maya.page("/alerts?shown=aside").text
    assert "False alarms so far 1 of 1 alert" in maya.page(f"/systems/{LOANS}/monitors/volume").text


def test_a_person_opens_an_incident_for_an_alert(lender: Application, maya: Reader) -> None:
    alert = waiting_alert(lender)
    answer = maya.post(f"/alerts/{alert}/incident")
    assert answer.headers["location"] == "/incidents/INC-2"
    assert stored(lender, alert).incident == "INC-2"
    said = maya.page("/incidents/INC-2").text
    assert "INC-2 is open." in said
    assert "Running besides: INC-1" in said
    assert "When one of them is the same, merge INC-2 into it" in said
    maya.post(f"/alerts/{alert}/incident")
    assert f"{alert} belongs to INC-2 already." in maya.page("/incidents/INC-2").text


def test_a_false_alarm_that_a_person_opens_an_incident_for_is_none_any_more(
    lender: Application, maya: Reader
) -> None:
    """R-DET-09: in the counts as well."""
    alert = waiting_alert(lender)
    maya.post("/alerts/setting-aside", {**on(alert), f"reason-{alert}": "noise", f"false-{alert}": "yes"})
    maya.post(f"/alerts/{alert}/incident")
    assert not stored(lender, alert).false_alarm
    assert "False alarms so far 0 of 1 alert" in maya.page(f"/systems/{LOANS}/monitors/volume").text


def test_an_alert_of_an_incident_cannot_be_set_aside(lender: Application, maya: Reader) -> None:
    answer = maya.post("/alerts/setting-aside", {**on("ALR-1"), "reason-ALR-1": "noise"})
    assert answer.status_code == 409
    assert "dismiss the incident, and the alert is set aside with it" in Page(answer.text).text


def test_an_auditor_reads_the_inbox_and_sends_nothing_r_aud_07(lender: Application) -> None:
    alert = waiting_alert(lender)
    auditor = signed_in(lender, VICTOR)
    assert "Set aside" not in auditor.page("/alerts").html.split('id="inbox"')[1].replace("Set aside:", "")
    before = lender.ledger.size()
    assert auditor.post(f"/alerts/{alert}/incident").status_code == 403
    assert auditor.post("/alerts/setting-aside", {**on(alert), f"reason-{alert}": "x"}).status_code == 403
    assert lender.ledger.size() == before


def test_words_of_a_monitor_cannot_become_markup(lender: Application, maya: Reader) -> None:
    waiting_alert(lender, reason='<img src=x onerror="alert(1)">')
    html = maya.page("/alerts").html
    assert "<img src=x" not in html
    assert "&lt;img src=x" in html


def test_a_long_inbox_is_turned_page_by_page(lender: Application, maya: Reader) -> None:
    for number in range(100, 130):
        waiting_alert(lender, number, monitor=f"volume-{number}")
    first, second = maya.page("/alerts").text, maya.page("/alerts?page=2").text
    assert "1 to 25 of 30 lines" in first
    assert "26 to 30 of 30 lines" in second
    assert "ALR-129" in first
    assert "ALR-129" not in second
    assert "ALR-100" in second


def test_a_page_of_a_list_knows_its_neighbours_and_keeps_its_filters() -> None:
    page = lists.Page(["x"] * 25, 2, 25, 60)
    assert (page.first, page.last, page.several) == (26, 50, True)
    assert page.addresses("/alerts", {"system": "a b", "shown": ""}) == (
        "/alerts?system=a+b",
        "/alerts?system=a+b&page=3",
    )
    assert lists.Page([], 1, 25, 0).first == 0


def test_many_alerts_of_one_monitor_are_one_line_with_a_count_handled_at_once(
    lender: Application, maya: Reader
) -> None:
    """R-DET-09/grouped."""
    alerts = [waiting_alert(lender, number) for number in range(100, 130)]
    inbox = maya.page("/alerts")
    assert "30 alerts" in inbox.text
    assert inbox.html.count("<article") == 1
    seen = {**all_of("volume"), "up-to": "129"}
    assert maya.post("/alerts/acknowledgement", seen).status_code == 303
    assert "30 alerts of volume are acknowledged." in maya.page("/alerts").text
    refused = maya.post("/alerts/setting-aside", seen)
    assert refused.status_code == 409
    assert "Say why this is no incident" in Page(refused.text).text
    late = waiting_alert(lender, 140)
    sent = {**seen, f"reason-{LOANS}-volume": "A holiday", f"false-{LOANS}-volume": "yes"}
    assert maya.post("/alerts/setting-aside", sent).status_code == 303
    assert {(stored(lender, alert).outcome, stored(lender, alert).false_alarm) for alert in alerts} == {
        ("set aside", True)
    }
    assert stored(lender, late).outcome == "none"


def test_many_alerts_are_attached_to_a_running_incident_at_once(lender: Application, maya: Reader) -> None:
    alerts = [waiting_alert(lender, number) for number in range(100, 105)]
    assert "Attach 5 alerts" in maya.page("/alerts").text
    sent = {**all_of("volume"), "up-to": "104", f"incident-{LOANS}-volume": "INC-1"}
    assert maya.post("/alerts/attachment", sent).status_code == 303
    assert {stored(lender, alert).incident for alert in alerts} == {"INC-1"}


def test_alerts_can_be_attached_to_a_report_that_names_no_system(lender: Application, maya: Reader) -> None:
    """R-DET-15: what is resolved, or about another system, is not offered."""
    raise_many(lender, 2)
    maya.post("/declare", {"title": "Letters are wrong", "join": "new"})
    maya.post("/declare", {"title": "Rude answers", "system": "customer-assistant", "join": "new"})
    inbox = maya.page("/alerts").html
    assert '<option value="INC-2">INC-2 Letters are wrong</option>' in inbox
    assert "INC-3 Rude answers" not in inbox
    sent = {**all_of("missing-values"), f"incident-{LOANS}-missing-values": "INC-2"}
    answer = maya.post("/alerts/attachment", sent)
    assert answer.headers["location"] == "/alerts"
    assert load(lender.ledger, "INC-2").state.system == LOANS
    raise_many(lender, 2, first=200)
    sent = {**all_of("missing-values"), f"incident-{LOANS}-missing-values": "INC-3"}
    refused = maya.post("/alerts/attachment", sent)
    assert refused.status_code == 409
    assert "one record speaks of one system" in refused.text


def test_alerts_of_an_incident_are_acknowledged_and_set_aside_together_on_the_page(
    lender: Application, maya: Reader
) -> None:
    """R-DET-09, R-DET-15."""
    names = raise_many(lender, 3)
    lender.handling.attach(names, "INC-1", by=MAYA, at=NOW)
    raise_many(lender, 1, first=200)
    assert "Why do they not belong to INC-1?" in maya.page("/alerts?shown=incidents").text
    group = {**all_of("missing-values", "INC-1"), "up-to": "102"}
    assert maya.post("/alerts/acknowledgement", group).headers["location"] == "/alerts?shown=incidents"
    assert {stored(lender, name).acknowledged_by for name in names} == {MAYA.name}
    refused = maya.post("/alerts/setting-aside", group)
    assert refused.status_code == 409
    assert "Say why this is no incident; the reason is part of the record." in refused.text
    key = f"{LOANS}-missing-values-INC-1"
    said = {**group, f"reason-{key}": "a planned test", f"false-{key}": "yes"}
    assert maya.post("/alerts/setting-aside", said).headers["location"] == "/alerts?shown=incidents"
    assert {(stored(lender, n).outcome, stored(lender, n).false_alarm) for n in names} == {
        ("set aside", True)
    }
    assert "3 alerts of missing-values are set aside." in maya.page("/alerts?shown=incidents").text
    # What waits beside them is not decided with them.
    assert stored(lender, "ALR-200").outcome == "none"


def test_an_alert_whose_value_is_not_known_says_so_on_the_page(lender: Application, maya: Reader) -> None:
    """R-DET-09: unknown is not 0, and not a monitor that cannot measure."""
    known = stored(lender, *raise_many(lender, 1)).facts
    facts = replace(known, alert="ALR-300", monitor="x", value=None, lower=None, upper=None)
    raised = AlertRaised(system=LOANS, series="x||missing", tells=(), alert=facts)
    left = AlertTriaged(alert="ALR-300", outcome="none", reason="no trigger applies")
    lender.ledger.append(Draft("alert/ALR-300", 0, [raised, left]), by=SYSTEM, at=NOW)
    page = maya.page("/alerts").text
    assert "not known limit 0.02" in page
    assert "cannot measure" not in page
    lender.handling.attach(["ALR-300"], "INC-1", by=MAYA, at=NOW)
    assert "ALR-300 · n 200 · limit 0.02 not known" in maya.page("/incidents/INC-1").text
