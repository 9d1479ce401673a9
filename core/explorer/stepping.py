"""A cell step by step: gates, candidate, states, their sizes, the Jacobian, and every calculation.

A calculation is an equation of the cell in LaTeX, from symbols to the values of one unit.

Shapes: T time, H hidden, A columns of a (see `core.models.cells`), N = states·H.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from core.explorer.diagram import Diagram, diagram
from core.explorer.exploration import LargestRow, NormRow, SpectrumRow, ValueRow
from core.explorer.networks import Networks
from core.measure.jacobians import Spectrum, spectral_radius
from core.models.cells import Equation
from core.models.recurrence import GateTrace

MAX_JACOBIANS = 50
"""The most steps whose singular values are taken: an LSTM's of 128 units cost 10 ms each."""


class Term(NamedTuple):
    """A part of the sum that arrives at a block, for one unit: its LaTeX, and its value."""

    symbol: str
    value: float


class SteppedCell:
    """The first network's pass over its sequence. Steps and units count from 1."""

    def __init__(self, networks: Networks) -> None:
        self.tokens = networks.tokens
        self.steps = len(self.tokens)
        self.units = networks.config.architecture.hidden_size
        self.x_TI = networks.x_STBI[0, :, 0]
        first = slice(0, 1)
        trace = networks.model.traces(networks.x_STBI[first], first)[0][0]
        assert isinstance(trace, GateTrace)
        self.trace, self.cell = trace, trace.cell
        blocks_TH = self.trace.a_TBA[0, :, 0].chunk(self.cell.blocks, -1)
        self._blocks = dict(zip(self.cell.symbols, blocks_TH, strict=True))
        states = (state[0, :, 0] for state in self.trace.states)
        self._states = dict(zip(self.cell.states, states, strict=True))
        """(T+1)H, from the state before the first step on."""
        self._spectrum = Spectrum(self.trace)

    @property
    def equations(self) -> tuple[Equation, ...]:
        """The equations of the cell."""
        return self.cell.equations

    def diagram(self) -> Diagram:
        """A drawing of the cell."""
        arrives = {"W": "x", "U": "h", "b": "b"}
        sums = {
            block: [arrives[term.symbol[0]] for term in terms]
            for block, terms in self.terms(1, 1).items()
        }
        return diagram(self.equations, self.cell.states, sums)

    def result(self, equation: Equation) -> Tensor:
        """The result of an equation at every step, TH."""
        name = equation.makes
        return self._states[name[:-1]][1:] if name.endswith("'") else self._blocks[name]

    def values(self, step: int, unit: int) -> dict[str, float]:
        """All the symbols of the equations, for one unit at one step: blocks, h, h', sums a_f."""
        now, at = step - 1, unit - 1
        values = {name: float(block_TH[now, at]) for name, block_TH in self._blocks.items()}
        for name, state_TH in self._states.items():
            values[name], values[f"{name}'"] = (float(state_TH[t, at]) for t in (now, step))
        terms = self.terms(step, unit)
        return values | {f"a_{b}": sum(term.value for term in t) for b, t in terms.items()}

    def terms(self, step: int, unit: int) -> Mapping[str, Sequence[Term]]:
        """The terms of the sum at each block: W x, U h and b, as far as it has them."""
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
        """Every value of every unit at every step, for a file."""
        for equation in self.equations:
            for step, values in enumerate(self.result(equation).tolist(), start=1):
                for unit, value in enumerate(values, start=1):
                    yield ValueRow(
                        step=step,
                        token=self.tokens[step - 1],
                        part=equation.title,
                        unit=unit,
                        value=value,
                    )

    def norm_rows(self) -> list[NormRow]:
        """The Euclidean norm of every part at every step."""
        return [
            NormRow(step=step, part=equation.title, norm=norm)
            for equation in self.equations
            for step, norm in enumerate(self.result(equation).norm(dim=-1).tolist(), start=1)
        ]

    def spectrum_rows(self, step: int) -> list[SpectrumRow]:
        """Every singular value of the Jacobian of one step, the largest first."""
        (values,) = self._spectrum.singular_values(self.steps - step).tolist()
        return [
            SpectrumRow(index=index, singular_value=value)
            for index, value in enumerate(values, start=1)
        ]

    def spectral_radius(self, step: int) -> float:
        """The largest modulus of an eigenvalue of the Jacobian of one step."""
        jacobian = self._spectrum.apply_adjoint(self._spectrum.identity_SNN, self.steps - step)
        return float(spectral_radius(jacobian)[0])

    def largest_rows(self, always: int) -> list[LargestRow]:
        """The largest singular value at up to 50 evenly spaced steps and at `always`."""
        spacing = -(-self.steps // MAX_JACOBIANS)
        return [
            LargestRow(step=step, largest_singular_value=self.spectrum_rows(step)[0].singular_value)
            for step in sorted({*range(1, self.steps + 1, spacing), always})
        ]


def calculations(stepped: SteppedCell, step: int, unit: int) -> Iterator[str]:
    """Each equation of a step, line by line from symbols to the value."""
    values, terms = stepped.values(step, unit), stepped.terms(step, unit)
    for equation in stepped.equations:
        yield calculation(equation, values, terms, stepped.cell.states)


def calculation(
    equation: Equation,
    values: Mapping[str, float],
    terms: Mapping[str, Sequence[Term]],
    states: Sequence[str],
) -> str:
    """`f_t = σ(W_f x_t + U_f h_{t−1} + b_f) = σ(0.41 + …) = σ(0.52) = 0.627`, aligned."""
    symbols = {name: symbol(name, states) for name in values}
    numbers = {name: number(value) for name, value in values.items()}
    sums, sums_of_numbers = {}, {}
    for block, parts in terms.items():
        sums[f"a_{block}"] = " + ".join(term.symbol for term in parts)
        sums_of_numbers[f"a_{block}"] = " + ".join(number(term.value) for term in parts)
    # Single numbers have only one product.
    in_numbers = equation.how.replace(r"\odot", r"\cdot")
    stages = [
        equation.how.format(**{**symbols, **sums}),
        in_numbers.format(**{**numbers, **sums_of_numbers}),
        in_numbers.format(**numbers),
        numbers[equation.makes],
    ]
    lines = r" \\ &= ".join(dict.fromkeys(map(without_brackets, stages)))
    return rf"\begin{{aligned}} {symbols[equation.makes]} &= {lines} \end{{aligned}}"


def symbol(name: str, states: Sequence[str]) -> str:
    """`f` → f_t, `h` → h_{t−1}, `h'` → h_t."""
    return f"{name}_{{t-1}}" if name in states else f"{name.removesuffix(chr(39))}_t"


def without_brackets(text: str) -> str:
    """`(-0.2) + (-0.1) \\cdot (-0.3)` → `-0.2 - 0.1 \\cdot (-0.3)`: only where they are needed."""
    text = re.sub(r"\+ \((-[^()]*)\)", lambda match: f"- {match[1][1:]}", text)
    return re.sub(r"(?<!cdot )(?<!- )\((-[^()]*)\)", r"\1", text)


def number(value: float) -> str:
    """Three decimals; a negative number in brackets, so that it can stand anywhere."""
    size = abs(value)
    if size == 0 or 5e-4 <= size < 1e4:  # three decimals say enough
        text = f"{value:.3f}"
    else:
        digits, exponent = f"{value:.2e}".split("e")
        text = rf"{digits} \cdot 10^{{{int(exponent)}}}"
    return f"({text})" if value < 0 else text
