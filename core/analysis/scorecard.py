"""The scorecard: every question's headline measures side by side, on equal terms.

    card = scorecard(records, kinds, Terms(hidden_size=64), table)

A column is a *kind*, an architecture whatever its width: `LSTM · forget bias 1`. Terms say what is
equal: the width, or the parameters. The runs of one question share their *basis*: every setting but
the architecture and what the terms fix, and the device that measured them; where times are
measured, the machine. `table(run_id, name)` reads what a run has recorded, of the chosen runs only.
What a config has exactly, its parameters and its state, is counted where no run has measured it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from core.analysis.comparison import (
    LEVEL,
    Comparison,
    Difference,
    Mark,
    Result,
    compare_groups,
    has_rows,
    marks,
)
from core.analysis.groups import Group, Identity, machine_title
from core.analysis.limits import (
    MIN_AGREEING,
    AnyLimit,
    Finding,
    Fit,
    Need,
    scored,
    scored_column,
    worst,
)
from core.analysis.more_seeds import MAX_ADDED, Plan, fewest_seeds, with_more_seeds
from core.analysis.runs import finished_run, repeat_of
from core.analysis.sizes import Size, size_of_run
from core.experiment import BUDGETS, COMPARED_AT, SEEDS, WIDTH, Column, Config, Experiment, Headline
from core.experiments import all_experiments, experiment_named
from core.experiments.parameter_count import PARAMETER_COUNT
from core.models.architecture import Architecture
from core.models.registry import usual_variants, variants
from core.settings import BadSetting, Setting, Value, settings_of
from core.stats.estimates import MISSING, Estimate
from core.store.records import TAG_LOOKS, RunRecord

if TYPE_CHECKING:
    import pandas


_SETTINGS = tuple(s for s in settings_of(Architecture) if s.name != WIDTH)

PLAIN: Mapping[str, Architecture] = {
    architecture.kind: architecture
    for architecture in (Architecture.from_flat(kind) for kind in usual_variants().values())
}
"""The six variants at their default initialisation, by kind."""


def kind_of(settings: Mapping[str, Any]) -> Architecture | None:
    """The architecture of a run's flat settings, at the default width: equal within a column.

    None for a run that this version of Unroll no longer understands.
    """
    return _kind(tuple(settings.get(setting.name, setting.default) for setting in _SETTINGS))


@functools.lru_cache(maxsize=4096)
def _kind(values: tuple[Value, ...]) -> Architecture | None:
    names = (setting.name for setting in _SETTINGS)
    try:
        return Architecture.from_flat(dict(zip(names, values, strict=True)))
    except BadSetting:
        return None


# --- On what terms are variants compared: at equal width, equal parameters or equal state?


@dataclass(frozen=True)
class Terms:
    """One hidden size for all, or one budget that decides each variant's own."""

    hidden_size: int | None = None
    parameter_budget: int | None = None
    state_budget: int | None = None

    def __post_init__(self) -> None:
        if len(self.settings) != 1:
            raise ValueError(
                "terms are one hidden size, one parameter budget or one state budget: "
                f"{dict(self.settings) or 'none'} came"
            )

    @property
    def in_words(self) -> str:
        """`hidden size 64`, `a budget of 100,000 parameters`, `a state of 512 bytes`."""
        if self.hidden_size is not None:
            return f"hidden size {self.hidden_size:,}"
        if self.state_budget is not None:
            return f"a state of {self.state_budget:,} bytes"
        return f"a budget of {self.parameter_budget:,} parameters"

    @property
    def settings(self) -> Mapping[str, int]:
        """The setting that they fix in a config."""
        values = {name: getattr(self, name) for name in COMPARED_AT.values()}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def mode(self) -> str:
        """What is equal: `Equal width`."""
        return next(mode for mode, name in COMPARED_AT.items() if name in self.settings)


def parse_terms(name: str, text: str) -> Terms:
    """`hidden_size` and `64`, `parameter_budget` and `200k` → terms; `BadSetting` otherwise."""
    config = PARAMETER_COUNT.config.from_flat({name: text})
    value = config.architecture.hidden_size if name == WIDTH else getattr(config, name)
    return Terms(**{name: int(value)})


