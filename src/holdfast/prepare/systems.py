"""`systems/*.yaml`: one AI system, where its prediction log lies, what watches it, how it can be contained.

One idea: what a person must state about a system (R-PRE-01) and about a monitor (R-DET-08) is a field
without a default. Everything that can be checked without reading the log is checked here; whether the
columns exist is checked when the log is opened (`holdfast.detect.log`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from math import inf
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import core_schema

from holdfast import metrics
from holdfast.metrics.metric import Metric, Need, Worse
from holdfast.people import IncidentRole
from holdfast.prepare import durations
from holdfast.prepare.documents import Entry
from holdfast.prepare.durations import Duration
from holdfast.prepare.terms import ContainmentKind
from holdfast.problems import Fault, form, shown

Text = Annotated[str, Field(min_length=1)]
Name = Annotated[
    str,
    Field(
        pattern=form(
            r"^[a-z0-9][a-z0-9._-]{0,62}$",
            "begin with a small letter or digit; up to 62 more, dots, hyphens and underscores may follow",
        )
    ),
]
"""Small letters, digits, `.`, `_`, `-`: it stands in addresses, file names and stream names."""
PathText = Annotated[str, Field(min_length=1)]
"""A file, a folder or a glob, relative to the workspace or absolute."""


def _number(value: Any) -> Any:
    """`20%` as 0.2; anything else is left for pydantic to judge."""
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            return float(value.strip()[:-1]) / 100
        except ValueError:
            raise Fault(f"{shown(value)} is not a share", "write for example 20% or 0.2") from None
    if isinstance(value, bool | str):
        raise Fault(f"{shown(value)} is not a number", "write for example 0.85 or 20%")
    return value


Number = Annotated[
    float,
    BeforeValidator(_number),
    Field(allow_inf_nan=False),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?%$"}]}),
]
"""A number, or a share written with a percent sign."""
Share = Annotated[Number, Field(gt=0, le=1)]
OpenShare = Annotated[Number, Field(gt=0, lt=1)]


def _moment(value: Any) -> datetime:
    """A date (its midnight) or a time, in UTC unless it states an offset."""
    if isinstance(value, datetime):
        found = value
    else:
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            raise Fault(
                f"{shown(value)} is not a date or time",
                "write for example 2026-09-01 or 2026-09-01T08:00:00Z",
            ) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    PlainSerializer(lambda moment: moment.isoformat().replace("+00:00", "Z"), return_type=str),
    WithJsonSchema({"type": "string", "examples": ["2026-09-01", "2026-09-01T08:00:00Z"]}),
]


# The prediction log


class Columns(Entry):
    """Which column of the log says what. A column named here is no feature."""

    id: Text
    """Unique per prediction; labels are joined by it."""
    time: Text
    """When the prediction was made; UTC unless the values carry an offset."""
    prediction: Text | None = None
    score: Text | None = None
    """Score for the positive class; a probability where estimates are wanted."""
    label: Text | None = None
    """What turned out to be true, when the log (or the reference) carries it itself."""
    label_arrived: Text | None = None
    """When the label in the log became known; without it, it counts as known from the start."""
    positive: bool | int | float | str = 1
    """The value of prediction and label that counts as positive."""
    classes: tuple[bool | int | float | str, ...] | None = Field(default=None, min_length=2)
    """Every value that is a class; a prediction or label of any other is none, and is counted and named.
    Without it, what only predictions or only labels say is named and counts as not positive."""
    model_version: Text | None = None
    subject: Text | None = None
    """Whom the row is about; people are counted by it when impact is assessed."""
    features: tuple[Text, ...] | None = None
    """The model's inputs; without it, every column that has no other meaning here."""
    categorical: tuple[Text, ...] = ()
    """Columns of numbers that are names, such as a branch number."""

    @model_validator(mode="after")
    def _one_meaning_each(self) -> Self:
        named = [self.id, self.time, self.prediction, self.score, self.label, self.label_arrived]
        twice = [name for name, times in Counter(name for name in named if name).items() if times > 1]
        if twice:
            raise Fault(f"column {twice[0]} is given two meanings", "name a different column for each")
        if self.classes is not None and self.positive not in self.classes:
            raise Fault(f"positive {self.positive!r} is none of the classes", "name every class in classes")
        return self


