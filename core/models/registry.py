"""The cells that a recurrent layer can have, and what is known of each from its name alone.

Titles, variants, parameters, states and settings of its own are looked up here, without torch. RNN,
LSTM and GRU are described here, and their equations are in `cells.py`; every other cell is a
`StepCell` of `STEP_CELLS`, which says all of this itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from core.models.layer import StepCell
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
    step_cell: StepCell | None = None
    """The cell, if it is nothing but its step."""

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
        step_cell=cell,
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


def cell_kinds() -> Mapping[str, CellKind]:
    """Name → kind of every cell, in the order in which tables and forms list them."""
    return {kind.name: kind for kind in (*_GATED, *map(_stepped, STEP_CELLS))}


def gated_cells() -> Mapping[str, CellKind]:
    """Those with torch.nn's parameters and kernels, and an adjoint by hand."""
    return {name: kind for name, kind in cell_kinds().items() if kind.step_cell is None}


def cell_kind(name: str) -> CellKind:
    """The cell of that name. Raises KeyError if there is none."""
    return cell_kinds()[name]


def cells_with(setting: str) -> tuple[str, ...]:
    """The cells that a setting of some cells belongs to; empty if it belongs to all."""
    return tuple(kind.name for kind in cell_kinds().values() if setting in kind.settings)


USUAL_CELLS = ("rnn", "lstm", "gru")
"""Those that are compared unless somebody asks for others."""


def usual_variants() -> dict[str, dict[str, object]]:
    """The variants that are compared unless somebody asks for others."""
    return {name: kind for name, kind in variants().items() if kind["cell"] in USUAL_CELLS}


def variants() -> dict[str, dict[str, object]]:
    """Variant name → the two settings that it stands for: every cell in one direction, then two."""
    return {
        ("bi-" if bidirectional else "") + name: {"cell": name, "bidirectional": bidirectional}
        for bidirectional in (False, True)
        for name in cell_kinds()
    }
