"""An Experiment is declared once; forms, flags, tables, metrics and verdicts follow from it.

A `Config` is what is set, a `Row` is what is measured, `measure(config)` yields rows as they come.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from core.formatting import as_number, read_estimate, shortened
from core.models.architecture import Architecture
from core.models.counting import (
    DTYPE_BYTES,
    MAX_BUDGET,
    MAX_STATE_BUDGET,
    TOLERANCE,
    count_parameters,
    nearest_width,
    state_size,
)
from core.models.registry import variant_settings, variants
from core.settings import (
    MAX_DIGITS,
    BadSetting,
    Setting,
    Settings,
    Value,
    parse_amount,
    settings_of,
    shown,
)
from core.stats.aggregation import ACCURACY, MEAN, Aggregation
from core.stats.estimates import MISSING, Estimate

if TYPE_CHECKING:
    import pandas


Better = Literal["higher", "lower"]

Named = Callable[[Mapping[str, Any]], tuple[str, str]]
"""(flat settings) → title and unit."""

Role = Literal["axis", "seed", "measure", "note"]
"""The role of a Row's field: where something was measured, its seed, what it was, a remark."""


MAX_RUNS = 1000
"""The most runs of one launch: more than anyone waits for."""

MAX_COUNTED = 10**9
"""More runs than that are not counted out."""

MAX_NAMED = 3
"""The most settings that a message names."""

MAX_SEEDS = 1000
"""The most seeds of one launch, if each seed is a run."""

SEEDS = Setting(
    name="seeds",
    title="Seeds",
    description="Number of independent runs, from the first seed on; they differ by noise alone.",
    default=3,
    types=(int,),
    choices=(),
    minimum=1,
    maximum=MAX_SEEDS,
    optional=False,
    cells=(),
    path=("seeds",),
    role="replicate",
)

LAUNCHES = dataclasses.replace(
    SEEDS,
    name="launches",
    title="Launches",
    description=(
        "Number of runs, each a process of its own with the next seed. The turns of one launch "
        "share its process, so only launches show how much another one would differ."
    ),
    path=("launches",),
)


CELL = "cell"
WIDTH = "hidden_size"

COMPARED_AT: Mapping[str, str] = {
    "Equal width": WIDTH,
    "Equal parameters": "parameter_budget",
    "Equal state": "state_budget",
}
"""What can be equal in a comparison → the setting that makes it so."""

BUDGETS = ("parameter_budget", "state_budget")
"""The settings that decide the hidden size, at most one of them in a config."""


