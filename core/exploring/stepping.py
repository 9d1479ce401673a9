"""What happened at every step: gates, candidate, states, their sizes, and the step's Jacobian.

Shapes: T time, H hidden, A columns of a (see `core.models.cell`), N = states·H.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from core.exploring.exploration import LargestRow, NormRow, SpectrumRow, ValueRow, steps_taken
from core.exploring.networks import Networks
from core.jacobians import Spectrum
from core.models.cell import Equation
from core.models.unrolled import Trace

MOST_JACOBIANS = 50
"""Steps whose singular values are taken: an LSTM's of 128 units cost 10 ms each."""


class Term(NamedTuple):
    """A part of the sum that arrives at a block, for one unit: its LaTeX, and what it comes to."""

    symbol: str
    value: float


class Stepped:
    """The first network's pass over its sequence. Steps and units count from 1."""

    def __init__(self, networks: Networks) -> None:
        self.cell = networks.model.cell
        self.tokens = networks.tokens
        self.steps = len(self.tokens)
        self.units = networks.config.architecture.hidden_size
        self.x_TI = networks.x_STBI[0, :, 0]
        first = slice(0, 1)
        self.trace: Trace = networks.model.traces(networks.x_STBI[first], first)[0][0]
        self._blocks = dict(
            zip(
                self.cell.symbols,
                self.trace.a_TBA[0, :, 0].chunk(self.cell.blocks, -1),
                strict=True,
            )
        )
        self._states = {
            name: state[0, :, 0]
            for name, state in zip(self.cell.states, self.trace.states, strict=True)
        }
        """(T+1)H, from the state before the first step on."""
        self._spectrum = Spectrum(self.cell, self.trace)

    @property
    def equations(self) -> tuple[Equation, ...]:
        """The cell's."""
        return self.cell.equations

    def made(self, equation: Equation) -> Tensor:
        """What an equation made at every step, TH."""
        name = equation.makes
        return self._states[name[:-1]][1:] if name.endswith("'") else self._blocks[name]

    def values(self, step: int, unit: int) -> dict[str, float]:
        """Everything that equations name, for one unit at one step: blocks, h, h', sums a_f."""
        now, at = step - 1, unit - 1
        found = {name: float(block_TH[now, at]) for name, block_TH in self._blocks.items()}
        for name, state_TH in self._states.items():
            found[name], found[f"{name}'"] = (float(state_TH[t, at]) for t in (now, step))
        sums = self.terms(step, unit)
        return found | {f"a_{b}": sum(term.value for term in t) for b, t in sums.items()}

    def terms(self, step: int, unit: int) -> Mapping[str, Sequence[Term]]:
        """What the sum at each block consists of: W x, U h and b, as far as it has them."""
        weights, like_A = self.trace.weights, self.trace.a_TBA[0, 0, 0]
        of_x, of_h = torch.full_like(like_A, torch.nan), torch.full_like(like_A, torch.nan)
        self.cell.reads_input(of_x).copy_(weights.input[0] @ self.x_TI[step - 1])
        self.cell.reads_hidden(of_h).copy_(weights.hidden[0] @ self._states["h"][step - 1])
        parts = (
            ("W_{%s} x_t", of_x),
            ("U_{%s} h_{t-1}", of_h),
            ("b_{%s}", weights.bias[0]),
        )
        places = zip(self.cell.symbols, range(unit - 1, len(like_A), self.units), strict=True)
        return {
            block: [
                Term(symbol % block, float(part_A[place]))
                for symbol, part_A in parts
                if not part_A[place].isnan()  # what does not reach this block
            ]
            for block, place in places
        }

    def value_rows(self) -> Iterator[ValueRow]:
        """Everything, for a file."""
        for equation in self.equations:
            for step, values in enumerate(self.made(equation).tolist(), start=1):
                for unit, value in enumerate(values, start=1):
                    token = self.tokens[step - 1]
                    yield ValueRow(step, token, equation.title, unit, value)

    def norm_rows(self) -> list[NormRow]:
        """Euclidean norms, part by part."""
        return [
            NormRow(step, equation.title, norm)
            for equation in self.equations
            for step, norm in enumerate(self.made(equation).norm(dim=-1).tolist(), start=1)
        ]

    def spectrum_rows(self, step: int) -> list[SpectrumRow]:
        """Every singular value of the Jacobian of one step, the largest first."""
        (values,) = self._spectrum.singular_values(self.steps - step).tolist()
        return [SpectrumRow(index, value) for index, value in enumerate(values, start=1)]

    def largest_rows(self, always: int) -> list[LargestRow]:
        """The largest of each step's, at up to 50 evenly spaced steps and at `always`."""
        return [
            LargestRow(step, self.spectrum_rows(step)[0].singular_value)
            for step in steps_taken(self.steps, MOST_JACOBIANS, always)
        ]
