"""The playbook: how an organisation responds when an AI system misbehaves, as one typed document.

Each class is one section of `playbook.yaml` and says at each field what it means; the field names are
what a person writes. What the shape alone cannot tell (rules, cross-references) is checked in
`consistency.py`. R-PRE-03 to R-PRE-07.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Generic, TypeVar, cast

from pydantic import AfterValidator, Field

from holdfast.ledger.outbox import EMAIL
from holdfast.metrics.metric import Dimension
from holdfast.people import IncidentRole
from holdfast.prepare.documents import Entry
from holdfast.prepare.durations import Duration, Length, Term
from holdfast.prepare.roster import ChannelName, PersonId, Text, Who, Zone
from holdfast.prepare.terms import (
    Authority,
    Category,
    ContainmentKind,
    EvidenceKind,
    FactorGroup,
    Frozen,
    Function,
    Moment,
    Phase,
    RemediationKind,
    ReviewQuestion,
    Severity,
)
from holdfast.prepare.workdays import EVERYWHERE, Calendar
from holdfast.problems import Fault, form

KeyT = TypeVar("KeyT", bound=str)
ItemT = TypeVar("ItemT")
Texts = Annotated[tuple[Text, ...], Field(min_length=1)]
_SLUG = form(
    r"^[a-z0-9]+(?:[-_][a-z0-9]+)*$",
    "write small letters and digits, with single hyphens or underscores between them",
)
Slug = Annotated[str, Field(pattern=_SLUG, max_length=60)]
"""A short handle: small letters, digits and single hyphens."""


def _somebody(who: Who) -> Who:
    if not who:
        raise Fault("names nobody", "give roles, titles or on_call: true")
    return who


Somebody = Annotated[Who, AfterValidator(_somebody)]


class Each(Entry, Generic[KeyT, ItemT]):
    """A section with one entry for every member of a fixed vocabulary; none may be left out."""

    vocabulary: ClassVar[type[Any]]

    def __getitem__(self, key: KeyT) -> ItemT:
        return cast(ItemT, getattr(self, self.vocabulary(key).value))

    def items(self) -> Iterator[tuple[KeyT, ItemT]]:
        """Every entry in the vocabulary's order."""
        for key in self.vocabulary:
            yield key, self[key]


class Criterion(Entry):
    """One condition: in words for people, as a rule for the system."""

    says: Text
    when: Text
    """A CEL rule over the facts of `holdfast.prepare.rules.VARIABLES`."""


class Definition(Entry):
    """What the organisation calls an AI incident."""

    statement: Text
    includes: Texts
    excludes: Texts


class Opening(Criterion):
    """A trigger: what opens an incident, and why."""

    because: Text


class Elsewhere(Entry):
    """What is not an AI incident here, who handles it instead, and why."""

    what: Text
    goes_to: Text
    because: Text


class Triggers(Entry):
    """R-PRE-07. An alert or report for which no `opens` criterion holds opens no incident by itself."""

    opens: tuple[Opening, ...] = Field(min_length=1)
    elsewhere: tuple[Elsewhere, ...] = Field(min_length=1)


class CategoryEntry(Entry):
    """One category: what it means here, examples from this organisation, how the system recognises it."""

    means: Text
    examples: Texts
    criteria: tuple[Criterion, ...] = ()
    """Any one that holds proposes the category; none means that only a person chooses it."""


class Categories(Each[Category, CategoryEntry]):
    vocabulary = Category
    unexpected_behaviour: CategoryEntry
    data_quality: CategoryEntry
    performance_degradation: CategoryEntry
    unauthorised_access: CategoryEntry
    compliance_violation: CategoryEntry
    security_incident: CategoryEntry


class Clocks(Entry):
    """What is promised for a severity, each counted from the opening unless said otherwise."""

    acknowledge_within: Term
    contain_within: Term | None = None
    """Until somebody has *decided* on containment, also when the decision is to wait."""
    escalate_every: Duration
    """After a missed acknowledgement, the wait between one step of the ladder and the next."""
    update_every: Term | None = None
    """Counted from the last update; the first from the opening."""
    resolve_within: Term | None = None
    review_within: Term | None = None
    """Counted from the resolution."""


class BusinessDaysEntry(Entry):
    """Which days are no business days, besides Saturday and Sunday."""

    time_zone: Annotated[Zone, Field(min_length=1)]
    """Where a day begins and ends."""
    country: Annotated[str, Field(pattern=form(r"^[A-Z]{2}$", "write two capital letters, such as IE"))]
    """Whose public holidays count (ISO 3166)."""
    subdivision: Annotated[str, Field(max_length=40)] = ""
    """A part of the country with holidays of its own: NSW."""
    closed: tuple[date, ...] = ()
    """Further days on which the organisation is closed."""


