"""The demonstration: one incident, end to end, with the real parts.

A lender's model is fed months instead of years by one broker. The story is played over nine days that end
today, in seconds; every part in it is the product's own: monitors count the log, the desk opens the
incident, mail leaves by SMTP, the application asks the switches over HTTP, the monitor verifies the fix, and
a separate program verifies the pack. The ledger says itself that its clock was a story's.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import httpx

from holdfast import wording
from holdfast.application import Application
from holdfast.audit import packing
from holdfast.contain.containment import Containment
from holdfast.contain.reading import get as read_containment
from holdfast.detect.records import find_alerts
from holdfast.evidence import custody
from holdfast.incident.incident import Incident, Status
from holdfast.incident.loading import load
from holdfast.investigate import analysing, assessing
from holdfast.investigate.cause import Analysis
from holdfast.investigate.events import (
    ComplianceImpact,
    DataImpact,
    DataKind,
    Factor,
    FinanceImpact,
    Happening,
    Link,
    LinkKind,
    ReputationImpact,
    Statement,
    UserImpact,
)
from holdfast.investigate.impact import Assessment
from holdfast.learn import closing, remedying, reviewing
from holdfast.learn.events import Method
from holdfast.learn.remediation import Plan, Standing, Wanted
from holdfast.ledger.events import DemonstrationBegan, DemonstrationEnded
from holdfast.ledger.ledger import Draft
from holdfast.people import SYSTEM, Actor
from holdfast.prepare import versions
from holdfast.prepare.promises import UPDATE
from holdfast.prepare.terms import Category, FactorGroup, RemediationKind, ReviewQuestion, Severity
from holdfast.prepare.workspace import load_workspace
from holdfast.rehearse.clock import StoryClock
from holdfast.rehearse.lending import SYSTEM as LOANS
from holdfast.rehearse.lending import Lender, midnight

HISTORY = 60
"""Days of log before the fault."""
DRIFT = "employment-years-drift"
MORNING = timedelta(hours=6)
"""When the worker of the story begins its day."""

Say = Callable[[datetime, str, str], None]
"""Tells one step: when, what, and its outcome in numbers."""


class StoryBroke(Exception):
    """Something that the story promises did not happen; the message says what."""


@dataclass(slots=True)
class Result:
    """What `holdfast demo --no-serve --json` prints."""

    incident: str = ""
    clocks: list[dict[str, Any]] = field(default_factory=list)
    pack: str = ""
    policy: str = ""
    ledger_size: int = 0
    verified: bool = False

    def as_json(self) -> str:
        return json.dumps(
            {
                "incident": self.incident,
                "clocks": self.clocks,
                "pack": self.pack,
                "policy": self.policy,
                "ledger_size": self.ledger_size,
                "verified": self.verified,
            },
            indent=2,
        )


def first_fault(now: datetime) -> date:
    """The day on which the broker's first faulty batch arrives: nine days before the newest morning.

    The story ends with a morning's work. Before six that is yesterday's: a story that ended later than the
    machine's clock says would be a clock that steps back as soon as it is served.
    """
    return (now - MORNING - timedelta(days=9)).date()


def begins_at(now: datetime) -> datetime:
    """When the story's clock starts: two days before the fault, at nine."""
    return datetime.combine(first_fault(now) - timedelta(days=2), time(9), tzinfo=UTC)