LABELS_WITHIN = timedelta(days=180)
"""How long labels are waited for where nothing else is said."""


class Labels(Entry):
    """Labels delivered apart from the predictions."""

    path: PathText
    id: Text
    """The column that matches `columns.id` of the log."""
    label: Text
    arrived: Text | None = None
    """When the label became known; without it, labels count as known from the start."""
    within: Duration = LABELS_WITHIN
    """How long after a window's end labels are still waited for."""


class Reference(Entry):
    """What normal looks like: a file of its own, or a period of the log."""

    path: PathText | None = None
    from_: Moment | None = Field(default=None, alias="from")
    to: Moment | None = None

    @model_validator(mode="after")
    def _a_file_or_a_period(self) -> Self:
        period = (self.from_, self.to)
        if (self.path is None) == (period == (None, None)):
            raise Fault("is neither a file nor a period", "give either path, or from and to")
        if self.path is None and (self.from_ is None or self.to is None or self.from_ >= self.to):
            raise Fault("is not a period", "give from and a later to")
        return self


class DateOrder(StrEnum):
    """In which order a date that does not begin with a year of four digits is written."""

    YEAR_FIRST = "year_first"
    MONTH_FIRST = "month_first"
    """09/01/2026 is 1 September."""
    DAY_FIRST = "day_first"
    """09/01/2026 is 9 January."""


def _word(value: Any) -> Any:
    """A word as it stands in a file; YAML reads `-999` as a number and an unquoted `null` as nothing."""
    if value is None:
        raise Fault("holds an empty word", 'write the word null in quotes: "null"')
    return f"{value:g}" if isinstance(value, float) else str(value) if isinstance(value, int) else value


Word = Annotated[
    str, BeforeValidator(_word), Field(min_length=1), WithJsonSchema({"type": ["string", "number"]})
]
Words = tuple[Word, ...]
Missing = Annotated[
    Annotated[Words, Tag("everywhere")] | Annotated[dict[Text, Words], Tag("by column")],
    Discriminator(lambda value: "by column" if isinstance(value, dict) else "everywhere"),
]
"""`[n/a, "NULL"]` in every column, or `{income: [-999]}` in those named."""


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Fault(f"{shown(value)} is no time zone", "write for example Europe/Berlin") from None
    return value


Zone = Annotated[Text, AfterValidator(_zone)]


class PredictionLog(Entry):
    """Where the predictions are written, and how to read them."""

    path: PathText
    columns: Columns
    zone: Zone | None = None
    """Where the clock of the log stands, for times without an offset: `Europe/Berlin`. Days and hours begin
    there. Without it they are UTC."""
    dates: DateOrder | None = None
    """How dates such as 09/01/2026 are written. Without it, dates that can be read in two
    ways are refused."""
    missing: Missing | None = None
    """Words that mean that there is no value; `[]` says that every word is a value."""
    repeated_ids: Literal["refuse", "first", "last"] = "refuse"
    """Which row stands, by time, when a log has several of one id."""
    since: Moment | None = None
    """Rows before this are left out, and counted."""
    labels: Labels | None = None
    reference: Reference | None = None
    delay: Duration | None = None
    """How long after a prediction its row may still be written; windows are judged that much later."""
    quiet: Duration | None = None
    """How long it is normal that no row comes: a night, a weekend. Without it, a log without a newer row is
    taken for silent after two windows of a monitor, and after seven days for windows of rows."""

    @property
    def has_labels(self) -> bool:
        return self.labels is not None or self.columns.label is not None

    @property
    def says_when_labels_arrived(self) -> bool:
        if self.labels is not None:
            return self.labels.arrived is not None
        return self.columns.label_arrived is not None


