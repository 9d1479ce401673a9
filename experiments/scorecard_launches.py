"""How is what a scorecard lacks launched? Runs of equal settings together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.experiment import SEEDS, Config, Experiment
from core.settings import Value

VARIED = ("cell", "bidirectional")
"""In what the runs of one launch differ; seeds too, and under a budget the width."""


@dataclass(frozen=True, eq=False)
class Launch:
    """One launch of some variants."""

    experiment: Experiment
    kinds: tuple[str, ...]
    variants: tuple[str, ...]
    settings: Mapping[str, Value]
    """What differs from the defaults."""

    @property
    def command(self) -> str:
        """The command line that makes all of its runs."""
        flags = [f"--{name.replace('_', '-')}={_flag(v)}" for name, v in self.settings.items()]
        variants = f"--variants {','.join(self.variants)}"
        return " ".join(["python -m experiments run", self.experiment.name, variants, *flags])


def launches(experiment: Experiment, configs: Iterable[Config]) -> list[Launch]:
    """One for each set of equal settings, in the order of the configs."""
    groups: dict[tuple[tuple[str, Value], ...], list[Config]] = {}
    for config in configs:
        groups.setdefault(tuple(_asked(experiment, config).items()), []).append(config)
    return [_launch(experiment, dict(asked), members) for asked, members in groups.items()]


def _launch(
    experiment: Experiment, asked: Mapping[str, Value], members: Sequence[Config]
) -> Launch:
    shapes = [config.architecture for config in members]
    seeds = sorted({config.seed for config in members})
    settings = dict(asked)
    if experiment.a_run_per_seed:
        settings |= {"seed": seeds[0]} if seeds[0] else {}
        settings |= {"seeds": len(seeds)} if len(seeds) != SEEDS.default else {}
    return Launch(
        experiment,
        tuple(dict.fromkeys(shape.kind for shape in shapes)),
        tuple(dict.fromkeys(shape.variant for shape in shapes)),
        settings,
    )


def _asked(experiment: Experiment, config: Config) -> dict[str, Value]:
    default = experiment.config().flat()
    free = {*VARIED, *({"seed"} if experiment.a_run_per_seed else ())}
    free |= {"hidden_size"} if config.parameter_budget is not None else set()
    flat = config.flat().items()
    return {name: value for name, value in flat if name not in free and value != default[name]}


def _flag(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool | None) else str(value)