def terms_of(settings: Mapping[str, Any]) -> Terms | None:
    """The terms on which a run was made; None if its settings do not say."""
    for name in BUDGETS:
        if (budget := settings.get(name)) is not None:
            return Terms(**{name: int(budget)})
    width = settings.get(WIDTH)
    return None if width is None else Terms(hidden_size=int(width))


# --- Which runs may stand side by side? Those that share all but what is compared.

MAX_READ = 20
"""The most repeats of one kind that are read, seeds or launches; of more, only the newest are. What
is counted is read once."""


@dataclass(frozen=True, eq=False)
class Record:
    """A finished run: what was asked of it, and where it was measured."""

    run_id: str
    experiment: str
    settings: Mapping[str, Any] = field(repr=False)
    device: str
    """`cpu`, `cuda`, `mps`; empty if it is not known."""
    chip: str
    host: str = ""
    """The computer, where it takes that to tell its machine from another one."""
    imported: bool = False
    """Whether it was measured elsewhere."""
    sweep: str = ""
    looks: int = 1
    """How often the sweep is looked at while seeds are added."""

    @property
    def machine(self) -> str:
        """The machine in words: `CPU (Intel …)`."""
        return machine_title(self.device, self.chip, self.host)

    @cached_property
    def terms(self) -> Terms | None:
        """The width or the budget at which it was made."""
        return terms_of(self.settings)

    @cached_property
    def architecture(self) -> Architecture | None:
        """The architecture that stands for its kind."""
        return kind_of(self.settings)

    @cached_property
    def kind(self) -> str:
        """The column that it belongs to; empty for none."""
        return self.architecture.kind if self.architecture else ""

    @cached_property
    def shared(self) -> Identity:
        """What runs that stand beside it must have in common with it."""
        settings = shared_settings(experiment_named(self.experiment))
        return tuple(self.settings.get(s.name, s.default) for s in settings)


@dataclass(frozen=True, eq=False)
class Basis:
    """What the runs of one question share, and those runs."""

    experiment: Experiment
    terms: Terms
    shared: Mapping[str, Value]
    """Setting → its value in all of them."""
    where: str
    """The device that measured them, or the machine."""
    runs: Mapping[str, tuple[Record, ...]]
    """Kind → its runs on this basis, oldest first."""

    @property
    def device(self) -> str:
        """The device of all of its runs."""
        return next(run.device for of_kind in self.runs.values() for run in of_kind)


def on_terms(
    experiment: Experiment, records: Iterable[Record], kinds: Collection[str]
) -> list[Basis]:
    """Every basis of an experiment with a run of any of these kinds, the best choice first.

    The best one covers the most kinds; among equals, it is the one that was measured last.
    """
    groups: dict[tuple[Terms, Identity, str], dict[str, list[Record]]] = {}
    order: dict[tuple[Terms, Identity, str], int] = {}
    for index, run in enumerate(records):
        if run.experiment != experiment.name or run.kind not in kinds or run.terms is None:
            continue
        place = run.machine if experiment.timed else run.device
        group = run.terms, run.shared, place
        groups.setdefault(group, {}).setdefault(run.kind, []).append(run)
        order[group] = index
    best_first = sorted(groups, key=lambda group: (-len(groups[group]), -order[group]))
    return [_basis(experiment, group, groups[group], kinds) for group in best_first]


def _basis(
    experiment: Experiment,
    group: tuple[Terms, Identity, str],
    runs: Mapping[str, Sequence[Record]],
    kinds: Collection[str],
) -> Basis:
    terms, key, where = group
    names = (setting.name for setting in shared_settings(experiment))
    by_kind = {kind: tuple(runs[kind]) for kind in kinds if kind in runs}
    return Basis(experiment, terms, dict(zip(names, key, strict=True)), where, by_kind)


