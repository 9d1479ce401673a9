"""A cell's equations in LaTeX, with symbols and with the values of one unit at one step."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from core.exploring.stepping import Stepped, Term
from core.models.cell import Equation

SMALLEST, LARGEST = 5e-4, 1e4
"""Between these three decimals say enough."""


def calculations(stepped: Stepped, step: int, unit: int) -> Iterator[str]:
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
    sums = {f"a_{block}": " + ".join(t.symbol for t in found) for block, found in terms.items()}
    numbers = {name: number(value) for name, value in values.items()}
    spelt = {
        f"a_{block}": " + ".join(number(t.value) for t in found) for block, found in terms.items()
    }
    how = equation.how
    stages = [
        how.format(**{**symbols, **sums}),
        in_numbers(how).format(**{**numbers, **spelt}),
        in_numbers(how).format(**numbers),
        numbers[equation.makes],
    ]
    lines = r" \\ &= ".join(dict.fromkeys(map(without_brackets, stages)))
    return rf"\begin{{aligned}} {symbols[equation.makes]} &= {lines} \end{{aligned}}"


def symbol(name: str, states: Sequence[str]) -> str:
    """`f` → f_t, `h` → h_{t−1}, `h'` → h_t."""
    return f"{name}_{{t-1}}" if name in states else f"{name.removesuffix(chr(39))}_t"


def in_numbers(how: str) -> str:
    """Of single numbers there is only one product."""
    return how.replace(r"\odot", r"\cdot")


def without_brackets(text: str) -> str:
    """`(-0.2) + (-0.1) \\cdot (-0.3)` → `-0.2 - 0.1 \\cdot (-0.3)`: only where they are needed."""
    text = re.sub(r"\+ \((-[^()]*)\)", lambda found: f"- {found[1][1:]}", text)
    return re.sub(r"(?<!cdot )(?<!- )\((-[^()]*)\)", r"\1", text)


def number(value: float) -> str:
    """Three decimals; a negative number in brackets, so that it can stand anywhere."""
    size = abs(value)
    if size == 0 or SMALLEST <= size < LARGEST:
        text = f"{value:.3f}"
    else:
        digits, exponent = f"{value:.2e}".split("e")
        text = rf"{digits} \cdot 10^{{{int(exponent)}}}"
    return f"({text})" if value < 0 else text
