"""The sizes of compared networks: parameters, bytes of state, and how far off a budget they are.

A size follows from a run's settings alone, so an old run has one too. It stands beside every
comparison: at equal width it says how much larger one variant is than another, at a budget how
equal they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.analysis.groups import Group, grouped
from core.analysis.runs import finished_run
from core.experiment import BUDGETS, WIDTH, Config, Experiment
from core.formatting import counted, listed
from core.models.counting import TOLERANCE
from core.settings import Value, settings_of

MAX_NAMED = 12
"""The most groups that are named with their sizes; of more only the range is given."""


@dataclass(frozen=True)
class Size:
    """The size of what a run compares."""

    hidden_size: int
    parameters: int
    """Of what the experiment counts: its whole model, or its recurrent layers."""
    state_bytes: int
    budget_name: str = ""
    """`parameter_budget`, `state_budget`, or empty."""
    budget: int = 0

    @property
    def off(self) -> float | None:
        """How far the achieved number is off its budget: 0.02 is 2% more; None without one."""
        return self._achieved / self.budget - 1 if self.budget_name else None

    @property
    def _achieved(self) -> int:
        return self.state_bytes if self.budget_name == "state_budget" else self.parameters

    @property
    def off_in_words(self) -> str:
        """`-0.26%`; empty without a budget."""
        return "" if self.off is None else f"{100 * self.off:+.2f}%"

    @property
    def missed(self) -> bool:
        """Whether no whole hidden size comes close enough to the budget to be called equal."""
        off = abs(self._achieved - self.budget) if self.budget_name else 0
        return off > TOLERANCE * self.budget

    @property
    def recorded(self) -> dict[str, int | str]:
        """What is recorded of it with a run."""
        sizes: dict[str, int | str] = {
            "parameters": self.parameters,
            "state_bytes": self.state_bytes,
        }
        return {**sizes, "off_budget": self.off_in_words} if self.budget_name else sizes


def size_of(config: Config) -> Size:
    """The size that a config asks for."""
    name = next((name for name in BUDGETS if getattr(config, name) is not None), "")
    return Size(
        hidden_size=config.architecture.hidden_size,
        parameters=config.parameters,
        state_bytes=config.state_bytes,
        budget_name=name,
        budget=getattr(config, name) if name else 0,
    )


def size_of_run(experiment: Experiment, settings: Mapping[str, Value]) -> Size | None:
    """The size of a run, at the hidden size that it recorded; None if its settings make none now.

    A setting that is newer than the run is at its default, one that no longer exists is left out.
    """
    names = {setting.name for setting in settings_of(experiment.config)} - {*BUDGETS}
    known = {name: value for name, value in settings.items() if name in names}
    name = next((name for name in BUDGETS if settings.get(name) is not None), "")
    try:
        at_width = size_of(experiment.config.from_flat(known))
        return replace(at_width, budget_name=name, budget=int(str(settings[name])) if name else 0)
    except ValueError:  # `BadSetting`, or a budget that somebody edited in the store
        return None


def sizes_of(experiment: Experiment, groups: Sequence[Group]) -> dict[str, tuple[Size, ...]]:
    """Group → the different sizes of its runs, usually one; groups without any are left out."""
    sizes = {}
    for group in groups:
        found = (size_of_run(experiment, run.settings) for run in group.runs)
        if known := tuple(dict.fromkeys(size for size in found if size is not None)):
            sizes[group.name] = known
    return sizes


def planned_sizes(experiment: Experiment, configs: Sequence[Config]) -> dict[str, tuple[Size, ...]]:
    """The sizes of runs that are yet to be made, named as a comparison of them will name them."""
    different = dict.fromkeys(config.model_copy(update={"seed": 0}) for config in configs)
    runs = [
        finished_run(str(order), experiment.name, config.flat(), order=order)
        for order, config in enumerate(different)
    ]
    return sizes_of(experiment, grouped(experiment, runs))


def sizes_in_words(experiment: Experiment, sizes: Mapping[str, Sequence[Size]]) -> str:
    """`At 50,000 parameters (whole model): LSTM 61 → 49,871 (-0.26%), GRU 70 → 50,310 (+0.62%).`

    One such sentence for every budget, and one for what has none; then what missed its budget.
    """
    counts = experiment.config.counted
    sentences = []
    at: dict[tuple[str, int], dict[str, Sequence[Size]]] = {}
    for name, of_group in sizes.items():
        at.setdefault((of_group[0].budget_name, of_group[0].budget), {})[name] = of_group
    for (budget_name, budget), members in at.items():
        if budget_name == "state_budget":
            heading, separator = f"At a state of {budget:,} bytes (parameters: {counts}): ", "; "
        elif budget_name:
            heading, separator = f"At {budget:,} parameters ({counts}): ", ", "
        else:
            heading, separator = f"Parameters ({counts}): ", ", "
        if len(members) > MAX_NAMED:
            every = [size for of_group in members.values() for size in of_group]
            worst = max(every, key=lambda size: abs(size.off or 0.0))
            off = f", at most {worst.off_in_words.lstrip('+-')} off" if worst.budget_name else ""
            text = f"{_achieved(every, budget_name)} in {counted(len(members), 'group')}{off}"
        else:
            text = separator.join(
                f"{_sized(name, of_group)} → {_achieved(of_group, budget_name)}{_off(of_group)}"
                for name, of_group in members.items()
            )
        sentences.append(f"{heading}{text}.")
    missed = [
        _sized(n, of_group) for n, of_group in sizes.items() if any(s.missed for s in of_group)
    ]
    if missed:
        are = "is" if len(missed) == 1 else "are"
        sentences.append(
            f"{listed(missed)} {are} more than {100 * TOLERANCE:.0f}% off the budget: no whole "
            "hidden size comes closer, so this is not a comparison of equals."
        )
    return " ".join(sentences)


def _sized(name: str, sizes: Sequence[Size]) -> str:
    """`LSTM · hidden size 61 · dot attention` → `LSTM 61 · dot attention`."""
    widths = _range([size.hidden_size for size in sizes])
    head, *details = name.split(" · ")
    if head.startswith(WIDTH.replace("_", " ")):
        return name
    rest = [part for part in details if part != f"{WIDTH.replace('_', ' ')} {widths}"]
    return " · ".join([f"{head} {widths}", *rest])


def _achieved(sizes: Sequence[Size], budget_name: str) -> str:
    parameters = _range([size.parameters for size in sizes])
    if budget_name != "state_budget":
        return parameters
    return f"{_range([size.state_bytes for size in sizes])} bytes, {parameters} parameters"


def _off(sizes: Sequence[Size]) -> str:
    worst = max(sizes, key=lambda size: abs(size.off or 0.0))
    return f" ({worst.off_in_words})" if worst.budget_name else ""


def _range(numbers: Sequence[int]) -> str:
    """`64`, or `32 to 128` for several."""
    return " to ".join(dict.fromkeys(f"{end:,}" for end in (min(numbers), max(numbers))))