def shared_settings(experiment: Experiment) -> tuple[Setting, ...]:
    """The settings that runs of one question must have in common."""
    return tuple(s for s in experiment.identity if not s.of_architecture and s.name not in BUDGETS)


# --- Cells

Table = Callable[[str, str], "pandas.DataFrame | None"]
"""(run id, table name) → the rows that the run recorded; None if there are none."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One measure of one kind."""

    estimate: Estimate
    """Without a value where a kind has none: a bidirectional network's latency."""
    over: str
    """What its n counts: `seed`, `run`, `turn`, `sentence`; empty for an exact number."""
    values: tuple[float, ...]
    """One value for each seed, or timed run, which the verdicts compare."""
    runs: tuple[str, ...]
    """Ids of the runs that it was read from; none if it was counted."""


def _cell(group: Group, column: Column, result: Result | None, experiment: Experiment) -> Cell:
    runs = () if is_counted(group) else tuple(run.run_id for run in group.runs)
    if result is None or result.estimates[group.name].value is None:
        return Cell(MISSING, "", (), runs)
    within = len(group.runs) == 1 and column.estimate
    if column.aggregation.exact:
        over = ""
    elif experiment.timed:
        over = "turn" if within else "run"
    else:
        over = "sentence" if experiment.one_run_per_seed and within else "seed"
    return Cell(result.estimates[group.name], over, tuple(result.values[group.name]), runs)


# --- Which runs would fill the empty cells? Exactly what the other cells were made with.


def configs_like(
    experiment: Experiment,
    architectures: Sequence[Architecture],
    terms: Terms,
    like: Basis | None,
    device: str = "",
) -> list[Config]:
    """Configs of these kinds with the shared settings and the seeds of a basis, or without one with
    the experiment's defaults. A kind that is impossible on these terms has none. Times are measured
    on `device`, if it is given."""
    configs = []
    for architecture in architectures:
        shape = {name: value for name, value in architecture.flat().items() if name != WIDTH}
        for seed in _seeds(experiment, like):
            flat = {**shape, **_shared_values(like), **seed, **terms.settings}
            flat |= {"device": device} if device and experiment.timed else {}
            try:
                configs.append(experiment.config.from_flat(flat))
            except BadSetting:
                break
    return configs


def _shared_values(like: Basis | None) -> Mapping[str, Value]:
    """The settings that its runs share, with the most seeds or repetitions that any of them has."""
    if like is None:
        return {}
    repeats = {
        name: max(values)
        for name in (
            s.name for s in like.experiment.settings if s.role == "replicate" and s.name != "seed"
        )
        if (values := [run.settings[name] for run in _runs(like) if name in run.settings])
    }
    return {**like.shared, **repeats}


def _seeds(experiment: Experiment, like: Basis | None) -> list[Mapping[str, Any]]:
    if not experiment.one_run_per_seed:
        return [{}]
    seeds = {run.settings["seed"] for run in _runs(like)} if like else set()
    first, number = (min(seeds), len(seeds)) if seeds else (0, int(str(SEEDS.default)))
    return [{"seed": seed} for seed in range(first, first + number)]


def _runs(basis: Basis) -> list[Record]:
    return [run for runs in basis.runs.values() for run in runs]


# --- The scorecard: one column per kind, one line per headline measure, question by question.


@dataclass(frozen=True, eq=False)
class MeasureLine:
    """One headline measure of all columns."""

    headline: Headline
    column: Column
    cells: Mapping[str, Cell]
    """Kind → what was measured; kinds that were not measured are left out."""
    differences: tuple[Difference, ...]
    """The verdict on every pair of kinds, corrected for all of them."""
    marks: Mapping[str, Mark]
    """Kind → whether it is significantly the best."""
    fixed: bool
    """Whether the terms make it equal for all kinds, as nearly as possible."""

    @property
    def has_values(self) -> bool:
        """Whether any kind has one: where none has, the runs did not measure it."""
        return any(cell.estimate.value is not None for cell in self.cells.values())

    @property
    def best(self) -> str:
        """The kind that is significantly better than every other; empty if none is."""
        return next((kind for kind, mark in self.marks.items() if mark == "best"), "")


