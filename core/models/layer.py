"""A cell that is its step and nothing else, and what follows from that.

A `StepCell` declares its parameters and its state by their sizes, and one time step as a pure
function. Everything else is derived: many seeds side by side (`torch.func.vmap`), gradients over
time (autograd), Jacobians of a step (`torch.func.vjp`), and counts. RNN, LSTM and GRU have an
adjoint by hand instead (`core.models.cells`), which a test holds against this one.

This module and the cells that are built from it load torch only when they compute: pages and
commands ask a cell for its names and sizes.

Shapes: ... any leading axes (seeds, or none), T time, B batch, I input, H width, N numbers of one
state, K rows.
"""

from __future__ import annotations

import math
import string
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    import torch
    from torch import Tensor

State = tuple["Tensor", ...]
"""One tensor for each of a cell's states, in their order."""


class Parameters(dict[str, "Tensor"]):
    """A cell's parameters by name: `p.W_z` is `p["W_z"]`."""

    def __getattr__(self, name: str) -> Tensor:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"this cell has no parameter {name}") from None


class Equation(NamedTuple):
    """One line of a step as people read it.

    `how` is LaTeX. A {name} in it is a value by its symbol: {x}, a state before the step ({h} is
    h_{t−1}), or what a line above makes ({f}, and {h'} for h_t). Filled with symbols it is the
    equation, filled with numbers a calculation: a test compares it with what `step` makes. Of RNN,
    LSTM and GRU, {a_f} is the sum W x + b + U h that arrives at block f.
    """

    makes: str
    """The left-hand side: what a step watches under that name, a state with a prime, or `y`, what
    a cell's own `output` gives."""
    how: str
    title: str
    gate: bool = False
    """Whether it is a gate: a number from 0 to 1."""

    @property
    def reads(self) -> list[str]:
        """The names in it. Raises ValueError where its braces are not in pairs."""
        found = (field for _, field, _, _ in string.Formatter().parse(self.how))
        return [field for field in found if field]


_watched: ContextVar[dict[str, Tensor] | None] = ContextVar("watched", default=None)


@contextmanager
def watching() -> Iterator[dict[str, Tensor]]:
    """Gives the values that steps inside watch, by name: the last one of each."""
    seen: dict[str, Tensor] = {}
    token = _watched.set(seen)
    try:
        yield seen
    finally:
        _watched.reset(token)


class StepCell(ABC):
    """One time step of one layer and direction, as its paper writes it.

    `step` and `output` are pure: they change none of their arguments, and what they return depends
    on nothing else. They see one network: x is BI, a state BN, parameters have the declared shapes.
    """

    name: ClassVar[str]
    """As in commands: `min-gru`."""
    title: ClassVar[str]
    """As people read it: `minGRU`."""
    source: ClassVar[str] = ""
    """The paper."""
    recurrent: ClassVar[bool] = True
    """Whether what a step computes is fed back into the next. Of a layer that only keeps what later
    steps still read, Jacobians of the state say nothing."""
    scans_from_nothing: ClassVar[bool] = False
    """Whether `scan` takes no state at all where no step was before: an empty cache costs as much
    to read as a full one."""
    equations: ClassVar[tuple[Equation, ...]] = ()
    """The lines of a step in order, for pages that show them."""

    @abstractmethod
    def parameters(self, inputs: int, width: int) -> Mapping[str, tuple[int, ...]]:
        """Name → shape of each parameter of a layer that reads `inputs` features."""

    def states(self, width: int) -> Mapping[str, int]:
        """Name → how many numbers a step hands to the next; by itself one h of H."""
        return {"h": width}

    def prepared(self, p: Parameters) -> Parameters:
        """The parameters with what follows from them alone, once for all steps."""
        return p

    @abstractmethod
    def step(self, x: Tensor, state: State, p: Parameters) -> State:
        """(x_t, state t−1) → state t, each BN in the order of `states`."""

    def output(self, x: Tensor, state: State, p: Parameters) -> Tensor:
        """(x_t, state t) → what the layer above reads, BH; by itself the first state."""
        return state[0]

    @property
    def watched(self) -> bool:
        """Whether somebody looks: a step computes only then what it needs for `watch` alone."""
        return _watched.get() is not None

    def watch(self, name: str, value: Tensor) -> Tensor:
        """Show a value of `step` or `output` (a gate, say) on the page *Cell explorer*, BN or BRC.

        It is returned as it is, and kept only while somebody looks. The value itself is computed
        in any case: one that the step does not need stands behind `if self.watched:`. Of a matrix
        the page shows the norm of each row; a state is shown as such a matrix under its name with
        a prime: `self.watch("C'", C)`.
        """
        seen = _watched.get()
        if seen is not None:
            seen[name] = value
        return value

    def scan(self, x_TBI: Tensor, first: State, p: Parameters) -> tuple[Tensor, State]:
        """(x of all steps, the state before them) → (the output of every step TBH, the last state),
        in less time than step by step. By itself a cell has none.
        """
        raise NotImplementedError

    @property
    def has_scan(self) -> bool:
        """Whether it can take all steps at once."""
        return type(self).scan is not StepCell.scan

    def initial(self, inputs: int, width: int, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Draw the parameters in float64; by itself from U(−1/√H, 1/√H), as torch.nn does."""
        import torch

        bound = 1 / math.sqrt(width)
        return {
            name: torch.empty(shape, dtype=torch.float64).uniform_(
                -bound, bound, generator=generator
            )
            for name, shape in self.parameters(inputs, width).items()
        }


class Back(NamedTuple):
    """What a loss at some outputs makes of everything before."""

    grad_x_TBI: Tensor
    """∂L/∂x_t of every step."""
    grad_states: State
    """∂L/∂ of each state of every step, ...TBN: the total derivative. Empty unless asked for."""


class Trace(ABC):
    """A pass over time of one layer and direction, in its own reading order, from zeros."""

    states: State
    """Each ...(T+1)BN; index 0 is the state before the first step."""

    @property
    @abstractmethod
    def output_TBH(self) -> Tensor:
        """What the layer above reads, of every step."""

    @property
    def steps(self) -> int:
        return int(self.states[0].shape[-3]) - 1

    @property
    def sizes(self) -> list[int]:
        """How many numbers each state has."""
        return [int(state.shape[-1]) for state in self.states]

    @abstractmethod
    def back(
        self,
        grad_output: Sequence[Tensor | None],
        *,
        keep_states: bool = False,
        overwrite: bool = False,
    ) -> Back:
        """From ∂L/∂ of each step's output (BH; None where there is none) back to the first step.

        `overwrite` lets gradients take the place of what the trace holds: it cannot be used again.
        """

    @abstractmethod
    def through_step(self, rows: State, step: int) -> State:
        """Each row v of K (...KN, in parts) → v J_t, with J_t = ∂state t/∂state t−1; t from 0."""

    @abstractmethod
    def first_steps(self, steps: int) -> Trace:
        """The first steps alone."""

    @abstractmethod
    def cpu(self) -> Trace:
        """The same on the CPU, which has LAPACK."""