class SeverityEntry(Entry):
    """One severity: when it applies, what it promises, who is called."""

    means: Text
    criteria: tuple[Criterion, ...] = ()
    """Any one that holds proposes the severity."""
    clocks: Clocks
    team: Somebody
    """R-CLS-04: the system assembles and notifies these."""


class Severities(Each[Severity, SeverityEntry]):
    vocabulary = Severity
    critical: SeverityEntry
    high: SeverityEntry
    medium: SeverityEntry
    low: SeverityEntry


def _whole(order: tuple[Category, ...]) -> tuple[Category, ...]:
    if sorted(order) != sorted(Category):
        raise Fault("does not name each category exactly once", f"use {', '.join(Category)}, in your order")
    return order


class Classification(Entry):
    """How a proposal is made when several categories fit, or nothing does."""

    category_order: Annotated[tuple[Category, ...], AfterValidator(_whole)]
    """The first category whose criteria hold is proposed."""
    category_otherwise: Category
    severity_otherwise: Severity
    """When no criterion holds, or a fact it needs is not known yet."""


class RoleEntry(Entry):
    """One incident role: why it exists, what it does, what it alone may decide."""

    purpose: Text
    responsibilities: Texts
    authority: tuple[Authority, ...] = ()


class Roles(Each[IncidentRole, RoleEntry]):
    vocabulary = IncidentRole
    incident_commander: RoleEntry
    technical_lead: RoleEntry
    data_science_lead: RoleEntry
    security_lead: RoleEntry
    compliance_lead: RoleEntry
    communications_lead: RoleEntry


class Tier(Entry):
    """One tier of escalation. Tier 1 is where every incident starts and needs no criteria."""

    name: Text
    purpose: Text
    criteria: tuple[Criterion, ...] = ()
    """Any one that holds raises the incident to this tier (R-ESC-02)."""
    tells: Somebody


class Tiers(Entry):
    tier_1: Tier
    tier_2: Annotated[Tier, AfterValidator(lambda tier: _with_criteria(tier))]
    tier_3: Annotated[Tier, AfterValidator(lambda tier: _with_criteria(tier))]

    def __getitem__(self, number: int) -> Tier:
        found: Tier = getattr(self, f"tier_{number}")
        return found


def _with_criteria(tier: Tier) -> Tier:
    if not tier.criteria:
        raise Fault("has no criteria, so nothing ever reaches it", "say what raises an incident to this tier")
    return tier


Step = Annotated[str, Field(pattern=form(r"^(deputies|tier_2|tier_3)$", "write deputies, tier_2 or tier_3"))]


class Escalation(Entry):
    """R-ESC-01 to R-ESC-03."""

    unacknowledged: tuple[Step, ...] = Field(min_length=1)
    """The ladder when nobody acknowledges in time: the first step when the clock is breached, each further
    one after `escalate_every` of the severity."""
    tiers: Tiers


class Message(Entry):
    """One message of the protocol: leaves by itself at its moment."""

    on: Moment
    to: Somebody
    within: Duration
    channel: ChannelName = EMAIL
    """By which it goes to whoever has an address for it in the roster; to others by their own first one."""
    template: Slug


class Protocol(Entry):
    """Who hears what, how fast, through which channel, for one severity (R-ESC-04)."""

    messages: tuple[Message, ...] = Field(min_length=1)
    arrangements: Texts
    """What people arrange: chat channel, conference bridge, stand-up, weekly review."""


class Protocols(Each[Severity, Protocol]):
    vocabulary = Severity
    critical: Protocol
    high: Protocol
    medium: Protocol
    low: Protocol


TEMPLATE_WORDS: Mapping[str, str] = {
    "incident": "its number, INC-12",
    "title": "its title",
    "severity": "SEV-1 critical",
    "category": "its category in words",
    "system": "name of the AI system",
    "summary": "what is known, in a paragraph",
    "reason": "why this message is sent now",
    "clock": "the clock concerned and what it is for",
    "due": "when that clock runs out",
    "person": "name of the person addressed",
    "role": "the role they fill",
    "ask": "whether an answer is asked of them, or who has answered",
    "link": "address of the incident's page; of the other's, once it was merged",
    "into": "number of the incident it was merged into",
}
"""What `{word}` in a template stands for."""


