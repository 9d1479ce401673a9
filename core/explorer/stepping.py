"""A cell step by step: gates, candidate, states, their sizes, the Jacobian, and every calculation.

Of RNN, LSTM and GRU the parts of a step are their equations'. Of any other cell they are its
states, its output where that is not a state, and what its step watches (`StepCell.watch`). A
calculation is an equation of the cell in LaTeX, from symbols to the values of one unit.

Shapes: T time, H hidden, A columns of a (see `core.models.cells`), N numbers of a state or of all.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from core.explorer.diagram import Diagram, diagram
from core.explorer.exploration import KeptRow, LargestRow, SpectrumRow
from core.explorer.networks import Networks
from core.explorer.results import MAX_ROWS, Array, Part, Singular, Stepped
from core.formatting import counted
from core.measure.jacobians import Spectrum, spectral_radius
from core.models.cells import Cell
from core.models.layer import Equation, Parameters, StepCell, watching
from core.models.recurrence import GateTrace
from core.settings import BadSetting
from core.stats.estimates import finite

MAX_JACOBIANS = 50
"""The most steps whose singular values are taken: an LSTM's of 128 units cost 10 ms each."""

MAX_DECOMPOSED = 512
"""Numbers of a state whose step Jacobian is decomposed: of 1,024 it takes a second at a step."""

MAX_KEPT = 2100
"""Numbers of a state whose step Jacobian is taken for its diagonal."""