# Monitors


@dataclass(frozen=True, slots=True)
class _OneOf:
    """One of these words: in the schema, and in the fault."""

    words: Sequence[str]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.literal_schema(list(self.words))


MetricName = Annotated[str, _OneOf(metrics.WRITTEN)]
"""What a monitor measures, as a file says it."""
MethodName = Annotated[str, _OneOf(tuple(metrics.METHODS))]
"""Which it is of several metrics that a file calls the same."""


class Rows(Entry):
    """A window of so many rows, in the order of time, then id."""

    rows: int = Field(ge=10)


Window = Annotated[
    Annotated[Duration, Tag("duration")] | Annotated[Rows, Tag("rows")],
    Discriminator(lambda value: "rows" if isinstance(value, dict | Rows) else "duration"),
]
"""`1d`, `6h`, `1w` (aligned to midnight and Monday, UTC), or `{rows: 5000}`."""


def _example(bound: float, low: float, high: float) -> str:
    """A limit that can be reached, near to what was probably meant: 80 for a share is 80%."""
    if high == 1 and 1 < bound < 100:
        return f"{bound:g}%"
    return "0.1" if high != inf else "1"


class Limit(Entry):
    """An alarm when the whole interval lies beyond."""

    below: Number | None = None
    above: Number | None = None

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if self.below is None and self.above is None:
            raise Fault("states no bound", "give below or above, for example below: 0.85")
        if self.below is not None and self.above is not None and self.below >= self.above:
            raise Fault("leaves no room between its bounds", "below must be less than above")
        return self


def _against(value: Any) -> Any:
    return value if value in ("reference", "previous") else durations.parse(value)


Against = Annotated[
    Literal["reference", "previous"] | timedelta,
    BeforeValidator(_against),
    PlainSerializer(
        lambda value: value if isinstance(value, str) else durations.show(value), return_type=str
    ),
    WithJsonSchema({"type": "string", "examples": ["7d", "previous", "reference"]}),
]


def _change(value: Any) -> Any:
    """Above 100% a change must be written with a percent sign: 20 may mean 20% or 2,000%."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 1:
        raise Fault(
            f"{shown(value)} is a change of {100 * value:,.4g}%",
            f"write {value:g}%, or {100 * value:g}% if that is meant",
        )
    return value


class Relative(Entry):
    """An alarm on a change in proportion: `down: 20%, against: 7d` is 20% down week over week."""

    down: Annotated[OpenShare, BeforeValidator(_change)] | None = None
    up: Annotated[Number, Field(gt=0), BeforeValidator(_change)] | None = None
    against: Against
    """A length (the last so long against the same length before), `previous` window, or `reference`."""

    @model_validator(mode="after")
    def _one_direction(self) -> Self:
        if (self.down is None) == (self.up is None):
            raise Fault("must state one direction", "give down or up, for example down: 20%")
        return self


class EDetector(Entry):
    """The Shiryaev–Roberts e-detector (`holdfast.detect.alarms.e_detector`)."""

    baseline: Annotated[
        Literal["reference"] | Annotated[Number, Field(gt=0, lt=1)],
        WithJsonSchema({"anyOf": [{"const": "reference"}, {"type": "number"}, {"type": "string"}]}),
    ] = "reference"
    """The rate that is still good; `reference` takes the cautious end of the reference's interval."""
    direction: Literal["down", "up"] = "down"
    shifts: tuple[Annotated[Number, Field(gt=0, lt=1)], ...] = Field(
        default=(0.02, 0.05), min_length=1, max_length=10
    )
    """The changes to look for, in absolute terms."""
    arl: int | None = Field(default=None, ge=10)
    """Windows that pass on average before a false alarm; ten years of windows when not stated."""
    floor: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    """The change, in absolute terms, under which nobody wants to be woken."""