_ONE_LINE = form(r"^[^\r\n]*$", "write it on one line")


class Template(Entry):
    """The wording of a message; `{incident}` and the other TEMPLATE_WORDS are filled in."""

    subject: Annotated[str, Field(min_length=1, max_length=200, pattern=_ONE_LINE)]
    text: Text

    def unknown_words(self) -> list[tuple[str, str]]:
        """Field and word of each `{word}` nobody fills in."""
        return [
            (field, word)
            for field in ("subject", "text")
            for word in re.findall(r"\{([^{}]*)\}", getattr(self, field))
            if word not in TEMPLATE_WORDS
        ]

    def filled(self, words: Mapping[str, str]) -> tuple[str, str]:
        """Subject and text with their words filled in; a word without a value reads "not known".

        Values are put in as they are and never read as templates themselves.
        """

        def fill(text: str) -> str:
            return re.sub(r"\{([a-z]+)\}", lambda match: words.get(match[1]) or "not known", text)

        subject = " ".join(
            fill(self.subject).split()
        )  # a line break in a title must not become a mail header
        return subject, fill(self.text)


class Communication(Entry):
    protocols: Protocols
    external: Text
    """How customers, regulators and the press are told, and who decides."""
    templates: dict[Slug, Template] = Field(min_length=1)


class DetectionRequirement(Entry):
    """What every AI system down to a priority must be watched for."""

    dimension: Dimension
    requires: Text
    down_to_priority: int = Field(ge=1, le=1_000)


class Detection(Entry):
    requirements: tuple[DetectionRequirement, ...] = Field(min_length=1)
    reports_by_people: Text
    """How an employee or a customer reports something."""
    false_alarms: Text
    """How false alarms are kept down and counted."""


class Fits(Entry):
    """Where an action applies; an empty list means everywhere."""

    systems: tuple[Text, ...] = ()
    categories: tuple[Category, ...] = ()


class ContainmentAction(Entry):
    """One way to stop the harm (R-CON-07)."""

    id: Slug
    name: Text
    kind: ContainmentKind
    does: Text
    """What people and customers notice when it is applied."""
    fits: Fits = Fits()
    takes: Duration
    """From approval to effect, as expected."""
    authority: Authority = Authority.CONTAIN
    preserve_first: tuple[Slug, ...] = Field(min_length=1)
    """Evidence items that must be frozen before it is applied (R-CON-01)."""
    undo: Text

    def fits_incident(self, system: str, category: Category | None) -> bool:
        """Whether the playbook offers it for this system and category; no category yet excludes nothing."""
        systems, categories = self.fits.systems, self.fits.categories
        return (not systems or system in systems) and (
            not categories or category is None or category in categories
        )


class Containment(Entry):
    principle: Text
    actions: tuple[ContainmentAction, ...] = Field(min_length=1)

    def offered(self, system: str, category: Category | None) -> tuple[ContainmentAction, ...]:
        """The actions that fit, the fastest first."""
        fitting = (action for action in self.actions if action.fits_incident(system, category))
        return tuple(sorted(fitting, key=lambda action: (action.takes, action.id)))


class FactorQuestions(Entry):
    """What to ask in one group of contributing factors."""

    questions: Texts


class FactorGroups(Each[FactorGroup, FactorQuestions]):
    vocabulary = FactorGroup
    model: FactorQuestions
    data: FactorQuestions
    process: FactorQuestions
    infrastructure: FactorQuestions
    human: FactorQuestions


class Investigation(Entry):
    """How the cause is found (R-RCA-01, R-RCA-02)."""

    steps: Texts
    factors: FactorGroups


class Verification(Entry):
    """When a fix counts as proven (R-REM-03)."""

    monitor_in_bounds_windows: int = Field(ge=1, le=365)
    """Windows in a row the named monitor must be measured inside its limit."""
    monitor_in_bounds_for: Duration
    otherwise: Text
    """What proves a remediation that no monitor can show."""


class RemediationEntry(Entry):
    when: Text
    verified_by: Text


class RemediationKinds(Each[RemediationKind, RemediationEntry]):
    vocabulary = RemediationKind
    retraining: RemediationEntry
    data_cleaning: RemediationEntry
    code_fix: RemediationEntry
    process_improvement: RemediationEntry
    infrastructure_improvement: RemediationEntry


class Remediation(Entry):
    kinds: RemediationKinds
    verification: Verification
    remind_before: Duration
    """How long before its deadline an open item is chased."""