@dataclass(frozen=True)
class Repeats:
    """Runs that repeat what is measured too rarely for a verdict."""

    plan: Plan = field(default_factory=list)
    number: int = 0
    """How many more of the kind that has the fewest."""
    noun: str = "seed"
    looks: int = 1
    """How often the comparison is then looked at, for which its verdicts are corrected."""


@dataclass(frozen=True, eq=False)
class QuestionCard:
    """One experiment on a scorecard."""

    experiment: Experiment
    terms: Terms
    basis: Basis | None
    """What its runs share; None where there are none on these terms."""
    other_terms: tuple[Terms, ...]
    """Other terms on which there are runs of these kinds."""
    other_machines: tuple[str, ...]
    """Other machines with runs on these terms, if times are measured."""
    lines: tuple[MeasureLine, ...]
    """Empty if nothing is measured or counted."""
    sizes: Mapping[str, Size]
    missing: tuple[Config, ...]
    """The runs that would fill the empty cells, in the order of the columns."""
    repeats: Repeats
    """The runs that would bring every kind to as many repeats as a verdict takes."""
    measured: Comparison
    """The comparison of the kinds that have runs."""
    imported: bool = False
    """Whether its times are of another computer: what is missing can be measured there alone, so
    neither `missing` nor `repeats` has any run."""

    @property
    def sizes_of_columns(self) -> Mapping[str, tuple[Size]]:
        """Kind → its one size, as `sizes_in_words` takes them."""
        return {kind: (size,) for kind, size in self.sizes.items()}

    @property
    def runs(self) -> tuple[str, ...]:
        """Ids of the runs that its cells were read from."""
        ids = (run for line in self.lines for cell in line.cells.values() for run in cell.runs)
        return tuple(dict.fromkeys(ids))


@dataclass(frozen=True, eq=False)
class Scorecard:
    """All questions, on one set of terms."""

    terms: Terms
    kinds: tuple[Architecture, ...]
    """The columns."""
    machine: str
    """Where times were measured; empty if there are none."""
    questions: tuple[QuestionCard, ...]
    limits: tuple[AnyLimit, ...] = ()
    device: str = ""
    """Where times must have been measured; empty for anywhere."""

    @cached_property
    def lines(self) -> Mapping[str, MeasureLine]:
        """Name of a measure → its line."""
        return {line.headline.name: line for q in self.questions for line in q.lines}

    @cached_property
    def findings(self) -> Mapping[str, tuple[Finding, ...]]:
        """Kind → whether it keeps each of the limits."""
        lines = self.lines
        return {
            kind.kind: tuple(_finding(limit, lines, kind) for limit in self.limits)
            for kind in self.kinds
        }

    @cached_property
    def fits(self) -> Mapping[str, Fit]:
        """Kind → whether it keeps all limits, by the worst of its findings."""
        return {kind: worst(findings) for kind, findings in self.findings.items()}

    def that(self, fit: Fit) -> list[str]:
        """The kinds of which this is so."""
        return [kind for kind, found in self.fits.items() if found == fit]

    @property
    def unmeasured(self) -> frozenset[str]:
        """The measures that a limit needs and a kind that it may decide does not have."""
        return frozenset(
            finding.limit.measure
            for kind in self.that("not measured")
            for finding in self.findings[kind]
            if finding.fit == "not measured"
        )

    @property
    def missing(self) -> list[tuple[Experiment, Config]]:
        """All runs that would fill it."""
        return [(q.experiment, config) for q in self.questions for config in q.missing]