class Maturity(Entry):
    """When a window's labels are complete enough to judge it; what is stated must all hold."""

    share: Share | None = None
    """Share of the window's predictions that are labelled."""
    after: Duration | None = None
    """Time since the window's end."""

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if self.share is None and self.after is None:
            raise Fault("states nothing to wait for", "give share, after, or both, for example share: 90%")
        return self


class Monitor(Entry):
    """One thing measured window by window, what is wrong with it when, and why (R-DET-08)."""

    id: Name
    name: Text
    metric: MetricName
    window: Window
    reason: Text
    """Why this metric and this threshold."""
    tells: tuple[IncidentRole, ...] = Field(min_length=1)
    schedule: Duration = timedelta(hours=1)
    """How often it is run."""
    column: Text | None = None
    columns: tuple[Text, ...] | Literal["features"] | None = None
    """Several columns: one monitor for each, named `id.column`."""
    method: MethodName | None = None
    """How drift is measured; PSI when not stated."""
    bins: int = Field(default=10, ge=2, le=50)
    """Bins of equal mass in the reference, for PSI and Jensen–Shannon; part of the metric's identity."""
    limit: Limit | None = None
    relative: Relative | None = None
    e_detector: EDetector | None = None
    maturity: Maturity = Maturity(share=0.9)
    estimate_alarms: bool = False
    """Whether an estimate made before the labels are in may raise the alarm."""
    worse: Worse | None = None
    """In which direction the value gets worse; must be stated where the metric and its thresholds do not
    say it: with a limit on both sides, and with thresholds that look in opposite directions."""
    min_n: int | None = Field(default=None, ge=1)
    """Fewer rows than this are shown and not judged; 30 when not stated, for PSI ten for each bin."""
    group_by: tuple[Text, ...] = ()
    """Columns whose combinations of values are the groups."""
    min_group: int = Field(default=100, ge=2)
    """Groups smaller than this are shown and not judged."""
    min_coverage: Share | None = None
    """Share of rows whose group must be known; less is an alarm of its own. Not stated: shown only."""
    confidence: Annotated[Number, Field(ge=0.5, lt=1)] = 0.95
    close_after: int = Field(default=3, ge=1)
    """Windows in bounds, one after another, before an open alert closes."""

    @field_validator("columns", mode="before")
    @classmethod
    def _list_or_all(cls, value: Any) -> Any:
        if isinstance(value, str) and value != "features":
            raise Fault(f"{shown(value)} is not a list", "write [a, b], or features for all of them")
        return value

    @model_validator(mode="after")
    def _fits_its_metric(self) -> Self:
        for check in (
            self._check_columns,
            self._check_groups,
            self._check_rules,
            self._check_relative,
            self._check_limit,
            self._check_detector,
            self._check_direction,
        ):
            check()
        return self

    def _check_columns(self) -> None:
        if self.method is not None and self.metric != metrics.METHODS[self.method]:
            fix = f"remove method, or use metric: {metrics.METHODS[self.method]}"
            raise Fault(f"metric {self.metric} takes no method", fix)
        given = (self.column is not None) + (self.columns is not None)
        if self.measures.needs_column and given != 1:
            raise Fault(f"metric {self.metric} needs one column or columns", "add for example column: income")
        if not self.measures.needs_column and given:
            raise Fault(f"metric {self.metric} takes no column", "remove it")

    def _check_groups(self) -> None:
        if self.measures.compares_groups and not self.group_by:
            raise Fault(f"metric {self.metric} compares groups", "add for example group_by: [gender]")
        if self.min_coverage is not None and not self.group_by:
            raise Fault("min_coverage is about groups, and there are none", "remove it, or add group_by")

    def _check_rules(self) -> None:
        if self.measures.of_arrivals and isinstance(self.window, Rows):
            raise Fault(
                f"a window of rows always has as many rows, so its {self.measures.words} says nothing",
                "give window a length, for example window: 1d",
                ("window",),
            )
        if not (self.limit or self.relative or self.e_detector):
            raise Fault(
                "states no threshold", "add limit, relative or e_detector, for example limit: {below: 0.85}"
            )
        if self.e_detector and not self.measures.is_rate:
            rates = ", ".join(sorted(metric.written for metric in metrics.METRICS if metric.is_rate))
            raise Fault(f"e_detector follows a rate, and {self.metric} is none", f"use it with {rates}")

    def _check_relative(self) -> None:
        if self.relative is None:
            return
        against = self.relative.against
        if self.measures.of_arrivals and against == "reference":
            raise Fault(
                "the rows of a reference say nothing of those of a window",
                "write against: previous, or a length such as against: 7d",
                ("relative", "against"),
            )
        if self.measures.is_comparison:
            raise Fault(f"{self.metric} is itself a comparison", "use limit instead of relative")
        if not isinstance(against, timedelta):
            return
        if isinstance(self.window, Rows):
            raise Fault(
                "a window of rows has no week before", "write against: previous or against: reference"
            )
        if against % self.window:
            raise Fault(
                f"{durations.show(against)} is not made of whole windows of {durations.show(self.window)}",
                "make against a multiple of window",
            )
        if not self.measures.adds_up and against != self.window:
            raise Fault(
                f"{self.measures.words} over several windows is not the sum of theirs",
                "make against as long as window, or use previous or reference",
            )

    def _check_limit(self) -> None:
        """A limit that the metric can never be beyond never alarms; one that it always is always does."""
        if self.limit is None:
            return
        low, high = self.range
        for side, bound in (("below", self.limit.below), ("above", self.limit.above)):
            if bound is None:
                continue
            never = bound <= low if side == "below" else bound >= high
            always = bound > high if side == "below" else bound < low
            if never or always:
                raise Fault(
                    f"limit {side} {bound:g} would {'never' if never else 'always'} alarm: "
                    f"{self._range_said()}",
                    f"write for example {side}: {_example(bound, low, high)}",
                    ("limit", side),
                )

    def _check_detector(self) -> None:
        rule = self.e_detector
        if rule is None:
            return
        natural = self.worse or self.measures.worse
        if natural in ("down", "up") and rule.direction != natural:
            raise Fault(
                f"e_detector looks {rule.direction}, and {self.metric} gets worse {natural}",
                f"write direction: {natural}",
                ("e_detector",),
            )
        if isinstance(rule.baseline, float):
            room = rule.baseline if rule.direction == "down" else 1 - rule.baseline
            stated = "shifts" in rule.model_fields_set
            for name, moves in (("shifts", rule.shifts if stated else ()), ("floor", (rule.floor,))):
                if any(move >= room for move in moves):
                    raise Fault(
                        f"{rule.direction} from {rule.baseline:g} by {max(moves):g} leaves 0 to 1, and a "
                        f"{self.metric} cannot",
                        f"make it less than {room:.4g}",
                        ("e_detector", name),
                    )

    def _check_direction(self) -> None:
        two_sided = self.limit is not None and None not in (self.limit.below, self.limit.above)
        looks = self._looks()
        if self.worse is None and (two_sided or (self.measures.worse is None and len(looks) > 1)):
            raise Fault(
                "does not say in which direction the value gets worse",
                "add worse: down, worse: up, or worse: either",
                ("limit",) if two_sided else (),
            )

    def _looks(self) -> set[Literal["down", "up"]]:
        """In which directions the thresholds look."""
        found: set[Literal["down", "up"]] = set()
        if self.limit is not None:
            found |= {"down"} if self.limit.below is not None else set()
            found |= {"up"} if self.limit.above is not None else set()
        if self.relative is not None:
            found.add("down" if self.relative.down is not None else "up")
        if self.e_detector is not None:
            found.add(self.e_detector.direction)
        return found

    @property
    def gets_worse(self) -> Worse:
        """In which direction the value gets worse: as stated, else as the metric or its thresholds say."""
        return self.worse or self.measures.worse or min(self._looks())

    @property
    def alarms_on_silence(self) -> bool:
        """Whether a window to which nothing came is its alarm."""
        return self.measures.of_arrivals and "down" in self._looks()

    def worse_by(self, value: float, normal: float) -> float | None:
        """How much worse than normal, as a share of normal; less than 0 is better. None when normal is 0."""
        if normal == 0:
            return None
        change = (value - normal) / abs(normal)
        worse = self.gets_worse
        return abs(change) if worse == "either" else change if worse == "up" else -change

    @property
    def range(self) -> tuple[float, float]:
        """The least and the greatest value that the metric can take."""
        return self.measures.range

    def _range_said(self) -> str:
        low, high = self.range
        named = self.measures.name
        if high == inf:
            return f"{named} is never under {low:g}"
        return f"{named} lies between {low:g} and {high:.4g}"

    @property
    def measures(self) -> Metric:
        """What it measures."""
        return metrics.of(self.metric, self.method)

    @property
    def least_n(self) -> int:
        """Rows that a window must have to be judged; a category is asked by its values instead of bins."""
        return self.least_rows(self.bins)

    def least_rows(self, bins: int) -> int:
        """The same, where its column is cut into so many bins."""
        return self.measures.least_rows(bins) if self.min_n is None else self.min_n

    @property
    def needs_reference(self) -> bool:
        relative = self.relative is not None and self.relative.against == "reference"
        baseline = self.e_detector is not None and self.e_detector.baseline == "reference"
        return self.measures.needs_reference or relative or baseline

    def of(self, column: str) -> Monitor:
        """This monitor for one of its columns."""
        return self.model_copy(
            update={
                "id": f"{self.id}.{column}",
                "name": f"{self.name}: {column}",
                "column": column,
                "columns": None,
            }
        )