class Story:
    """Plays the incident in one workspace. Each method is a chapter; `play` is their order."""

    def __init__(
        self,
        application: Application,
        clock: StoryClock,
        work: Callable[[datetime], int],
        now: datetime,
        say: Say,
    ) -> None:
        """`work` is one round of the worker; `application` is being served while the story is played."""
        self.app = application
        self.clock = clock
        self.work = work
        self.now = now
        self.say = say
        self.fault = first_fault(now)
        self.lender = Lender(
            application.workspace, midnight(self.fault), midnight(self.fault + timedelta(days=3))
        )
        self.result = Result()

    def play(self) -> Result:
        """The whole story. Raises StoryBroke where a promise is not kept."""
        self.prepare()
        self.live_normally()
        self.go_wrong()
        self.answer()
        self.contain()
        self.watch_the_effect()
        self.investigate()
        self.remedy()
        self.review_and_close()
        self.audit()
        return self.result

    # Chapters ----------------------------------------------------------------------------------

    def prepare(self) -> None:
        """A playbook that four functions sign, and the systems it protects."""
        began = DemonstrationBegan(
            says=f"Recording times up to {self.now:%d %B %Y} follow the story, not the wall clock.",
            real_time=self.now,
        )
        self.app.ledger.append(Draft("demonstration", 0, [began]), by=SYSTEM, at=self.at)
        workspace = load_workspace(self.app.workspace)
        versions.apply_workspace(self.app.ledger, workspace, self.person("Helen Marsh"), self.at)
        content = versions.playbook_versions_of(self.app.ledger)[0].content
        signers = {
            "engineering": "Maya Okafor",
            "data_science": "Priya Raman",
            "compliance": "Helen Marsh",
            "security": "Samuel Adeyemi",
        }
        for function, name in signers.items():
            self.clock.pass_by(timedelta(minutes=25))
            versions.approve_playbook(self.app.ledger, content, function, self.person(name), self.at)
        active = versions.require_playbook(self.app.ledger)
        self.tell("Playbook in force", f"version {active.version}, signed by {', '.join(signers.values())}")

    def live_normally(self) -> None:
        """Two months of decisions with labels that arrive days later, and a quiet week."""
        self.lender.write_model()
        self.lender.write_reference(self.fault - timedelta(days=HISTORY + 2))
        first = self.fault - timedelta(days=HISTORY)
        decisions = sum(self.lender.write_day(first + timedelta(days=n)).predictions for n in range(HISTORY))
        self.tell("Prediction log", f"{decisions:,} decisions in {HISTORY} days, labels arriving for weeks")
        self.morning(0)
        self.expect(not self.alerts(), "no monitor raises an alert while nothing is wrong")
        self.tell("Monitors", "all quiet")

    def go_wrong(self) -> None:
        """One broker's batches hold months. The next morning a monitor sees it."""
        self.lender.write_day(self.fault)
        self.morning(1)
        (alert,) = self.alerts() or [None]
        if alert is None:
            raise StoryBroke("the drift of employment years raised no alert")
        self.tell("Alert", alert.facts.reason)
        self.result.incident = alert.incident
        state = self.incident()
        held = custody.items(self.app.ledger.stream(custody.stream_of(state.id)).events)
        self.expect(len(held) >= 6, "evidence is frozen when the incident opens")
        size = sum(item.size for item in held)
        self.tell("Incident opened", f"{state.id} {state.title}")
        self.tell("Evidence frozen", f"{len(held)} items, {size:,} bytes, before anything was changed")
        assert state.severity is not None
        self.tell("Proposed by rule", f"{state.severity.label}, mail queued for a team of {len(state.team)}")

    def answer(self) -> None:
        """Somebody answers, places what is known, and confirms the severity."""
        maya, tomas = self.person("Maya Okafor"), self.person("Tomas Lind")
        self.clock.pass_by(timedelta(minutes=7))
        self.app.desk.acknowledge(self.id, by=maya, at=self.at)
        self.tell("Acknowledged", "by Maya Okafor after 7 minutes")
        self.clock.pass_by(timedelta(minutes=6))
        self.app.desk.note(
            self.id,
            "All values above 40 come from applications of one broker. In their batch, employment of "
            "3.5 years reads 42.",
            by=tomas,
            at=self.at,
            evidence=("EV-1",),
        )
        self.app.desk.note(
            self.id,
            "The broker's new export goes live, according to their release notes.",
            by=tomas,
            at=self.at,
            occurred_at=midnight(self.fault),
        )
        self.clock.pass_by(timedelta(minutes=4))
        self.app.desk.classify(
            self.id,
            Category.DATA_QUALITY,
            Severity.HIGH,
            "The inputs are wrong at the source; the model itself has not changed.",
            by=maya,
            at=self.at,
        )
        self.tell("Classified", "SEV-2 high, data quality; severity as proposed, category corrected")

    def contain(self) -> None:
        """The segment goes to people: decided with authority, and switched; no more is known so soon."""
        maya, tomas = self.person("Maya Okafor"), self.person("Tomas Lind")
        self.clock.pass_by(timedelta(minutes=5))
        number = self.app.containing.propose(
            self.id, "broker-to-review", "Only broker batches are wrong.", by=tomas, at=self.at
        )
        self.clock.pass_by(timedelta(minutes=3))
        self.app.containing.approve(number, "Approvals may be wrong by the hour.", by=maya, at=self.at)
        self.clock.pass_by(timedelta(minutes=1))
        switched = self.app.containing.carry_out(number, by=tomas, at=self.at)
        self.expect(switched, "the flag address answers by the switch")
        self.expect(self.incident().contained_at is None, "nobody calls it contained before the log shows it")
        probe = self.containment(number).last_probe
        asked = len(probe.checks) if probe else 0
        self.tell(
            "Switched", f"{number}: brokers to human review; {asked} answers of the flag address are right"
        )

    def watch_the_effect(self) -> None:
        """The application asks for every decision; the monitor shows whether the harm stopped."""
        number = f"{self.id}-C1"
        with self.application_asking() as route:
            written = self.lender.write_day(self.fault + timedelta(days=1), route)
        obeyed = self.containment(number).obeyed
        self.expect(obeyed is not None, "requests of the application are seen to be answered by the switch")
        self.tell("Obeyed", f"the switch answered {written.to_people} requests of the application: to people")
        self.morning(2)
        effect = self.containment(number).effect
        told = effect.sentence if effect else "nobody looked"
        self.expect(
            self.incident().status is Status.CONTAINED, f"the log shows that the harm stopped ({told})"
        )
        self.tell("Contained", told)

    def investigate(self) -> None:
        """Who was affected, counted from the log; why, each statement with its proof."""
        helen, priya = self.person("Helen Marsh"), self.person("Priya Raman")
        self.clock.pass_by(timedelta(hours=3))
        counted = assessing.count(
            self.app.ledger,
            self.app.counter,
            self.id,
            midnight(self.fault),
            midnight(self.fault + timedelta(days=1)),
            {"channel": "broker"},
            because="the broker's batches gave employment in months where years are meant",
            reassess=self.app.desk.noted,
            by=priya,
            at=self.at,
        )
        assessing.assess(
            self.app.ledger, self.id, ASSESSMENT, reassess=self.app.desk.noted, by=helen, at=self.at
        )
        people = counted.affected.users if counted.affected else None
        self.expect(people is not None, "the log tells who is affected")
        self.tell(
            "Impact",
            f"{counted.exposed.users} applicants exposed, {people} of them affected, as the log counts them",
        )
        self.clock.pass_by(timedelta(hours=1))
        monitors = [m.id for m in versions.active_systems(self.app.ledger)[LOANS].model.monitors]
        analysing.analyse(self.app.ledger, self.id, self.analysis(), monitors=monitors, by=priya, at=self.at)
        self.tell("Root cause", self.incident().cause)

    def remedy(self) -> None:
        """A fix with an owner and a deadline, proven by the monitor itself."""
        tomas, maya = self.person("Tomas Lind"), self.person("Maya Okafor")
        self.clock.pass_by(timedelta(minutes=30))
        item = remedying.plan(
            self.app.desk,
            self.id,
            Plan(
                action="Refuse batches whose employment years exceed the working life of the applicant's age",
                kind=RemediationKind.CODE_FIX,
                responsible=tomas.id,
                deadline=self.at + timedelta(days=5),
                verification=Wanted(Method.MONITOR, monitor=DRIFT),
            ),
            by=maya,
            at=self.at,
        )
        with self.application_asking() as route:
            self.lender.write_day(self.fault + timedelta(days=2), route)
        self.morning(3)
        self.clock.pass_by(timedelta(hours=10))
        remedying.start(self.app.desk, self.id, item, by=tomas, at=self.at)
        what = "Intake refuses such batches since 15:40; the broker resent three days in years."
        remedying.finish(self.app.desk, self.id, item, what, by=tomas, at=self.at)
        self.tell("Fixed", f"{item}: {what}")
        with self.application_asking() as route:
            self.lender.write_day(self.fault + timedelta(days=3), route)
        self.morning(4)
        self.clock.pass_by(timedelta(minutes=30))
        back = self.app.containing.revert(
            f"{self.id}-C1", "The fix is live; brokers are decided by the model again.", by=maya, at=self.at
        )
        self.expect(back, "the switch is seen to be back")
        self.tell("Containment reverted", "and the flag address answers without it again")
        for day in (4, 5, 6):
            with self.application_asking() as route:
                self.lender.write_day(self.fault + timedelta(days=day), route)
            self.morning(day + 1)
        found = remedying.remediations_of(self.app.ledger, self.id).item(item)
        self.expect(found.standing is Standing.VERIFIED, "the monitor verifies the fix")
        self.tell("Fix verified", found.result.partition(": ")[0])

    def review_and_close(self) -> None:
        """What the record knows is filled in; what only people know, they add."""
        helen, maya = self.person("Helen Marsh"), self.person("Maya Okafor")
        self.clock.pass_by(timedelta(hours=2))
        resolution = "Batches in months are refused at intake, and the inputs are as validated again."
        closing.resolve(self.app.desk, self.id, resolution, by=maya, at=self.at)
        reviewing.draft(self.app.desk, self.id, by=helen, at=self.at)
        self.clock.pass_by(timedelta(hours=4))
        reviewing.edit(
            self.app.desk, self.id, REVIEW, ["Maya Okafor", "Tomas Lind", "Priya Raman"], by=helen, at=self.at
        )
        reviewing.complete(self.app.desk, self.id, by=helen, at=self.at)
        self.tell("Reviewed", "eight questions answered, most of them from the record")
        self.clock.pass_by(timedelta(minutes=40))
        summary = (
            "Wrong units from one broker: switched to people within half an hour, refused at intake since."
        )
        closing.close(self.app.desk, self.id, summary, by=maya, at=self.at)
        self.work_through()
        state = self.incident()
        self.expect(state.status is Status.CLOSED, "the incident is closed and archived")
        self.result.clocks = [
            {
                "clock": clock,
                "limit_seconds": int(kept.limit.total_seconds()),
                "due": kept.due.isoformat(),
                "met_at": kept.met_at.isoformat() if kept.met_at else None,
                "kept": kept.missed is None and not kept.missed_rounds,
            }
            for clock, kept in state.clocks.items()
        ]
        late = [entry["clock"] for entry in self.result.clocks if not entry["kept"]]
        self.expect(not late, f"every clock is kept (late: {', '.join(late)})")
        self.tell("Closed and archived", f"{len(state.clocks)} clocks, all kept")

    def audit(self) -> None:
        """A pack, verified by a program that knows nothing of us but a key."""
        helen = self.person("Helen Marsh")
        self.clock.pass_by(timedelta(minutes=20))
        folder = self.app.workspace / "packs"
        folder.mkdir(exist_ok=True)
        pack, policy = folder / f"{self.id}.zip", folder / "policy.txt"
        packing.build_pack(self.app, self.id, pack, by=helen, at=self.at)
        policy.write_text(packing.policy_of(self.app))
        self.tell("Pack built", f"{pack.name}, {pack.stat().st_size:,} bytes")
        command = [sys.executable, "-m", "holdfast_verify", str(pack), "--policy", str(policy)]
        verified = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
        self.expect(verified.returncode == 0, f"the pack verifies\n{verified.stdout}{verified.stderr}")
        self.tell("Pack verified", "by a separate program, offline, with a pinned key")
        for day in (7, 8):
            with self.application_asking() as route:
                self.lender.write_day(self.fault + timedelta(days=day), route)
            self.morning(day + 1)
        if self.fault + timedelta(days=9) < self.now.date():  # told before six: yesterday is over as well
            with self.application_asking() as route:
                self.lender.write_day(self.fault + timedelta(days=9), route)
        self.clock.release()
        ended = DemonstrationEnded(real_time=self.clock.now())
        self.app.ledger.append(Draft("demonstration", 1, [ended]), by=SYSTEM, at=self.clock.now())
        self.work_through()
        found = self.app.check_on_record(SYSTEM).found
        self.expect(found.verdict == "holds", "the ledger checks: " + "; ".join(found.problems[:3]))
        self.result.pack, self.result.policy = str(pack), str(policy)
        self.result.ledger_size, self.result.verified = found.facts, True
        self.tell("Ledger checked", f"{found.facts:,} facts and {found.projection_tables} tables hold")

    # Helpers -----------------------------------------------------------------------------------

    @property
    def at(self) -> datetime:
        return self.clock.now()

    @property
    def id(self) -> str:
        return self.result.incident

    def incident(self) -> Incident:
        return load(self.app.ledger, self.id).state

    def tell(self, what: str, outcome: str) -> None:
        self.say(self.at, what, outcome)

    def expect(self, holds: bool, promise: str) -> None:
        if not holds:
            raise StoryBroke(f"the story breaks here: not true that {promise}")

    def person(self, name: str) -> Actor:
        roster = versions.active_roster(self.app.ledger)
        people = roster.model.people if roster else load_workspace(self.app.workspace).roster.model.people
        found = next(one for one in people if one.name == name)
        return Actor(found.id, found.name)

    def alerts(self) -> list[Any]:
        with self.app.ledger.reading() as conn:
            return find_alerts(conn)

    def containment(self, number: str) -> Containment:
        with self.app.ledger.reading() as conn:
            return read_containment(conn, number)

    def morning(self, day: int) -> None:
        """The morning of a day of the story: the worker does everything that is due."""
        self.clock.move_to(midnight(self.fault + timedelta(days=day)) + MORNING)
        self.update()
        self.work_through()

    def update(self) -> None:
        """Whoever waits hears how it stands, while the playbook promises it."""
        if not self.id or not (promised := self.incident().clocks.get(UPDATE.id)) or not promised.running:
            return
        stands = "contained, the fix is not proven yet" if self.incident().contained_at else "worked on"
        said = f"It is {stands}. The next update follows by {wording.utc(self.at + promised.limit)}."
        self.app.desk.post_update(self.id, said, by=self.person("Ines Carvalho"), at=self.at)

    def work_through(self) -> None:
        """One round after another until nothing is left to do."""
        for _ in range(50):
            if not self.work(self.clock.now()):
                return

    @contextmanager
    def application_asking(self) -> Iterator[Callable[[Mapping[str, str]], str]]:
        """The lending application: for every application it asks the switches over HTTP (OFREP)."""
        address = f"{self.app.settings.web.public_url}/ofrep/v1/evaluate/flags/loan-approval.review"
        headers = {"Authorization": f"Bearer {self.app.flags_token}"}
        with httpx.Client(headers=headers, trust_env=False, timeout=10) as client:

            def route(context: Mapping[str, str]) -> str:
                # One question is enough: while the model is off, its routes lead to people as well. The
                # caller's default is the safe one: with no answer, people decide.
                try:
                    answer = client.post(address, json={"context": dict(context)})
                    answer.raise_for_status()
                    return str(answer.json()["value"])
                except httpx.HTTPError:
                    return "human_review"

            yield route

    def analysis(self) -> Analysis:
        """What Priya writes down; each statement with what proves it."""
        log = Link(LinkKind.EVIDENCE, "EV-1")
        measured = Link(LinkKind.EVIDENCE, "EV-3")
        monitor = Link(LinkKind.MONITOR, DRIFT)
        began = midnight(self.fault)
        cause = (
            "The broker's new export writes employment in months. Intake accepted any number, so the model "
            "read months as years."
        )
        return Analysis(
            facts=(
                Statement("Only rows with channel broker hold employment above 40.", (log,)),
                Statement("The same rows divided by twelve are distributed as in the reference.", (log,)),
                Statement("No other input of the model left its limits.", (measured,)),
            ),
            sequence=(
                Happening(began, Statement("The first batch in months arrives.", (log,))),
                Happening(
                    began + timedelta(days=1, hours=6),
                    Statement("The drift monitor raises its alert.", (monitor,)),
                ),
            ),
            factors=(
                Factor(
                    FactorGroup.DATA,
                    Statement("The unit of a field changed without notice.", (log,)),
                ),
                Factor(
                    FactorGroup.PROCESS,
                    Statement("Brokers announce no changes of format.", (), assumption=True),
                ),
                Factor(
                    FactorGroup.MODEL,
                    Statement(
                        "Long employment raises the score without bound.", (Link(LinkKind.EVIDENCE, "EV-6"),)
                    ),
                ),
            ),
            root_cause=Statement(cause, (log, measured)),
        )