def scorecard(
    records: Sequence[Record],
    kinds: Sequence[Architecture],
    terms: Terms,
    table: Table,
    machine: str = "",
    limits: Sequence[AnyLimit] = (),
    ahead: Callable[[Experiment, Sequence[Record]], None] = lambda experiment, records: None,
    device: str = "",
) -> Scorecard:
    """Build it from finished runs, oldest first; tables are read only of the chosen runs, which
    `ahead` gets before. `machine` or `device` say where times must have been measured."""
    of: dict[str, list[Record]] = {}
    for record in records:
        of.setdefault(record.experiment, []).append(record)
    timed = [record for e in all_experiments() if e.timed for record in of.get(e.name, [])]
    imported = {record.machine for record in timed if record.imported}
    questions = tuple(
        _question(e, of.get(e.name, []), kinds, terms, table, machine, ahead, device, imported)
        for e in all_experiments()
    )
    return Scorecard(terms, tuple(kinds), machine, questions, tuple(limits), device)


def _finding(limit: AnyLimit, lines: Mapping[str, MeasureLine], kind: Architecture) -> Finding:
    if isinstance(limit, Need):
        return limit.finding_of(kind)
    line = lines.get(limit.measure)
    cell = line.cells.get(kind.kind) if line else None
    if line is None or cell is None or not line.has_values:
        return limit.finding(None, ())
    over = "launch" if cell.over in ("run", "turn") else "seed"
    return limit.finding(cell.estimate, cell.values, over)


def _question(
    experiment: Experiment,
    records: Sequence[Record],
    kinds: Sequence[Architecture],
    terms: Terms,
    table: Table,
    machine: str,
    ahead: Callable[[Experiment, Sequence[Record]], None],
    device: str,
    imported: Collection[str],
) -> QuestionCard:
    names = [kind.kind for kind in kinds]
    anywhere = on_terms(experiment, records, names)
    there = [basis for basis in anywhere if basis.terms == terms]
    other_terms = tuple(dict.fromkeys(b.terms for b in anywhere if b.terms != terms))
    machines = tuple(basis.where for basis in there)
    if experiment.timed:
        there = [b for b in there if machine in ("", b.where) and device in ("", b.device)]
    basis = there[0] if there else None
    like = basis or next(iter(anywhere), None)
    if basis:
        kept = (_newest(experiment, reversed(of_kind)) for of_kind in basis.runs.values())
        ahead(experiment, [run for of_kind in kept for run in of_kind])
    groups = [
        *(_measured_groups(basis, table) if basis else ()),
        *_counted_groups(experiment, kinds, terms, like),
    ]
    comparison = _compare(experiment, names, groups, table)
    lines = tuple(_lines(comparison, terms))
    present = {name for line in lines for name, cell in line.cells.items() if cell.runs}
    absent = [kind for kind in kinds if kind.kind not in present]
    elsewhere = experiment.timed and (basis.where if basis else machine) in imported
    missing = () if elsewhere else tuple(configs_like(experiment, absent, terms, like, device))
    sizes = _sizes(comparison, basis)
    other_machines = tuple(dict.fromkeys(machines)) if experiment.timed and basis is None else ()
    with_runs = tuple(group for group in comparison.groups if not is_counted(group))
    measured = replace(comparison, groups=with_runs)
    repeats = Repeats() if elsewhere else _repeats(measured, lines)
    return QuestionCard(
        experiment,
        terms,
        basis,
        other_terms,
        other_machines,
        lines,
        sizes,
        missing,
        repeats,
        measured,
        elsewhere,
    )


COUNTED = "counted "
"""The beginning of the id of a run that nobody made: what it holds follows from its settings."""


def is_counted(group: Group) -> bool:
    """Whether a group stands for a config that needs no run."""
    return all(run.run_id.startswith(COUNTED) for run in group.runs)


def _measured_groups(basis: Basis, table: Table) -> Iterator[Group]:
    """The newest runs of each kind that have recorded a summary."""
    summary = basis.experiment.summary.table
    for kind, records in basis.runs.items():
        readable = (r for r in reversed(records) if has_rows(table(r.run_id, summary)))
        kept = _newest(basis.experiment, readable)
        if kept:
            yield Group(kind, tuple(_run(record, order) for order, record in enumerate(kept)))