def _amount(name: str) -> BeforeValidator:
    return BeforeValidator(lambda value: parse_amount(value, name) if _is_text(value) else value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


class Config(Settings):
    """The settings that all experiments share. Subclasses add their own fields."""

    counted: ClassVar[str] = "recurrent layers"
    """What `parameters` counts: `whole model` where more than recurrent layers is compared."""

    architecture: Architecture = Field(default_factory=lambda: Architecture(), title="Architecture")
    parameter_budget: Annotated[int | None, _amount("parameter_budget")] = Field(
        None,
        ge=1,
        le=MAX_BUDGET,
        title="Parameter budget",
        description=(
            "Compare at equal parameters: every variant gets the hidden size that brings what is "
            "compared closest to this number: the whole model where one is trained, else the "
            "recurrent layers. Default: equal hidden size."
        ),
    )
    state_budget: Annotated[int | None, _amount("state_budget")] = Field(
        None,
        ge=1,
        le=MAX_STATE_BUDGET,
        title="State budget",
        description=(
            "Compare at equal state: every variant gets the hidden size that brings the bytes that "
            "one sequence carries from step to step (h, and an LSTM's c; of a translator, what its "
            "decoder starts from) closest to this number. Default: equal hidden size."
        ),
    )
    seed: int = Field(
        0,
        ge=0,
        le=2**31 - 1,
        title="First seed",
        description="Determines every random draw.",
        json_schema_extra={"role": "replicate"},
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto",
        title="Device",
        description="auto takes the first that is available of CUDA, MPS and the CPU.",
        json_schema_extra={"role": "machine"},
    )
    threads: int = Field(
        1,
        ge=1,
        le=256,
        title="Threads",
        description="CPU threads within one operation. Pinned, because they change every timing.",
        json_schema_extra={"role": "machine"},
    )
    memory_limit: float | None = Field(
        None,
        ge=1,
        le=100_000,
        title="Memory limit (GiB)",
        description=(
            "Of main memory. A run that needs more fails and keeps the rows that it has "
            "measured. Default: four fifths of the machine's memory."
        ),
        json_schema_extra={"role": "limit"},
    )
    time_limit: float = Field(
        1440.0,
        ge=0.01,
        le=1_000_000,
        title="Time limit (minutes)",
        description=(
            "Without waiting in the queue. A run that takes longer fails and keeps the "
            "rows that it has measured."
        ),
        json_schema_extra={"role": "limit"},
    )

    @property
    def features(self) -> int:
        """Features that the recurrent layers read at each step; a parameter budget needs them."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its network reads")

    @property
    def precision(self) -> str:
        """The dtype that the networks compute in."""
        return str(self.flat().get("dtype", "float32"))

    @property
    def parameters(self) -> int:
        """Parameters of what is compared; `counted` says of what."""
        return count_parameters(self.architecture, self.features).core

    @property
    def state_bytes(self) -> int:
        """Bytes that one sequence carries from step to step, over all layers and directions."""
        return state_size(self.architecture) * DTYPE_BYTES[self.precision]

    def at_width(self, hidden_size: int) -> Self:
        """The same config at another hidden size and without a budget."""
        architecture = self.architecture.model_copy(update={WIDTH: hidden_size})
        no_budget = dict.fromkeys(BUDGETS)
        return self.model_copy(update={"architecture": architecture, **no_budget})

    @model_validator(mode="after")
    def _a_budget_decides_the_width(self) -> Self:
        given = {name: value for name in BUDGETS if (value := getattr(self, name)) is not None}
        if len(given) > 1:
            raise ValueError(
                f"state_budget is {self.state_budget:,}, but parameter_budget is "
                f"{self.parameter_budget:,} too; give one of the two, or neither for equal width"
            )
        for name, budget in given.items():
            width = self._matching_width(name, budget)
            shape = self.architecture
            if WIDTH in shape.model_fields_set and shape.hidden_size != width:
                raise ValueError(
                    f"hidden_size is {shape.hidden_size}, but {name} {budget} makes it {width} for "
                    f"{shape.variant}; leave one of the two out"
                )
            # The only place where a config is completed; from here on it is as frozen as any other.
            decided = shape.model_copy(update={WIDTH: width})
            object.__setattr__(self, "architecture", decided)
        return self

    def _matching_width(self, name: str, budget: int) -> int:
        """The hidden size that comes closest. `BadSetting` where even the smallest exceeds it."""

        def count(hidden_size: int) -> int:
            sized = self.at_width(hidden_size)
            return sized.parameters if name == "parameter_budget" else sized.state_bytes

        if (least := count(1)) > (1 + TOLERANCE) * budget:
            what = (
                f"{least:,} parameters ({self.counted})"
                if name == "parameter_budget"
                else f"a state of {least:,} bytes"
            )
            raise BadSetting(
                f"{name} is {budget:,}, but {self.architecture.variant} has {what} at hidden "
                f"size 1; give at least {least:,}"
            )
        return nearest_width(count, budget)

    @classmethod
    def settings_as_recorded(cls, settings: Mapping[str, Value]) -> dict[str, Value]:
        """The settings that a run's recorded ones mean now.

        A setting that is newer than the run had the effect of its default; which cell a run had,
        nobody can tell but the run.

        Before there were state budgets, a parameter budget counted the recurrent layers alone.
        Where it now counts a whole model, such a run stands at the hidden size that it recorded:
        matched anew, it would be another network.
        """
        newer = {s.name: s.default for s in settings_of(cls) if s.name not in (*settings, CELL)}
        old_budget = {"parameter_budget": None} if cls.has_old_budget(settings) else {}
        return {**settings, **newer, **old_budget}

    def pinned(self) -> Self:
        """With everything that a result depends on outside of the settings, as it is now.

        Raises `BadSetting` if it cannot be used.
        """
        return self

    @classmethod
    def unreadable(cls, settings: Mapping[str, object]) -> str:
        """Why recorded settings are not what a run has recorded; "" if they may be.

        Somebody edited them then. Settings of an earlier version can be read: what is out of range
        now, or has no name any more, was once right.
        """
        if CELL not in settings:
            return f"it does not say its {CELL}"
        for setting in settings_of(cls):
            value = settings.get(setting.name, setting.default)
            if not setting.has_type_of(value):
                return f"{setting.name} is {shown(value)}; give {setting.allowed}"
        return ""

    @classmethod
    def has_old_budget(cls, settings: Mapping[str, Value]) -> bool:
        """Whether the settings are of a run whose parameter budget counted something else."""
        recorded = isinstance(settings.get("parameter_budget"), int)
        recorded = recorded and "state_budget" not in settings
        return recorded and WIDTH in settings and cls.counted != Config.counted


DEVICES = tuple(
    choice
    for setting in settings_of(Config)
    if setting.name == "device"
    for choice in setting.choices
    if choice != "auto"
)
"""The devices that can be asked for by name."""

Limit = Callable[[Mapping[str, Value]], float]
"""(flat settings, and the flat row where it is known) → where the measurement ended: a value that
reached it is a lower bound."""


@dataclass(frozen=True)
class Column:
    """A field of a Row: what it is called, its unit, and whether it is an axis or a measure."""

    name: str
    title: str
    unit: str
    role: Role
    curve: bool
    latest: bool
    better: Better | None
    description: str
    estimate: bool
    aggregation: Aggregation = MEAN
    """How values of single seeds are combined and compared."""
    limit: Limit | None = None
    margin: float = 0.0
    """Groups that surely differ by less are called equal: an amount, or a share where the
    aggregation is relative. 0: never."""
    named: Named | None = None
    """The title and unit by a run's settings, where they depend on these."""
    older: Value = None
    """The value of an axis in rows that are older than the axis."""
    drift: str = ""
    """The measure that says how much its second half of steps differs from the first."""

    def of(self, runs: Iterable[Mapping[str, Any]]) -> Column:
        """The column as runs of these flat settings name it; unchanged where they disagree."""
        names = {self.named(settings) for settings in runs} if self.named else set()
        if len(names) != 1:
            return self
        title, unit = names.pop()
        return dataclasses.replace(self, title=title, unit=unit, named=None)

    @property
    def names(self) -> list[str]:
        """Its columns in a table: an estimate has four."""
        parts = ("", "_low", "_high", "_n") if self.estimate else ("",)
        return [f"{self.name}{part}" for part in parts]

    @property
    def is_axis(self) -> bool:
        """Whether it says where something was measured; the seed is such an axis too."""
        return self.role in ("axis", "seed")

    def read(self, columns: Mapping[str, Any], settings: Mapping[str, Value]) -> Estimate:
        """The value under this column of a flat row, with lower bounds marked as such."""
        if self.estimate:
            estimate = read_estimate(columns, self.name)
        else:
            value = as_number(columns.get(self.name))
            estimate = MISSING if value is None else Estimate(value, None, None, 1)
        return estimate.censored(self.limit({**settings, **columns})) if self.limit else estimate

    @property
    def heading(self) -> str:
        """Title with its unit, as axis titles and table headings write it."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


def axis(
    title: str,
    *,
    unit: str = "",
    curve: bool = False,
    latest: bool = False,
    description: str = "",
    named: Named | None = None,
    older: Value = None,
) -> Any:
    """A Row field that says *where* something was measured.

    In MLflow the one axis with `curve=True` becomes the step of the table's metrics, and of an
    axis with `latest=True` only the last value is charted (the table keeps them all). `named` gives
    the title and unit where they depend on the settings; rows of runs that are older than the axis
    have the value `older`.
    """
    return _column(
        "axis", title, unit, description, curve=curve, latest=latest, named=named, older=older
    )


def seed_axis() -> Any:
    """The Row field that holds the seed of a value; estimates are taken over the seeds."""
    return _column("seed", "Seed", "", "")


def measure(
    title: str,
    *,
    unit: str = "",
    better: Better | None = None,
    description: str = "",
    aggregation: Aggregation | None = None,
    limit: Limit | None = None,
    margin: float | None = None,
    named: Named | None = None,
    drift: str = "",
) -> Any:
    """A Row field that says *what* was measured, and which direction is better if one is.

    `aggregation` says how the values of single seeds are combined for a summary, and compared
    (left out: ACCURACY for percentages, else MEAN); `limit` where the measurement ended, so that a
    value there is only a lower bound; `margin` by how much groups may differ that are called equal
    (left out: the aggregation's); `named` gives the title and unit where they depend on the
    settings; `drift` is the measure of the second half of its steps minus the first: the interval
    of a mean over steps is widened to that of the second half alone.
    """
    aggregation = aggregation or (ACCURACY if unit.startswith("%") else MEAN)
    return _column(
        "measure",
        title,
        unit,
        description,
        better=better,
        aggregation=aggregation,
        limit=limit,
        margin=aggregation.margin if margin is None else margin,
        named=named,
        drift=drift,
    )


def note(title: str, *, description: str = "") -> Any:
    """A Row field with a remark, such as why a measurement is missing or on which chip it ran."""
    return _column("note", title, "", description)


def _column(
    role: Role,
    title: str,
    unit: str,
    description: str,
    *,
    curve: bool = False,
    latest: bool = False,
    better: Better | None = None,
    aggregation: Aggregation = MEAN,
    limit: Limit | None = None,
    margin: float = 0.0,
    named: Named | None = None,
    older: Value = None,
    drift: str = "",
) -> Any:
    column = Column(
        "",
        title,
        unit,
        role,
        curve,
        latest,
        better,
        description,
        estimate=False,
        aggregation=aggregation,
        limit=limit,
        margin=margin,
        named=named,
        older=older,
        drift=drift,
    )
    return dataclasses.field(metadata={"column": column})


@dataclass(frozen=True)
class Row:
    """One measurement. A subclass names its table and declares its fields with axis and measure.

    A Row without any axis is a run's summary: its measures become plain MLflow metrics.
    """

    table: ClassVar[str]
    title: ClassVar[str]

    @classmethod
    @functools.cache
    def columns(cls) -> tuple[Column, ...]:
        """The declared columns, in order."""
        return tuple(
            dataclasses.replace(
                field.metadata["column"],
                name=field.name,
                estimate=field.type in (Estimate, "Estimate"),
            )
            for field in dataclasses.fields(cls)
        )

    @classmethod
    def header(cls) -> tuple[str, ...]:
        """Names of the flat columns: an Estimate takes four (`x`, `x_low`, `x_high`, `x_n`)."""
        names: list[str] = []
        for column in cls.columns():
            names.append(column.name)
            if column.estimate:
                names += [f"{column.name}_{part}" for part in ("low", "high", "n")]
        return tuple(names)

    def flat(self) -> tuple[Value, ...]:
        """The values under `header()`."""
        values: list[Value] = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            values += dataclasses.astuple(value) if isinstance(value, Estimate) else [value]
        return tuple(values)


@dataclass(frozen=True)
class Progress:
    """How far a run is: `done` of `total` units of work, and what it is doing in a few words."""

    done: float
    total: float
    message: str = ""


@dataclass(frozen=True)
class Artifact:
    """A file kept with the run: weights, a vocabulary."""

    path: str
    """Relative: `model/weights.pt`."""
    content: bytes


@dataclass(frozen=True)
class Checkpoint:
    """The state from which an interrupted run can resume. Only the newest one is kept."""

    content: bytes


Event = Row | Progress | Artifact | Checkpoint

Tables = Callable[[str], "pandas.DataFrame | None"]
"""(table name) → the rows that a run recorded; None if there are none."""


@dataclass(frozen=True)
class Headline:
    """A summary measure that answers the question at a glance."""

    name: str
    best: str
    """What the best variant does: completes `the LSTM …`."""
    fixed_by: str = ""
    """If this setting is fixed, the measure is equal by construction and is not ranked."""
    counted: bool = False
    """Whether a config has it exactly, as its property of the same name: it needs no run."""


@dataclass(frozen=True)
class Experiment:
    """A question, and how it is measured."""

    name: str
    title: str
    question: str
    config: type[Config]
    rows: tuple[type[Row], ...]
    module: str
    """The module whose `measure(config, checkpoint=None)` yields the events. It is named instead of
    imported because it needs torch, which readers of declarations do without."""
    sentence: Callable[[Any, Mapping[str, Any]], str]
    """(config, flat summary) → one run's result in words; kept as its MLflow note."""
    work: Callable[[Any], float]
    """A config's cost in multiply-accumulates, from which its time is estimated."""
    presets: Mapping[str, Mapping[str, Value]] = dataclasses.field(default_factory=dict)
    resumable: bool = False
    """Whether `measure` can resume from a checkpoint."""
    one_run_per_seed: bool = False
    """Whether each of the `seeds` is a run of its own, from the config's first seed on; where times
    are measured, they are called `launches`."""
    by_seed: Callable[[Mapping[str, Value], Tables], Mapping[str, Mapping[int, float]]] | None = (
        None
    )
    """(flat config, its tables) → measure of the summary → seed → value, where one run measures
    several seeds."""
    timed: bool = False
    """Whether it measures times: runs then have the machine to themselves, and results of different
    machines are kept apart."""
    headlines: tuple[Headline, ...] = ()
    """The measures that answer the question, the most important first."""
    unranked: tuple[str, ...] = ()
    """Measures of the summary that a scorecard shows after the headlines, without verdicts: times
    and memory of one machine, which people have limits for."""
    learned: Callable[[Mapping[str, Value], Mapping[str, Any]], bool] | None = None
    """(flat config, flat summary) → whether the networks have learned their task: what has not is
    shown last, and said to be hardly trained. None where nothing is trained."""
    remarks: Callable[[Any], Iterable[str]] | None = None
    """(`core.analysis.comparison.Comparison`) → the sentences that only this question needs. The
    sentences on who is best, by how much and how surely are the same for every experiment."""

    def measure(self, config: Config, checkpoint: bytes | None = None) -> Iterator[Event]:
        """Measure what a config asks for; when resuming, earlier rows are yielded again."""
        events = importlib.import_module(self.module).measure
        return events(config, checkpoint) if self.resumable else events(config)  # type: ignore[no-any-return]

    @functools.cached_property
    def summary(self) -> type[Row]:
        """The Row type without axes: one row per run, by whose measures people sort."""
        return next(r for r in self.rows if not any(c.is_axis for c in r.columns()))

    @functools.cached_property
    def identity(self) -> tuple[Setting, ...]:
        """The settings that define what is measured; the others only repeat a measurement or move
        it to another machine. Where times are measured, threads are one of them."""
        return tuple(
            setting
            for setting in settings_of(self.config)
            if setting.role == "identity" or (self.timed and setting.name == "threads")
        )

    @property
    def replicate(self) -> Setting | None:
        """The setting that says how many runs one config becomes; None where it is always one."""
        if not self.one_run_per_seed:
            return None
        return LAUNCHES if self.timed else SEEDS

    @functools.cached_property
    def settings(self) -> tuple[Setting, ...]:
        """What a person can set: the config's settings, and `replicate` where there is one."""
        given = (setting for setting in settings_of(self.config) if not setting.derived)
        return (*given, *((self.replicate,) if self.replicate else ()))

    def complete(self, settings: Mapping[str, Value]) -> dict[str, Value]:
        """Recorded settings, with those that are newer than the run at their defaults."""
        return {**{s.name: s.default for s in settings_of(self.config)}, **settings}

    def row(self, table: str) -> type[Row]:
        """The Row type of a table; `BadSetting` if the experiment has no such table."""
        for row in self.rows:
            if row.table == table:
                return row
        names = ", ".join(row.table for row in self.rows)
        raise BadSetting(f"table is {shown(table)}; {self.name} has {names}")

    def configs(
        self, variants: Sequence[str], settings: Mapping[str, Sequence[Any]], preset: str = ""
    ) -> list[Config]:
        """Every combination of variants and setting values, as validated configs.

        A setting that only some cells have (a forget bias) applies to those alone, so variants rnn
        and lstm with forget_bias 0 and 1 make three configs, not four.
        Raises `BadSetting` with one line for the first invalid value.
        """
        values = {**{k: [v] for k, v in self._preset(preset).items()}, **settings}
        seeds = 1
        if (repeats := self.replicate) is not None:
            seeds = _run_count(repeats, values.pop(repeats.name, [repeats.default]))
        known = {setting.name: setting for setting in settings_of(self.config)}

        def applies(name: str, variant: str) -> bool:
            return name not in known or known[name].belongs_to(str(_kind(variant)["cell"]))

        for name in settings:
            if not any(applies(name, variant) for variant in variants):
                raise BadSetting(
                    f"{name} is set, but it belongs to {' and '.join(known[name].cells)}, "
                    f"and the variants are {', '.join(variants)}"
                )
        grids = {
            variant: {name: choice for name, choice in values.items() if applies(name, variant)}
            for variant in variants
        }
        runs = seeds * sum(math.prod(map(len, grid.values())) for grid in grids.values())
        if runs > MAX_RUNS:
            varied = [name for name, choice in values.items() if len(choice) > 1]
            names = ["variants", *varied, *([repeats.name] if repeats else [])]
            shown_names = ", ".join(shortened(name) for name in names[:MAX_NAMED])
            more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
            count = f"{runs:,}" if runs < MAX_COUNTED else f"more than {MAX_COUNTED:,}"
            raise BadSetting(
                f"{shown_names}{more} make {count} runs together; give fewer values: one launch "
                f"makes at most {MAX_RUNS:,}"
            )
        configs: dict[Config, None] = {}
        for variant, applicable in grids.items():
            kind = _kind(variant)
            for combination in itertools.product(*applicable.values()):
                flat = {**dict(zip(applicable, combination, strict=True)), **kind}
                budgeted = any(flat.get(name) is not None for name in BUDGETS)
                if budgeted and WIDTH not in settings:
                    flat.pop(WIDTH, None)  # the preset's width gives way to the budget
                first = self.config.from_flat(flat)
                asked = first.flat()
                flat |= {n: v for n, v in first.pinned().flat().items() if v != asked[n]}
                for seed in range(first.seed, first.seed + seeds):
                    configs[self.config.from_flat({**flat, "seed": seed})] = None
        return list(configs)

    def _preset(self, name: str) -> Mapping[str, Value]:
        if name and name not in self.presets:
            known = ", ".join(self.presets) or "none"
            raise BadSetting(f"preset is {shown(name)}; {self.name} has {known}")
        return self.presets[name] if name else {}


def _run_count(setting: Setting, values: Sequence[Any]) -> int:
    """Parse the number of seeds or launches, which must be a single value."""
    value = values[0] if len(values) == 1 else None
    if isinstance(value, str) and len(value) <= MAX_DIGITS and value.strip().isascii():
        value = int(value) if value.strip().isdigit() else value
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_SEEDS:
        given = shown(values[0]) if len(values) == 1 else f"a list of {len(values):,}"
        raise BadSetting(f"{setting.name} is {given}; give {setting.allowed}")
    return value


def _kind(variant: str) -> dict[str, Any]:
    settings = variant_settings(variant)
    if settings is None:
        raise BadSetting(f"variants has {shown(variant)}; choose from {', '.join(variants())}")
    return settings
