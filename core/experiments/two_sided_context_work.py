"""Which networks a `two-sided-context` config asks for, and about how long they take.

Work is counted in multiply-accumulates; what takes time without multiplying is counted as the
number that would take as long.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from core.architecture import Architecture
from core.experiments.two_sided_context import Network, TwoSidedContextConfig
from core.parameters import BLOCKS, count_parameters


class Member(NamedTuple):
    """One network of a group."""

    network: Network
    look_ahead: int
    seed: int


@dataclass(frozen=True)
class Group:
    """Networks of one architecture, trained side by side in one pass."""

    architecture: Architecture
    members: tuple[Member, ...]


def groups(config: TwoSidedContextConfig) -> list[Group]:
    """Every network: the variant and, of one direction, both of its controls.

    A group is every look-ahead of as many seeds as memory has room for: usually of all.
    """
    kinds: list[tuple[Architecture, tuple[Network, ...]]] = [
        (config.architecture, ("itself",) if config.wider is None else ("itself", "delayed"))
    ]
    if config.wider is not None:
        kinds.append((config.wider, ("wider",)))
    return [group for shape, networks in kinds for group in _groups(config, shape, networks)]


def _groups(
    config: TwoSidedContextConfig, shape: Architecture, networks: tuple[Network, ...]
) -> Iterator[Group]:
    places = [(network, ahead) for network in networks for ahead in config.look_aheads]
    passes = shape.layers * shape.directions * config.sequence_length * config.batch_size
    kept = len(places) * passes * BLOCKS[shape.cell] * shape.hidden_size
    block = max(1, MOST_KEPT // kept)
    last = config.seed + config.seeds
    for first in range(config.seed, last, block):
        seeds = range(first, min(first + block, last))
        yield Group(shape, tuple(Member(*place, seed) for place in places for seed in seeds))


def run_work(config: TwoSidedContextConfig) -> float:
    """Training and testing."""
    return sum(group_work(config, group) for group in groups(config))


def group_work(config: TwoSidedContextConfig, group: Group) -> float:
    """Of one group: training, its validations, and the test with its revisions."""
    return config.training_steps * step_work(config, group) + testing_work(config, group)


def step_work(config: TwoSidedContextConfig, group: Group) -> float:
    """One training step: forward, adjoint, and the weights' gradients and update."""
    pass_work = _pass_work(config, group, config.batch_size)
    shape = group.architecture
    parameters = count_parameters(shape, config.features).core
    validated = config.validations * VALIDATED / config.batch_size
    share = validated / (3 * config.training_steps)
    return (3 + share) * pass_work + len(group.members) * UPDATE * parameters


def testing_work(config: TwoSidedContextConfig, group: Group) -> float:
    """Of the test, and of the revisions: those are fewer sequences, of many lengths, in float64."""
    return 2 * _pass_work(config, group, config.tested_sequences)


def _pass_work(config: TwoSidedContextConfig, group: Group, sequences: int) -> float:
    shape = group.architecture
    counts = count_parameters(shape, config.features)
    units = shape.layers * shape.directions * shape.hidden_size * BLOCKS[shape.cell]
    of_step = counts.input + counts.recurrent + ELEMENTWISE * units
    loops = shape.layers * shape.directions * STEP_OVERHEAD
    return config.sequence_length * (len(group.members) * sequences * of_step + loops)


VALIDATED = 50
"""Sequences of each seed in a validation: enough for a curve."""
MOST_KEPT = 2**26
"""Numbers that the passes of a group keep for their adjoint: 256 MiB."""
ELEMENTWISE = 100
"""A gate's elementwise arithmetic takes about as long as this many multiply-accumulates."""
STEP_OVERHEAD = 1e6
"""So does calling the operations of one step: about 50 microseconds."""
UPDATE = 50
"""So does Adam's update of one parameter."""