class ReviewQuestions(Each[ReviewQuestion, Text]):
    """The eight questions in the organisation's wording (R-PIR-01)."""

    vocabulary = ReviewQuestion
    what_happened: Text
    when_detected: Text
    impact: Text
    root_cause: Text
    remediation: Text
    went_well: Text
    could_be_better: Text
    will_change: Text


class Review(Entry):
    """The post-incident review (R-PIR-02)."""

    required_for: tuple[Severity, ...] = Field(min_length=1)
    questions: ReviewQuestions
    shared_with: Somebody


class EvidenceItem(Entry):
    """One thing to keep: what, where, for how long."""

    id: Slug
    kind: EvidenceKind
    what: Text
    frozen_at_open: Frozen | None = None
    """What Holdfast itself freezes when the incident opens; unset for what people collect."""
    where: Text
    keep_years: int = Field(ge=3, le=100)


class EvidenceRules(Entry):
    """Documentation and retention (R-EVD-01, R-EVD-02, R-EVD-08)."""

    items: tuple[EvidenceItem, ...] = Field(min_length=1)
    record_keep_years: int = Field(ge=3, le=100)
    """How long the incident record itself is kept."""
    disposal: Text
    legal_hold: Text

    def frozen_at_open(self) -> tuple[EvidenceItem, ...]:
        return tuple(item for item in self.items if item.frozen_at_open)


class PhaseEntry(Entry):
    """One phase of the response: who owns it, what it leaves behind, how one knows it went well."""

    owner: IncidentRole
    outputs: Texts
    success: Texts


class Phases(Each[Phase, PhaseEntry]):
    vocabulary = Phase
    preparation: PhaseEntry
    detection_and_classification: PhaseEntry
    analysis_and_investigation: PhaseEntry
    containment_and_remediation: PhaseEntry
    post_incident_review_and_prevention: PhaseEntry


class SignedChanges(Entry):
    """What else comes into force only when signed; what is not named here is in force when applied."""

    limits: tuple[Function, ...] = ()
    """Who signs when something changes in what is watched, how it is judged or what a switch does: prediction
    log, monitors, priority and containment of a system. What is for people to read, and which model is
    deployed, is in force at once."""
    authority: tuple[Function, ...] = ()
    """Who signs when the roster gives somebody access, or changes functions or incident roles. Taking
    access away is in force at once."""


class Governance(Entry):
    """How this document itself is kept (R-PRE-05)."""

    sign_off: tuple[Function, ...] = Field(min_length=1)
    """A version becomes active when each of these has signed, and each that the version in force names;
    one person signs for one function."""
    signed_changes: SignedChanges = SignedChanges()
    review_every: Duration
    review: Text
    """What the regular review looks at."""


_LABEL = form(
    r"^[A-Za-z0-9][A-Za-z0-9.+-]{0,39}$",
    "write up to 40 letters, digits, dots, + and -, beginning with a letter or digit: 1.0",
)


class Playbook(Entry):
    """`playbook.yaml`."""

    title: Text
    organisation: Text
    version: Annotated[str, Field(pattern=_LABEL)]
    """The organisation's own label; what identifies a version is the hash of the file's bytes."""
    owner: PersonId
    purpose: Text
    scope: Text
    governance: Governance
    definition: Definition
    triggers: Triggers
    categories: Categories
    classification: Classification
    severities: Severities
    business_days: BusinessDaysEntry | None = None
    """Needed where a clock counts in business days."""
    roles: Roles
    escalation: Escalation
    communication: Communication
    detection: Detection
    evidence: EvidenceRules
    containment: Containment
    investigation: Investigation
    remediation: Remediation
    review: Review
    phases: Phases

    def roles_with(self, authority: Authority) -> tuple[IncidentRole, ...]:
        """The incident roles that may take a decision (R-ESC-05)."""
        return tuple(role for role, entry in self.roles.items() if authority in entry.authority)

    def calendar(self) -> Calendar:
        """What business days are counted by."""
        said = self.business_days
        if said is None:
            return EVERYWHERE
        return Calendar(said.time_zone, said.country, said.subdivision, frozenset(said.closed))

    def review_within(self, severity: Severity) -> Length | None:
        """How soon after the resolution the review is due; None where none is required."""
        return (
            self.severities[severity].clocks.review_within if severity in self.review.required_for else None
        )

    def action(self, action: str) -> ContainmentAction | None:
        return next((one for one in self.containment.actions if one.id == action), None)