ASSESSMENT = Assessment(
    users=UserImpact(
        kind="Applicants who came through one broker",
        effect="Approved although most of them would have been refused; some may not be able to repay.",
    ),
    data=DataImpact(
        sensitive=False,
        kinds=(DataKind.INFERENCE,),
        misuse="None: values were wrong, and stayed within the company.",
        breach=False,
    ),
    compliance=ComplianceImpact(
        violated=False,
        must_notify=False,
        duty="Looked at: GDPR Article 22, EU AI Act Article 73. No serious incident; decision recorded.",
    ),
    reputation=ReputationImpact(effect="Limited: approvals are reviewed before money is paid out."),
    finance=FinanceImpact(currency="EUR", direct=14_000, indirect=0),
)

REVIEW = {
    ReviewQuestion.WENT_WELL: (
        "The monitor saw it the next morning. Evidence was complete before anything was touched, and the "
        "decision to contain took 25 minutes."
    ),
    ReviewQuestion.COULD_BE_BETTER: (
        "A limit on the field itself would have refused the first row. We learned of the new export from "
        "release notes nobody reads."
    ),
    ReviewQuestion.WILL_CHANGE: (
        "Intake checks units and ranges of every field by the end of the month (Tomas Lind). Broker "
        "contracts ask for notice of format changes (Ines Carvalho)."
    ),
}
