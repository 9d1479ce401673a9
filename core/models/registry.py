"""The cells that a recurrent layer can have, and what is known of each from its name alone.

Titles, variants, weight blocks, states and settings of its own are looked up here, without torch;
the equations themselves are in `cells.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

CellName = Literal["rnn", "lstm", "gru"]


@dataclass(frozen=True)
class CellKind:
    """One cell: what every count, form and message needs to know of it."""

    name: CellName
    title: str
    weight_blocks: tuple[str, ...]
    """The blocks of H rows of its weights, in PyTorch's order: every gate, and the candidate."""
    states: tuple[str, ...]
    """The vectors of H numbers that a step hands to the next."""
    redundant_biases: int
    """How many of torch.nn's second bias vectors only ever add to the first one."""
    settings: tuple[str, ...]
    """The fields of `Architecture` that this cell has and others do not."""

    @property
    def blocks(self) -> int:
        return len(self.weight_blocks)

    @property
    def gates(self) -> int:
        """The gates are the sigmoids: every block but the candidate."""
        return len(self.weight_blocks) - 1


_KINDS = (
    CellKind(
        name="rnn",
        title="RNN",
        weight_blocks=("hidden",),
        states=("h",),
        redundant_biases=1,
        settings=("nonlinearity",),
    ),
    CellKind(
        name="lstm",
        title="LSTM",
        weight_blocks=("input", "forget", "candidate", "output"),
        states=("h", "c"),
        redundant_biases=4,
        settings=("forget_bias",),
    ),
    CellKind(
        name="gru",
        title="GRU",
        weight_blocks=("reset", "update", "candidate"),
        states=("h",),
        # The reset gate multiplies the candidate's recurrent bias, so that one counts.
        redundant_biases=2,
        settings=("update_bias",),
    ),
)


def cell_kinds() -> Mapping[str, CellKind]:
    """Name → kind of every cell, in the order in which tables and forms list them."""
    return {kind.name: kind for kind in _KINDS}


def cell_kind(name: str) -> CellKind:
    """The cell of that name. Raises KeyError if there is none."""
    return cell_kinds()[name]


def cells_with(setting: str) -> tuple[str, ...]:
    """The cells that a setting of some cells belongs to; empty if it belongs to all."""
    return tuple(kind.name for kind in _KINDS if setting in kind.settings)


def variants() -> dict[str, dict[str, object]]:
    """Variant name → the two settings that it stands for: every cell in one direction, then two."""
    return {
        ("bi-" if bidirectional else "") + kind.name: {
            "cell": kind.name,
            "bidirectional": bidirectional,
        }
        for bidirectional in (False, True)
        for kind in _KINDS
    }
