"""An Experiment is declared once; forms, flags, tables, metrics and verdicts follow from it.

A `Config` is what is set, a `Row` is what is measured, `measure(config)` yields rows as they come.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from core.models.architecture import Architecture
from core.models.counting import MAX_BUDGET, match_parameters
from core.models.registry import cell_kinds, variants
from core.settings import BadSetting, Setting, Settings, Value, parse_amount, settings_of
from core.stats.aggregation import MEAN, Aggregation
from core.stats.estimates import Estimate

if TYPE_CHECKING:
    import pandas


Better = Literal["higher", "lower"]

Role = Literal["axis", "seed", "measure", "note"]
"""Of a Row's field: where something was measured, by which seed, what was measured, or a remark."""


MAX_SEEDS = 1000
"""Of one launch: each is a run."""

SEEDS = Setting(
    name="seeds",
    title="Seeds",
    description="Independent runs, from the first seed on: what differs between them is noise.",
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


def _as_amount(value: Any) -> Any:
    return parse_amount(value, "parameter_budget") if isinstance(value, str) else value


class Config(Settings):
    """What every experiment lets a person set. Subclasses add their own fields."""

    architecture: Architecture = Field(default_factory=lambda: Architecture(), title="Architecture")
    parameter_budget: Annotated[int | None, BeforeValidator(_as_amount)] = Field(
        None,
        ge=1,
        le=MAX_BUDGET,
        title="Parameter budget",
        description=(
            "Compare at equal parameters: every variant gets the hidden size that brings its "
            "recurrent layers closest to this many. Left out: equal hidden size."
        ),
    )
    seed: int = Field(
        0,
        ge=0,
        le=2**31 - 1,
        title="First seed",
        description="Decides every random draw.",
        json_schema_extra={"role": "replicate"},
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto",
        title="Device",
        description="auto takes CUDA, then MPS, then the CPU, whichever is there.",
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

    @property
    def features(self) -> int:
        """Size of what the recurrent layers read at each step: a parameter budget depends on it."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its network reads")

    @property
    def precision(self) -> str:
        """The type of the numbers that it computes with."""
        return str(self.flat().get("dtype", "float32"))

    @model_validator(mode="after")
    def _the_budget_decides_the_width(self) -> Self:
        if self.parameter_budget is None:
            return self
        asked = self.architecture
        fitting = match_parameters(asked, self.features, self.parameter_budget).architecture
        given = "hidden_size" in asked.model_fields_set
        if given and asked.hidden_size != fitting.hidden_size:
            raise ValueError(
                f"hidden_size is {asked.hidden_size}, but parameter_budget "
                f"{self.parameter_budget} makes it {fitting.hidden_size} for {asked.variant}; "
                "leave one of the two out"
            )
        # The only place where a config is completed; from here on it is as frozen as any other.
        object.__setattr__(self, "architecture", fitting)
        return self


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
    pooled: Aggregation = MEAN
    """How values of single seeds become one, and are compared."""

    @property
    def is_axis(self) -> bool:
        """Whether it says where something was measured; the seed is such an axis too."""
        return self.role in ("axis", "seed")

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
) -> Any:
    """A Row field that says *where* something was measured.

    In MLflow the one axis with `curve=True` becomes the step of the table's metrics, and of an
    axis with `latest=True` only the last value is charted (the table keeps them all).
    """
    return _column("axis", title, unit, description, curve=curve, latest=latest)


def seed_axis() -> Any:
    """The Row field with the seed that a value is of: what estimates are over."""
    return _column("seed", "Seed", "", "")


def measure(
    title: str,
    *,
    unit: str = "",
    better: Better | None = None,
    description: str = "",
    pooled: Aggregation = MEAN,
) -> Any:
    """A Row field that says *what* was measured, and which direction is better if one is.

    `pooled` says how the values of single seeds become a summary's one, and are compared.
    """
    return _column("measure", title, unit, description, better=better, pooled=pooled)


def note(title: str, *, description: str = "") -> Any:
    """A Row field with a few words on the measurement: why there is none, what it was made on."""
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
    pooled: Aggregation = MEAN,
) -> Any:
    column = Column(
        "", title, unit, role, curve, latest, better, description, estimate=False, pooled=pooled
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
    """From where a run that dies can go on. The newest counts; a finished run needs none."""

    content: bytes


Event = Row | Progress | Artifact | Checkpoint

Tables = Callable[[str], "pandas.DataFrame | None"]
"""A run's table by name; None where it has recorded no row of it."""


@dataclass(frozen=True)
class Headline:
    """A summary measure that answers the question at a glance."""

    name: str
    best: str
    """What the best variant does: completes `the LSTM …`."""
    fixed_by: str = ""
    """The setting that makes it equal for all: nobody is the best at it then."""


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
    """Arithmetic of a config in multiply-accumulates: what time estimates scale with."""
    presets: Mapping[str, Mapping[str, Value]] = dataclasses.field(default_factory=dict)
    resumable: bool = False
    """Whether `measure` goes on from a checkpoint."""
    one_run_per_seed: bool = False
    """Asked for `seeds`, it makes that many runs, from the config's first seed on."""
    by_seed: Callable[[Mapping[str, Value], Tables], Mapping[str, Mapping[int, float]]] | None = (
        None
    )
    """(flat config, its tables) → measure of the summary → seed → value, where one run measures
    several seeds."""
    timed: bool = False
    """Its numbers are times: a run is alone on the machine, and machines are told apart."""
    headlines: tuple[Headline, ...] = ()
    """The measures that answer the question, the most telling first."""
    remarks: Callable[[Any], Iterable[str]] | None = None
    """(`core.analysis.comparison.Comparison`) → the sentences that only this question needs; who is
    best, by how much and how surely is said for every experiment alike."""

    def measure(self, config: Config, checkpoint: bytes | None = None) -> Iterator[Event]:
        """Measure what a config asks for; from a checkpoint on, earlier rows are yielded too."""
        events = importlib.import_module(self.module).measure
        return events(config, checkpoint) if self.resumable else events(config)  # type: ignore[no-any-return]

    @functools.cached_property
    def summary(self) -> type[Row]:
        """The Row type without axes: one row per run, its measures are what people sort by."""
        return next(r for r in self.rows if not any(c.is_axis for c in r.columns()))

    @functools.cached_property
    def identity(self) -> tuple[Setting, ...]:
        """The settings that make another measurement; the others only repeat one or move it to
        another machine. Where times are measured, threads decide what is measured too."""
        return tuple(
            setting
            for setting in settings_of(self.config)
            if setting.role == "identity" or (self.timed and setting.name == "threads")
        )

    @functools.cached_property
    def settings(self) -> tuple[Setting, ...]:
        """What a person can set: the config's settings, and `seeds` where each is a run."""
        return (*settings_of(self.config), *((SEEDS,) if self.one_run_per_seed else ()))

    def row(self, table: str) -> type[Row]:
        """The Row type of a table; `BadSetting` if the experiment has no such table."""
        for row in self.rows:
            if row.table == table:
                return row
        names = ", ".join(row.table for row in self.rows)
        raise BadSetting(f"table is {table!r}; {self.name} has {names}")

    def configs(
        self, variants: Sequence[str], settings: Mapping[str, Sequence[Any]], preset: str = ""
    ) -> list[Config]:
        """Every combination of variants and setting values, as validated configs.

        A setting that only some cells have (a forget bias) goes to those alone: that is why
        variants rnn and lstm with forget_bias 0 and 1 make three configs, not four.
        Raises `BadSetting` with one line for the first thing that cannot be used.
        """
        values = {**{k: [v] for k, v in self._preset(preset).items()}, **settings}
        seeds = _count(values.pop("seeds", [SEEDS.default])) if self.one_run_per_seed else 1
        cells_of = {s.name: s.cells or tuple(cell_kinds()) for s in settings_of(self.config)}
        for name in settings:
            cells = cells_of.get(name, tuple(cell_kinds()))
            if not any(_kind(variant)["cell"] in cells for variant in variants):
                raise BadSetting(
                    f"{name} is set, but it belongs to {' and '.join(cells)}, "
                    f"and the variants are {', '.join(variants)}"
                )
        configs: dict[Config, None] = {}
        for variant in variants:
            kind = _kind(variant)
            used = {
                n: v for n, v in values.items() if kind["cell"] in cells_of.get(n, cell_kinds())
            }
            for combination in itertools.product(*used.values()):
                flat = {**dict(zip(used, combination, strict=True)), **kind}
                if flat.get("parameter_budget") is not None and "hidden_size" not in settings:
                    flat.pop("hidden_size", None)  # the preset's width gives way to the budget
                first = self.config.from_flat(flat)
                for seed in range(first.seed, first.seed + seeds):
                    configs[self.config.from_flat({**flat, "seed": seed})] = None
        return list(configs)

    def _preset(self, name: str) -> Mapping[str, Value]:
        if name and name not in self.presets:
            known = ", ".join(self.presets) or "none"
            raise BadSetting(f"preset is {name!r}; {self.name} has {known}")
        return self.presets[name] if name else {}


def _count(asked: Sequence[Any]) -> int:
    """How many seeds, each a run of its own; one number, whatever else is compared."""
    text = str(asked[0]).strip() if len(asked) == 1 else ""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_SEEDS):
        shown = ",".join(str(value) for value in asked)
        raise BadSetting(f"seeds is {shown!r}; give {SEEDS.allowed}")
    return int(text)


def _kind(variant: str) -> dict[str, Any]:
    if variant not in variants():
        raise BadSetting(f"variants has {variant!r}; choose from {', '.join(variants())}")
    return dict(variants()[variant])
