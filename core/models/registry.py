"""The cells that a recurrent layer can have, and what is known of each from its name alone.

Titles, variants, parameters, states and settings of its own are looked up here, without torch. RNN,
LSTM and GRU are described here, and their equations are in `cells.py`; every other cell is a
`StepCell`, which says all of this itself: those of `STEP_CELLS`, and the files that people add
(`own_cells.py`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from core.models import own_cells
from core.models.layer import StepCell
from core.models.own_cells import Version
from core.models.successors import STEP_CELLS

Part = Literal["input", "recurrent", "bias"]

Shape = tuple[int, ...]

STEP_NUMBERS = 8
"""About how many numbers the operations of a step keep for each number of the state."""


@dataclass(frozen=True)
class CellKind:
    """One cell: what every count, form and message needs to know of it."""

    name: str
    title: str
    parameters: Callable[[int, int], Mapping[str, Shape]]
    """(features read, width) → the shape of each parameter of a layer and direction."""
    state_sizes: Callable[[int], Mapping[str, int]]
    """Width → how many numbers each state hands to the next step."""
    settings: tuple[str, ...] = ()
    """The fields of `Architecture` that this cell has and others do not."""
    weight_blocks: tuple[str, ...] = ()
    """The blocks of H rows of torch.nn's weights, in order: every gate, and the candidate. Empty
    where a cell has parameters of its own."""
    redundant_biases: int = 0
    """How many of torch.nn's second bias vectors only ever add to the first one."""
    load: Callable[[], StepCell] | None = None
    """Gives the cell, if it is nothing but its step. Raises `NotLoaded` where its file is gone."""
    version: Version | None = None
    """Of a cell that somebody added: its file."""

    @property
    def step_cell(self) -> StepCell | None:
        """The cell, if it is nothing but its step."""
        return None if self.load is None else self.load()

    @property
    def recurrent(self) -> bool:
        """Whether what a step computes is fed back into the next."""
        cell = self.step_cell
        return cell is None or cell.recurrent

    @property
    def abilities(self) -> tuple[str, ...]:
        """What it can do and what it cannot, each completing `a cell that …`. Every cell reads step
        by step, in one direction or two, and generates in one."""
        cell = self.step_cell
        scans = cell is not None and cell.has_scan
        return (
            "feeds its state back" if self.recurrent else "feeds no state back",
            "takes all steps at once" if scans else "takes one step at a time",
            "has kernels of torch.nn" if cell is None else "has no kernel",
        )

    @property
    def states(self) -> tuple[str, ...]:
        """The names of what a step hands to the next."""
        return tuple(self.state_sizes(1))

    @property
    def gates(self) -> int | None:
        """The gates are the sigmoids: every block but the candidate; None where nobody says."""
        return len(self.weight_blocks) - 1 if self.weight_blocks else None

    def kept_per_step(self, width: int) -> int:
        """About how many numbers a pass keeps for each step of a sequence, layer and direction."""
        if self.weight_blocks:
            return len(self.weight_blocks) * width
        return STEP_NUMBERS * sum(self.state_sizes(width).values())

    def parts(self, inputs: int, width: int) -> dict[Part, int]:
        """How many parameters of a layer and direction read the input, read the state, or are
        added.

        A parameter whose shape changes with the number of features reads the input; of the others a
        vector is added, and a matrix reads the state.
        """
        counts: dict[Part, int] = {"input": 0, "recurrent": 0, "bias": 0}
        shapes, wider = self.parameters(inputs, width), self.parameters(inputs + 1, width)
        for name, shape in shapes.items():
            part: Part = "bias" if len(shape) < 2 else "recurrent"
            part = part if wider[name] == shape else "input"
            counts[part] += functools.reduce(int.__mul__, shape, 1)
        return counts


def _gated(
    name: str,
    title: str,
    weight_blocks: tuple[str, ...],
    states: tuple[str, ...],
    redundant_biases: int,
    settings: tuple[str, ...],
) -> CellKind:
    """A cell with torch.nn's four parameters."""
    blocks = len(weight_blocks)
    return CellKind(
        name=name,
        title=title,
        parameters=lambda inputs, width: {
            "weight_ih": (blocks * width, inputs),
            "weight_hh": (blocks * width, width),
            "bias_ih": (blocks * width,),
            "bias_hh": (blocks * width,),
        },
        state_sizes=lambda width: dict.fromkeys(states, width),
        settings=(*settings, "initialisation", "recurrent_gain"),
        weight_blocks=weight_blocks,
        redundant_biases=redundant_biases,
    )