# The system


class Model(Entry):
    """A model and version in production."""

    name: Text
    version: Text
    artefact: PathText | None = None
    """The file or folder that is frozen as evidence when an incident opens."""
    in_production_since: date

    @field_validator("version", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            raise Fault(f"{shown(value)} is read as a number", f'write it in quotes: "{value}"')
        return value

    @field_validator("in_production_since", mode="before")
    @classmethod
    def _as_date(cls, value: Any) -> Any:
        if isinstance(value, str):
            try:
                return date.fromisoformat(value)
            except ValueError:
                raise Fault(f"{shown(value)} is not a date", "write for example 2026-11-23") from None
        return value


class Containment(Entry):
    """A way to contain this system that has been thought through beforehand (R-CON-02, R-CON-03)."""

    id: Name
    name: Text
    kind: ContainmentKind
    flag: Name
    """The feature flag the application asks for."""
    when: Text
    """In which situation it is the right one."""
    segment: dict[Text, tuple[Text, ...]] = Field(default_factory=dict)
    """Which requests: for each key of the evaluation context, the values that are held back."""
    watch: Name | None = None
    """The monitor on which its effect should be seen."""

    @model_validator(mode="after")
    def _segment_where_one_is_meant(self) -> Self:
        if self.kind is ContainmentKind.SEGMENT_TO_REVIEW and not self.segment:
            raise Fault("sends nobody to review", "add segment, for example segment: {region: [north]}")
        if self.kind is ContainmentKind.MODEL_OFF and self.segment:
            raise Fault("model_off stops every request", "remove segment, or use kind: segment_to_review")
        return self


class System(Entry):
    """An AI system as the inventory of R-PRE-01 knows it."""

    id: Name
    name: Text
    purpose: Text
    owner: Text
    """E-mail address of the person who answers for it."""
    models: tuple[Model, ...] = Field(min_length=1)
    data_used: tuple[Text, ...] = Field(min_length=1)
    depends_on_it: tuple[Text, ...] = Field(min_length=1)
    """Who or what relies on its output."""
    business_impact: Text
    compliance_risk: Text
    priority: int = Field(ge=1)
    """Rank; 1 is covered first."""
    subject: Text = "person"
    """The word for whom a row of the log is about: applicant, patient, visitor."""
    prediction_log: PredictionLog | None = None
    monitors: tuple[Monitor, ...] = ()
    containment: tuple[Containment, ...] = ()

    def declares(self, measured: str) -> str:
        """The monitor in the file that measured `missing-values.income`: `missing-values`."""
        for monitor in self.monitors:
            of_column = monitor.columns is not None and measured.startswith(f"{monitor.id}.")
            if measured == monitor.id or of_column:
                return monitor.id
        return measured

    def monitor(self, name: str) -> Monitor | None:
        """The monitor of this id; `gaps.income` is `gaps` for one of its columns."""
        for monitor in self.monitors:
            if monitor.id == name:
                return monitor
            column = name.removeprefix(f"{monitor.id}.")
            several = monitor.columns is not None and column != name and column
            if several and (monitor.columns == "features" or column in (monitor.columns or ())):
                return monitor.of(column)
        return None

    @property
    def is_covered(self) -> bool:
        """Whether anything watches it; what is not covered is shown as a gap."""
        return bool(self.prediction_log and self.monitors)

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        _distinct("monitors", (monitor.id for monitor in self.monitors))
        _distinct("containment", (option.id for option in self.containment))
        if self.monitors and self.prediction_log is None:
            raise Fault("has monitors and no prediction_log", "say where the predictions are written")
        for monitor in self.monitors:
            self._check_log_serves(monitor)
        known = {monitor.id for monitor in self.monitors}
        for option in self.containment:
            if option.watch is not None and option.watch not in known:
                raise Fault(
                    f"containment {option.id} watches {option.watch}, which is no monitor here",
                    f"name one of {', '.join(sorted(known)) or 'the monitors after adding one'}",
                )
        return self

    def _check_log_serves(self, monitor: Monitor) -> None:
        log = self.prediction_log
        assert log is not None
        metric, columns = monitor.measures, log.columns
        if metric.needs_labels and not log.has_labels:
            raise Fault(f"monitor {monitor.id} needs labels", "add columns.label or labels to prediction_log")
        if Need.PREDICTIONS in metric.needs and columns.prediction is None:
            raise Fault(f"monitor {monitor.id} needs predictions", "add columns.prediction to prediction_log")
        if Need.SCORES in metric.needs and columns.score is None:
            raise Fault(f"monitor {monitor.id} needs scores", "add columns.score to prediction_log")
        if monitor.needs_reference and log.reference is None:
            raise Fault(f"monitor {monitor.id} needs a reference", "add reference to prediction_log")

    def with_paths(
        self, log: str | None = None, labels: str | None = None, reference: str | None = None
    ) -> System:
        """The same system reading its log, labels or reference from elsewhere.

        Raises Fault when the file does not say how to read what is given.
        """
        source = self.prediction_log
        if source is None:
            raise Fault(f"system {self.id} has no prediction_log", "add one to its file")
        changes: dict[str, Any] = {}
        if log is not None:
            changes["path"] = log
        if labels is not None:
            if source.labels is None:
                raise Fault(f"system {self.id} has no separate labels", "add prediction_log.labels")
            changes["labels"] = source.labels.model_copy(update={"path": labels})
        if reference is not None:
            changes["reference"] = Reference(path=reference)
        return self.model_copy(update={"prediction_log": source.model_copy(update=changes)})


def _distinct(what: str, ids: Iterable[str]) -> None:
    twice = [name for name, times in Counter(ids).items() if times > 1]
    if twice:
        raise Fault(f"{what} has {twice[0]} twice", "give each its own id")
