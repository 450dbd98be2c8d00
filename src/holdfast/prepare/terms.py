"""The fixed vocabulary of playbook, systems and roster: words that files use and code decides by.

Everything an organisation may word for itself is text in its playbook; what stands here is what the
product must recognise.
"""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """R-CLS-01, most severe first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """1 for critical to 4 for low."""
        return list(Severity).index(self) + 1

    @property
    def label(self) -> str:
        """`SEV-1 critical`: a word beside every colour."""
        return f"SEV-{self.rank} {self.value}"


class Category(StrEnum):
    """The six categories of R-PRE-06."""

    UNEXPECTED_BEHAVIOUR = "unexpected_behaviour"
    DATA_QUALITY = "data_quality"
    PERFORMANCE_DEGRADATION = "performance_degradation"
    UNAUTHORISED_ACCESS = "unauthorised_access"
    COMPLIANCE_VIOLATION = "compliance_violation"
    SECURITY_INCIDENT = "security_incident"

    @property
    def label(self) -> str:
        return self.value.replace("_", " ").capitalize()


class Phase(StrEnum):
    """The five phases of R-PRE-04, in order."""

    PREPARATION = "preparation"
    DETECTION = "detection_and_classification"
    ANALYSIS = "analysis_and_investigation"
    CONTAINMENT = "containment_and_remediation"
    REVIEW = "post_incident_review_and_prevention"

    @property
    def label(self) -> str:
        return self.value.replace("_", " ").replace("post incident", "post-incident").capitalize()


class Authority(StrEnum):
    """A decision that only roles named in the playbook may take (R-ESC-05)."""

    OVERRIDE_SEVERITY = "override_severity"
    DISMISS = "dismiss"
    CONTAIN = "contain"
    UNDO_CONTAINMENT = "undo_containment"
    NOTIFY_EXTERNALLY = "notify_externally"
    APPROVE_REMEDIATION = "approve_remediation"
    COMPLETE_REVIEW = "complete_review"
    CLOSE = "close"

    @property
    def says(self) -> str:
        """What the decision does: "no role may … an incident"."""
        return {
            "override_severity": "override the proposed severity of an incident",
            "dismiss": "dismiss an incident",
            "contain": "approve containment",
            "undo_containment": "undo containment",
            "notify_externally": "notify customers or regulators",
            "approve_remediation": "accept a remediation as verified",
            "complete_review": "complete a post-incident review",
            "close": "resolve or close an incident",
        }[self]


class Function(StrEnum):
    """The functions that sign a playbook version (R-PRE-05)."""

    ENGINEERING = "engineering"
    DATA_SCIENCE = "data_science"
    COMPLIANCE = "compliance"
    SECURITY = "security"

    @property
    def label(self) -> str:
        return self.value.replace("_", " ").capitalize()


class ContainmentKind(StrEnum):
    """What a containment action does to the running system."""

    MODEL_OFF = "model_off"
    """R-CON-02: a feature flag stops every use of the model."""
    SEGMENT_TO_REVIEW = "segment_to_review"
    """R-CON-03: the requests of one segment go to human reviewers."""


class FactorGroup(StrEnum):
    """The five groups of contributing factors (R-RCA-02)."""

    MODEL = "model"
    DATA = "data"
    PROCESS = "process"
    INFRASTRUCTURE = "infrastructure"
    HUMAN = "human"


class RemediationKind(StrEnum):
    """The five kinds of R-REM-02."""

    RETRAINING = "retraining"
    DATA_CLEANING = "data_cleaning"
    CODE_FIX = "code_fix"
    PROCESS_IMPROVEMENT = "process_improvement"
    INFRASTRUCTURE_IMPROVEMENT = "infrastructure_improvement"


class ReviewQuestion(StrEnum):
    """The eight questions of R-PIR-01, in order."""

    WHAT_HAPPENED = "what_happened"
    WHEN_DETECTED = "when_detected"
    IMPACT = "impact"
    ROOT_CAUSE = "root_cause"
    REMEDIATION = "remediation"
    WENT_WELL = "went_well"
    COULD_BE_BETTER = "could_be_better"
    WILL_CHANGE = "will_change"


class EvidenceKind(StrEnum):
    """The six kinds of R-EVD-01."""

    MODEL_ARTEFACTS = "model_artefacts"
    DATA_SNAPSHOTS = "data_snapshots"
    LOGS_AND_TRACES = "logs_and_traces"
    MONITORING_DATA = "monitoring_data"
    COMMUNICATION_RECORDS = "communication_records"
    INVESTIGATION_NOTES = "investigation_notes"


class Frozen(StrEnum):
    """What the product itself freezes the moment an incident opens (R-EVD-02)."""

    PREDICTION_LOG = "prediction_log"
    LABELS = "labels"
    MEASUREMENTS = "measurements"
    MONITORS = "monitors"
    PLAYBOOK = "playbook"
    MODEL_ARTEFACT = "model_artefact"
    REFERENCE = "reference"


MONITORING = "monitoring"
"""The dimension of an alert about monitoring itself: whether a monitor measures says nothing of the system,
and opens no incident by a trigger that speaks of the system."""
COVERAGE = "coverage"
"""The quantity of a monitor with groups that is no metric: the share of rows whose group is known."""
CANNOT_MEASURE = "cannot measure"
"""The metric of an alert that says that a monitor does not measure."""


class Moment(StrEnum):
    """When the communication protocol has a message leave by itself."""

    OPENED = "opened"
    ESCALATED = "escalated"
    CLOCK_BREACHED = "clock_breached"
    RECLASSIFIED = "reclassified"
    SWITCHED = "switched"
    """A containment's switch is set and Holdfast's own address answers by it; no more is known yet."""
    CONTAINED = "contained"
    """The prediction log shows that the harm stopped."""
    NOT_CONTAINED = "not_contained"
    """The harm goes on although a switch is set, or what was contained is contained no longer."""
    REVERTED = "reverted"
    """A person set a containment's switch back."""
    HANDED_OVER = "handed_over"
    """A role of the team is somebody else's from now on."""
    UPDATED = "updated"
    """Somebody posted how it stands. Where the protocol has no message for it, those hear it who were told
    that it was opened."""
    RESOLVED = "resolved"
    DISMISSED = "dismissed"
    MERGED = "merged"
    CLOSED = "closed"

    @property
    def needs_message(self) -> bool:
        """Whether a protocol without a message for it keeps silent."""
        return self is not Moment.UPDATED

    @property
    def words(self) -> str:
        """What an incident is at that moment: "when it is …"."""
        words = {
            "clock_breached": "late for a promise",
            "switched": "acted on by a switch",
            "reverted": "acted on by a switch no longer",
            "handed_over": "handed over to somebody else",
            "updated": "reported on",
            "merged": "merged into another",
        }
        return words.get(self, self.replace("_", " "))