def _newest(experiment: Experiment, newest_first: Iterable[Record]) -> list[Record]:
    """The newest runs, oldest first, with as many repeats as are read."""
    most = 1 if repeat_of(experiment) == "count" else MAX_READ
    kept: list[Record] = []
    repeats = 0
    for record in newest_first:
        kept.append(record)
        repeats += int(record.settings.get("seeds") or 1) if experiment.by_seed else 1
        if repeats >= most:
            break
    return kept[::-1]


def _run(record: Record, order: int) -> RunRecord:
    run = finished_run(
        record.run_id, record.experiment, record.settings, record.device, record.chip, order
    )
    looks = {TAG_LOOKS: str(record.looks)} if record.looks > 1 else {}
    return replace(run, sweep=record.sweep, tags={**run.tags, **looks})


def _counted_groups(
    experiment: Experiment, kinds: Sequence[Architecture], terms: Terms, like: Basis | None
) -> Iterator[Group]:
    """Each kind as a config alone, where an experiment counts anything."""
    if not any(headline.counted for headline in experiment.headlines):
        return
    for kind in kinds:
        for config in configs_like(experiment, [kind], terms, like)[:1]:
            run = finished_run(f"{COUNTED}{kind.kind}", experiment.name, config.flat())
            yield Group(kind.kind, (run,))


def _compare(
    experiment: Experiment, kinds: Sequence[str], found: Iterable[Group], table: Table
) -> Comparison:
    """Compare the kinds as any comparison of their runs does; what has no run is counted."""
    first: dict[str, Group] = {}
    for group in found:
        first.setdefault(group.name, group)  # a measured one comes before the same one counted

    def read(run: RunRecord, name: str) -> pandas.DataFrame | None:
        if not run.run_id.startswith(COUNTED):
            return table(run.run_id, name)
        return _counted_summary(experiment, run) if name == experiment.summary.table else None

    groups = [first[kind] for kind in kinds if kind in first]
    names = {headline.name for headline in scored(experiment)}
    return compare_groups(experiment, groups, read, measures=names)


def _counted_summary(experiment: Experiment, run: RunRecord) -> pandas.DataFrame:
    """What a run of these settings would record of what needs no run."""
    import pandas

    config = experiment.config.from_flat(run.settings)
    names = [headline.name for headline in experiment.headlines if headline.counted]
    return pandas.DataFrame([{name: getattr(config, name) for name in names}])


def _lines(comparison: Comparison, terms: Terms) -> Iterator[MeasureLine]:
    """Every line of a question of which anything is measured or counted."""
    experiment = comparison.experiment
    for headline in scored(experiment) if comparison.groups else ():
        column = scored_column(experiment, headline.name)
        result = comparison.result(headline.name)
        cells = {
            group.name: _cell(group, column, result, experiment)
            for group in comparison.groups
            if headline.counted or not is_counted(group)
        }
        fixed = headline.fixed_by in terms.settings
        ranked = None if fixed or not column.better else result
        yield MeasureLine(
            headline,
            column,
            cells,
            ranked.differences if ranked else (),
            ranked.marks if ranked else {},
            fixed,
        )


def _repeats(measured: Comparison, lines: Sequence[MeasureLine]) -> Repeats:
    """Find the fewest repeats with which every line can have a verdict, and none is one run alone.

    Looking again costs nothing where no verdict was possible; else it counts as a further look.
    """
    if not measured.groups or measured.repeat == "count":
        return Repeats()
    ranked = [line for line in lines if line.differences]
    looks = measured.looks + any(
        d.finding != "not enough seeds" for line in ranked for d in line.differences
    )
    needed = [
        line.column.aggregation.seeds_needed(len(line.differences) * looks, LEVEL) or 0
        for line in ranked
        if too_few(line)
    ]
    number = max([*needed, MIN_AGREEING]) - fewest_seeds(measured)
    if not 0 < number <= MAX_ADDED:
        return Repeats()
    try:
        plan = with_more_seeds(measured, number)
    except BadSetting:  # recorded by a version with other settings
        return Repeats()
    return Repeats(plan, number, "launch" if measured.repeat == "launch" else "seed", looks)