OUTPUT = "y"
"""The name of a cell's output, where that is none of its states."""


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
        self.recurrent = True
        first = slice(0, 1)
        trace = networks.model.traces(networks.x_STBI[first], first, back=False)[0][0]
        cell = networks.model.cell
        self.cell: Cell | StepCell = cell
        self.equations: tuple[Equation, ...] = cell.equations
        self._gated: GateTrace | None = None
        self._spectrum = Spectrum(trace)
        if isinstance(trace, GateTrace) and not isinstance(cell, StepCell):
            self._gated = trace
            self.states: tuple[str, ...] = cell.states
            made = dict(zip(cell.symbols, trace.a_TBA[0, :, 0].chunk(cell.blocks, -1), strict=True))
            after = (state[0, 1:, 0] for state in trace.states)
            made |= zip((f"{name}'" for name in cell.states), after, strict=True)
            made = {equation.makes: made[equation.makes] for equation in self.equations}
        else:
            assert isinstance(cell, StepCell)
            self.recurrent = cell.recurrent
            self.states = tuple(cell.states(self.units))
            weights = networks.model.parameters_of(cell, 0, 0)
            first_S = {name: weight.detach()[0] for name, weight in weights.items()}
            made = watched(cell, self.x_TI, first_S, self.units)
        self.parts = tuple(_parts(made, self.equations, self.units))
        self._parts = {part.name: part for part in self.parts}

    def diagram(self) -> Diagram | None:
        """A drawing of the cell; None of one that declares no equation."""
        if not self.equations:
            return None
        arrives = {"W": "x", "U": "h", "b": "b"}
        sums = {
            block: [arrives[term.symbol[0]] for term in terms]
            for block, terms in self.terms(1, 1).items()
        }
        return diagram(self.equations, self.states, sums)

    @property
    def description(self) -> str:
        """How its file describes the cell: its equations as text, in most."""
        own = [c for c in type(self.cell).__mro__ if issubclass(c, StepCell) and c is not StepCell]
        return next((inspect.cleandoc(c.__doc__) for c in own if c.__doc__), "")

    def result(self, equation: Equation) -> Array:
        """The result of an equation at every step, TN."""
        return self._parts[equation.makes].all_TN

    def values(self, step: int, unit: int) -> dict[str, float]:
        """All the symbols of the equations that have one number for a unit, at one step: blocks,
        h, h', sums a_f."""
        now, at = step - 1, unit - 1
        values = {}
        for part in self.parts:
            count = part.all_TN.shape[1]
            if part.rows or count not in (1, self.units):
                continue
            place = 0 if count == 1 else at
            values[part.name] = float(part.all_TN[now, place])
            before = part.name.removesuffix("'")
            if before in self.states and part.name != before:
                values[before] = float(part.all_TN[now - 1, place]) if now else 0.0
        terms = self.terms(step, unit)
        return values | {f"a_{b}": sum(term.value for term in t) for b, t in terms.items()}

    def terms(self, step: int, unit: int) -> Mapping[str, Sequence[Term]]:
        """The terms of the sum at each block: W x, U h and b, as far as it has them. Empty of a
        cell that is nothing but its step."""
        trace = self._gated
        if trace is None:
            return {}
        cell, weights, like_A = trace.cell, trace.weights, trace.a_TBA[0, 0, 0]
        of_x, of_h = torch.full_like(like_A, torch.nan), torch.full_like(like_A, torch.nan)
        cell.reads_input(of_x).copy_(weights.input[0] @ self.x_TI[step - 1])
        before_H = trace.states[0][0, step - 1, 0]
        cell.reads_hidden(of_h).copy_(weights.hidden[0] @ before_H)
        parts = (
            ("W_{%s} x_t", of_x),
            ("U_{%s} h_{t-1}", of_h),
            ("b_{%s}", weights.bias[0]),
        )
        places = zip(cell.symbols, range(unit - 1, len(like_A), self.units), strict=True)
        return {
            block: [
                Term(symbol % block, float(part_A[place]))
                for symbol, part_A in parts
                if not part_A[place].isnan()  # what does not reach this block
            ]
            for block, place in places
        }

    def shown(self) -> Stepped:
        """What is drawn and filed of it, without torch."""
        return Stepped(
            tokens=self.tokens,
            units=self.units,
            parts=self.parts,
            drawing=self.diagram(),
            description="" if self.equations else self.description,
            why_no_jacobian=self.why_no_jacobian,
            why_no_spectrum=self.why_no_spectrum,
        )

    @property
    def why_no_jacobian(self) -> str:
        """Why no step Jacobian is taken at all; empty where it is."""
        if not self.recurrent:
            return "it feeds no state back, so that a step's Jacobian says nothing of it"
        return self._too_large(MAX_KEPT)

    @property
    def why_no_spectrum(self) -> str:
        """Why no singular values are taken; empty where they are."""
        return self.why_no_jacobian or self._too_large(MAX_DECOMPOSED)

    def _too_large(self, most: int) -> str:
        size = sum(self._spectrum.trace.sizes)
        return f"its state has {size:,} numbers, and at most {most:,} are taken" * (size > most)

    def _jacobian(self, step: int) -> Tensor:
        """∂s_t/∂s_{t−1}, NN."""
        identity_SNN = self._spectrum.identity_SNN
        return self._spectrum.apply_adjoint(identity_SNN, self.steps - step)[0]

    def _shown_steps(self, most: int, always: int) -> list[int]:
        """Up to so many evenly spaced steps, and one."""
        return sorted({*range(1, self.steps + 1, -(-self.steps // most)), always})

    def kept_rows(self, always: int) -> list[KeptRow]:
        """The mean of the diagonal of each state's step Jacobian, at up to 50 steps (fewer of a
        large state) and at `always`."""
        sizes = self._spectrum.trace.sizes
        most = max(1, min(MAX_JACOBIANS, int(MAX_JACOBIANS * (1024 / sum(sizes)) ** 2)))
        rows = []
        for step in self._shown_steps(most, always):
            parts = torch.split(self._jacobian(step).diagonal(), sizes)
            rows += [
                KeptRow(step=step, part=name, kept=finite(float(part_N.mean())))
                for name, part_N in zip(self.states, parts, strict=True)
            ]
        return rows

    def spectrum_rows(self, step: int) -> list[SpectrumRow]:
        """Every singular value of the Jacobian of one step, the largest first; one of None where
        the Jacobian is not finite."""
        jacobian_NN = self._jacobian(step)
        known = bool(jacobian_NN.isfinite().all())
        values = torch.linalg.svdvals(jacobian_NN).tolist() if known else [None]
        return [
            SpectrumRow(index=index, singular_value=value)
            for index, value in enumerate(values, start=1)
        ]

    def spectral_radius(self, step: int) -> float | None:
        """The largest modulus of an eigenvalue of the Jacobian of one step."""
        jacobian_NN = self._jacobian(step)
        known = bool(jacobian_NN.isfinite().all())
        return float(spectral_radius(jacobian_NN)) if known else None

    def largest_rows(self, always: int) -> list[LargestRow]:
        """The largest singular value at up to 50 evenly spaced steps and at `always`."""
        return [
            LargestRow(step=step, largest_singular_value=self.spectrum_rows(step)[0].singular_value)
            for step in self._shown_steps(MAX_JACOBIANS, always)
        ]

    def singular(self, step: int) -> Singular:
        """The singular values at one step, the largest at others, and the spectral radius."""
        return Singular(
            self.largest_rows(step), self.spectrum_rows(step), self.spectral_radius(step)
        )


@torch.no_grad()
def watched(
    cell: StepCell, x_TI: Tensor, weights: Mapping[str, Tensor], width: int
) -> dict[str, Tensor]:
    """Step one network through one sequence from zeros: what its step watches, its new states with
    a prime and its output where that is none of them, at every step, TN or TRC.

    Raises `BadSetting` where what a step watches is not the same at every step.
    """
    p = cell.prepared(Parameters(weights))
    sizes = cell.states(width)
    state = tuple(x_TI.new_zeros(1, size) for size in sizes.values())
    steps = []
    for x_I in x_TI:
        with watching() as seen:
            state = cell.step(x_I[None], state, p)
            output = cell.output(x_I[None], state, p)
        made = {name: value for name, value in seen.items() if not name.endswith("'")}
        made |= {f"{n}'": seen.get(f"{n}'", s) for n, s in zip(sizes, state, strict=True)}
        if type(cell).output is not StepCell.output:
            made[OUTPUT] = output
        steps.append({name: _without_batch(value) for name, value in made.items()})
    shapes = [{name: value.shape for name, value in made.items()} for made in steps]
    if any(other != shapes[0] for other in shapes):
        raise BadSetting(
            f"cell {cell.name} watches other names or shapes at one step than at another"
        )
    return {name: torch.stack([made[name] for made in steps]) for name in steps[0]}


def _without_batch(value: Tensor) -> Tensor:
    """A value of one sample: N, or RC. What depends on parameters alone comes without a batch."""
    value = torch.as_tensor(value).double()
    if value.dim() < 2:
        return value.reshape(-1)
    sample = value[0] if value.shape[0] == 1 or value.dim() > 2 else value
    return sample if sample.dim() < 3 else sample.flatten()


def _parts(made: Mapping[str, Tensor], equations: Sequence[Equation], units: int) -> Iterator[Part]:
    """The parts of a step, those that have an equation first, in its order."""
    by_name = {equation.makes: equation for equation in equations}
    titles: set[str] = set()
    for name in [*(n for n in by_name if n in made), *(n for n in made if n not in by_name)]:
        all_T, equation = made[name], by_name.get(name)
        title = equation.title if equation else _title(name)
        title = f"{title} {name}" if title in titles else title
        titles.add(title)
        rows = all_T.dim() == 3
        all_TN = all_T.norm(dim=-1) if rows else all_T
        count = all_TN.shape[1]
        form = (
            f"norms of {counted(count, 'row')} of {counted(all_T.shape[2], 'number')}"
            if rows
            else ""
        )
        places = count not in (1, units)
        first = _empty(all_TN) if places else 0
        gate = equation.gate if equation else not name.endswith("'") and name != OUTPUT
        if gate and equation is None:  # nobody says; it is drawn like one where it could be one
            gate = not rows and bool(((all_T >= 0) & (all_T <= 1)).all())
        yield Part(
            name=name,
            title=title,
            gate=gate,
            all_TN=all_TN.numpy(),
            norm_T=all_T.flatten(1).norm(dim=-1).numpy(),
            form=form,
            cut=_cut(count, first, "row" if rows else "number"),
            first=first,
            places=places,
        )


def _empty(values_TN: Tensor) -> int:
    """How many numbers from the first on are zero at every step: places that nothing has reached.
    Of nothing but zeros all are shown."""
    filled = (values_TN != 0).any(0).nonzero()
    return int(filled[0]) if len(filled) else 0


def _cut(count: int, first: int, what: str) -> str:
    """Which of so many rows or numbers the map shows; empty where it shows all."""
    shown = min(count - first, MAX_ROWS)
    if shown == count:
        return ""
    of = "are shown" if what == "row" else f"of {count:,}"
    text = f"{what}s {first + 1:,} to {first + shown:,} {of}"
    return text + ", those before are zero" * bool(first)


def _title(name: str) -> str:
    """Of what no equation names: `State keys`, `Output`, or the name itself."""
    if name.endswith("'"):
        return f"State {name[:-1]}"
    if name == OUTPUT:
        return "Output"
    return name[0].upper() + name[1:] if name.isascii() and len(name) > MAX_SYMBOL else name


MAX_SYMBOL = 3
"""Letters of what is a symbol and no word."""


def calculations(stepped: SteppedCell, step: int, unit: int) -> Iterator[str]:
    """Each equation of a step, line by line from symbols to the value; then the value of every
    other part that has one for the unit."""
    values, terms = stepped.values(step, unit), stepped.terms(step, unit)
    for equation in stepped.equations:
        yield calculation(equation, values, terms, stepped.states)
    made = {equation.makes for equation in stepped.equations}
    for part in stepped.parts:
        if part.name in values and part.name not in made:
            value = without_brackets(number(values[part.name]))
            yield f"{symbol(part.name, stepped.states)} = {value}"


PARAMETER = re.compile(r"(?<![\\\w])[^\W\d_]")
"""A letter that is no command: the name of a parameter, whose numbers a line does not show."""


def calculation(
    equation: Equation,
    values: Mapping[str, float],
    terms: Mapping[str, Sequence[Term]],
    states: Sequence[str],
) -> str:
    """`f_t = σ(W_f x_t + U_f h_{t−1} + b_f) = σ(0.41 + …) = σ(0.52) = 0.627`, aligned.

    A line with numbers stands only where every symbol has one for the unit.
    """
    names = {*equation.reads, equation.makes, *values}
    symbols = {name: symbol(name, states) for name in names}
    numbers = {name: number(value) for name, value in values.items()}
    sums, sums_of_numbers = {}, {}
    for block, parts in terms.items():
        sums[f"a_{block}"] = " + ".join(term.symbol for term in parts)
        sums_of_numbers[f"a_{block}"] = " + ".join(number(term.value) for term in parts)
    stages = [equation.how.format(**{**symbols, **sums})]
    of_one_unit = not PARAMETER.search(re.sub(r"\{[^{}]*\}", "", equation.how))
    if of_one_unit and set(equation.reads) <= set(numbers):
        # Single numbers have only one product.
        in_numbers = equation.how.replace(r"\odot", r"\cdot")
        stages += [
            in_numbers.format(**{**numbers, **sums_of_numbers}),
            in_numbers.format(**numbers),
        ]
    if equation.makes in numbers:
        stages.append(numbers[equation.makes])
    symbolic, *with_numbers = stages
    lines = r" \\ &= ".join(dict.fromkeys([symbolic, *map(without_brackets, with_numbers)]))
    return rf"\begin{{aligned}} {symbols[equation.makes]} &= {lines} \end{{aligned}}"


def symbol(name: str, states: Sequence[str]) -> str:
    """`f` → f_t, `h` → h_{t−1}, `h'` → h_t, `s_re'` → s_{re,t}."""
    when = "{t-1}" if name in states else "t"
    base, _, index = name.removesuffix("'").partition("_")
    base = base if len(base) == 1 else rf"\mathrm{{{_letters(base)}}}"
    return (
        rf"{base}_{{\mathrm{{{_letters(index)}}},{when.strip('{}')}}}"
        if index
        else f"{base}_{when}"
    )


def _letters(name: str) -> str:
    """A name without the signs that mean something in LaTeX; spaces stay."""
    return re.sub(r"[^\w ]|_", "", name).replace(" ", r"\ ")


def without_brackets(text: str) -> str:
    """`(-0.2) + (-0.1) \\cdot (-0.3)` → `-0.2 - 0.1 \\cdot (-0.3)`: only where they are needed."""
    text = re.sub(r"\+ \((-[^()]*)\)", lambda match: f"- {match[1][1:]}", text)
    return re.sub(r"(?<!cdot )(?<!- )(?<![A-Za-z])\((-[^()]*)\)", r"\1", text)


def number(value: float) -> str:
    """Three decimals; a negative number in brackets, so that it can stand anywhere."""
    if math.isnan(value):
        return r"\mathrm{NaN}"
    size = abs(value)
    if size == 0 or 5e-4 <= size < 1e4:  # three decimals say enough
        text = f"{value:.3f}"
    elif math.isinf(value):
        text = r"-\infty" if value < 0 else r"\infty"
    else:
        digits, exponent = f"{value:.2e}".split("e")
        text = rf"{digits} \cdot 10^{{{int(exponent)}}}"
    return f"({text})" if value < 0 else text