def _stepped(cell: StepCell) -> CellKind:
    return CellKind(
        name=cell.name,
        title=cell.title,
        parameters=cell.parameters,
        state_sizes=cell.states,
        load=lambda: cell,
    )


def _own(version: Version) -> CellKind:
    """A cell that somebody added, whose file is loaded when it is computed with."""
    name = version.name
    return CellKind(
        name=name,
        title=version.shown,
        parameters=lambda inputs, width: own_cells.load(name).parameters(inputs, width),
        state_sizes=lambda width: own_cells.load(name).states(width),
        load=lambda: own_cells.load(name),
        version=version,
    )


_GATED = (
    _gated("rnn", "RNN", ("hidden",), ("h",), 1, ("nonlinearity",)),
    _gated(
        "lstm",
        "LSTM",
        ("input", "forget", "candidate", "output"),
        ("h", "c"),
        4,
        ("forget_bias",),
    ),
    # The reset gate multiplies the candidate's recurrent bias, so that one counts.
    _gated("gru", "GRU", ("reset", "update", "candidate"), ("h",), 2, ("update_bias",)),
)


@functools.cache
def built_in_cells() -> Mapping[str, CellKind]:
    """Name → kind of every cell that comes with Unroll, in the order of tables and forms."""
    return {kind.name: kind for kind in (*_GATED, *map(_stepped, STEP_CELLS))}


def cell_kinds() -> Mapping[str, CellKind]:
    """Name → kind of every cell that can be chosen: those of Unroll, then those added here."""
    added = {name: _own(version) for name, version in own_cells.offered().items()}
    return {**built_in_cells(), **added}


def gated_cells() -> Mapping[str, CellKind]:
    """Those with torch.nn's parameters and kernels, and an adjoint by hand."""
    return {name: kind for name, kind in built_in_cells().items() if kind.load is None}


def cell_kind(name: str) -> CellKind:
    """The cell of that name, or an earlier version of one. Raises KeyError if there is none."""
    if name in built_in_cells():
        return built_in_cells()[name]
    version = own_cells.version(name)
    if version is None:
        raise KeyError(name)
    return _own(version)


def is_cell(name: str) -> bool:
    """Whether runs can be made with a cell of that name."""
    return name in built_in_cells() or own_cells.version(name) is not None


def full_variant(variant: str) -> str:
    """`bi-leaky` → `bi-leaky@3f2a9c12`, the newest version; any other name is as it is."""
    bare = variant.removeprefix("bi-")
    if bare in built_in_cells():  # a cell of Unroll, whatever somebody called theirs before
        return variant
    newest = next((v.name for v in own_cells.offered().values() if v.short == bare), bare)
    return variant.removesuffix(bare) + newest if bare else variant


def cells_with(setting: str) -> tuple[str, ...]:
    """The cells that a setting of some cells belongs to; empty if it belongs to all."""
    return tuple(kind.name for kind in cell_kinds().values() if setting in kind.settings)


USUAL_CELLS = ("rnn", "lstm", "gru")
"""Those that are compared unless somebody asks for others."""


def usual_variants() -> dict[str, dict[str, object]]:
    """The variants that are compared unless somebody asks for others."""
    return {name: kind for name, kind in variants().items() if kind["cell"] in USUAL_CELLS}


def variant_settings(variant: str) -> dict[str, object] | None:
    """The two settings that a variant stands for, None if there is no such cell."""
    full = full_variant(variant)
    cell = full.removeprefix("bi-")
    return {"cell": cell, "bidirectional": cell != full} if is_cell(cell) else None


def variants() -> dict[str, dict[str, object]]:
    """Variant name → the two settings that it stands for: every cell in one direction, then two."""
    return {
        ("bi-" if bidirectional else "") + name: {"cell": name, "bidirectional": bidirectional}
        for bidirectional in (False, True)
        for name in cell_kinds()
    }