def too_few(line: MeasureLine) -> bool:
    """Whether no pair has so many repeats that a verdict is possible."""
    return all(difference.finding == "not enough seeds" for difference in line.differences)


def marks_among(line: MeasureLine, kinds: Collection[str]) -> Mapping[str, Mark]:
    """Which of these kinds are best, by the verdicts on all: p stays corrected for every pair."""
    if not line.marks:
        return {}
    cells = {k: cell for k, cell in line.cells.items() if k in kinds and cell.values}
    values = {kind: cell.estimate.value for kind, cell in cells.items()}
    pairs = [d for d in line.differences if d.first in kinds and d.second in kinds]
    return marks(values, pairs, line.column.better) if pairs else {}


def _sizes(comparison: Comparison, basis: Basis | None) -> Mapping[str, Size]:
    """The size of every kind, measured or counted, in the order of the columns."""
    settings = {group.name: group.runs[-1].settings for group in comparison.groups}
    settings |= {kind: runs[-1].settings for kind, runs in (basis.runs if basis else {}).items()}
    sizes = {kind: size_of_run(comparison.experiment, of_run) for kind, of_run in settings.items()}
    return {kind: size for kind, size in sizes.items() if size is not None}


# --- Which terms, kinds and machines can a scorecard of these runs show, and which by default?

MODES = tuple(COMPARED_AT)

DEFAULT_TERMS: Mapping[str, Terms] = {
    mode: Terms(**{name: value})
    for (mode, name), value in zip(COMPARED_AT.items(), (64, 100_000, 512), strict=True)
}
"""The terms of each mode while nothing is measured in it."""


def available_terms(records: Iterable[Record], mode: str) -> list[Terms]:
    """Every width, or every budget, at which something was measured, in rising order."""
    there = {run.terms for run in records if run.terms is not None and run.kind}
    return sorted((t for t in there if t.mode == mode), key=lambda t: [*t.settings.values()])


def fullest_terms(
    records: Iterable[Record], kinds: Sequence[Architecture], mode: str
) -> Terms | None:
    """The terms on which most questions have an answer; ties are broken by the number of cells,
    then by the newest run. None if nothing is measured in this mode."""
    names = {kind.kind for kind in kinds}
    questions: dict[Terms, set[str]] = {}
    cells: dict[Terms, set[tuple[str, str]]] = {}
    newest: dict[Terms, int] = {}
    for index, run in enumerate(records):
        if run.terms is not None and run.kind in names:
            questions.setdefault(run.terms, set()).add(run.experiment)
            cells.setdefault(run.terms, set()).add((run.experiment, run.kind))
            newest[run.terms] = index
    terms = [t for t in questions if t.mode == mode]
    return max(terms, key=lambda t: (len(questions[t]), len(cells[t]), newest[t]), default=None)


def available_kinds(records: Iterable[Record]) -> dict[str, Architecture]:
    """The six variants, then whatever else was measured, in the order of the cells."""
    order = {variant: place for place, variant in enumerate(variants())}
    found = {run.kind: run.architecture for run in records if run.architecture is not None}
    others = {kind: architecture for kind, architecture in found.items() if kind not in PLAIN}
    ranked = sorted(
        others.items(), key=lambda item: (order.get(item[1].variant, len(order)), item[0])
    )
    return {**PLAIN, **dict(ranked)}


def default_kinds(records: Iterable[Record]) -> list[str]:
    """The three cells; the six variants once there is a run of a bidirectional one."""
    both = any(run.architecture and run.architecture.bidirectional for run in records)
    return [kind for kind, shape in PLAIN.items() if both or not shape.bidirectional]


def available_machines(records: Sequence[Record], device: str = "") -> list[str]:
    """Where times were measured (with that device), the machine of the newest run first, imported
    ones last."""
    timed = {experiment.name for experiment in all_experiments() if experiment.timed}
    there = [run for run in reversed(records) if run.experiment in timed]
    there.sort(key=lambda run: run.imported)
    return list(dict.fromkeys(run.machine for run in there if device in ("", run.device)))
