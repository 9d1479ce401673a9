"""The claims that need no run: one cell for any length, Jacobians, a hundred steps (1, 2, 3)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy

from core.chapter.claim import (
    EXACT,
    TO_COMPUTE,
    Claim,
    Question,
    Results,
    Verdict,
    combined,
    computing,
    exactly,
    not_measured,
)
from core.formatting import listed, number

STEPS = 100

CHAPTER_MATRICES = [[[2, 1], [6, 3]], [[2, 3], [2, 0]]]

ROUNDING = 1e-9
"""Relative tolerance of float64 over a hundred steps."""

SAME_STEP = 1e-5
"""Absolute tolerance: float32 sums are taken in another order."""

AS_MANY = ("The same number", "10×", "100×")

LEFT = ("About a tenth", "About a thousandth", "Less than a ten-thousandth")


def one_cell_rule(results: Results) -> Verdict:
    """Equally many parameters at every length, and stepping gives what the whole pass gives."""
    facts = results.computed.get(1)
    if facts is None:
        return not_measured(TO_COMPUTE)
    counts = {int(steps): int(count) for steps, count in facts["parameters"]}
    by_length = [f"{count:,} at T = {steps}" for steps, count in counts.items()]
    norms = ", ".join(number(norm) for norm in facts["hidden_norms"])
    growth = math.log10(counts[max(counts)] / counts[min(counts)])
    return combined(
        [len(set(counts.values())) == 1 and facts["largest_difference"] < SAME_STEP],
        f"Parameters that the last output depends on: {listed(by_length)}. Stepped through five "
        f"tokens, the hidden state's norm is {norms}; that and one pass over the whole sequence "
        f"differ by at most {number(facts['largest_difference'])}.",
        f"It uses {listed([f'{count:,}' for count in dict.fromkeys(counts.values())])} parameters "
        f"at {listed([f'T = {steps}' for steps in counts])}.",
        measured=f"{counts[max(counts)] / counts[min(counts)]:.3g}×",
        spread=EXACT,
        answer=AS_MANY[min(range(3), key=lambda decades: abs(decades - growth))],
        numbers={f"parameters at T = {steps}": exactly(count) for steps, count in counts.items()},
    )


def jacobian_rule(results: Results) -> Verdict:
    """Compare both matrices with the chapter's, entry by entry."""
    facts = results.computed.get(2)
    if facts is None:
        return not_measured(TO_COMPUTE)
    first, second = facts["matrices"]
    return combined(
        [[first, second] == CHAPTER_MATRICES],
        f"Automatic differentiation gives {_matrix(first)} at (1, 2) and {_matrix(second)} at "
        "(1, 1).",
        f"{_equal_entries([first, second])} of 8 entries are the textbook's.",
        measured=_matrix(first),
        spread=EXACT,
        answer=first[1][0],
        numbers={"lower left entry": exactly(first[1][0])},
    )


def _equal_entries(matrices: Sequence[Sequence[Sequence[float]]]) -> int:
    """How many entries are equal to the textbook's."""
    pairs = zip(numpy.ravel(matrices), numpy.ravel(CHAPTER_MATRICES), strict=True)
    return sum(bool(one == other) for one, other in pairs)


def _matrix(rows: Sequence[Sequence[float]]) -> str:
    """`[[2, 1], [6, 3]]`."""
    return f"[{', '.join('[' + ', '.join(f'{x:g}' for x in row) + ']' for row in rows)}]"


def hundred_steps_rule(results: Results) -> Verdict:
    """Compare the measured factors with arithmetic, and both with the chapter's digits."""
    facts = results.computed.get(3)
    if facts is None:
        return not_measured(TO_COMPUTE)
    decay, growth = facts["kept"], facts["grown"]
    return combined(
        [
            _close(decay, facts["kept_by_arithmetic"])
            and _close(growth, facts["grown_by_arithmetic"])
            and (round(decay * 1e7), round(growth)) == (266, 13_781)
        ],
        f"Through a linear recurrence with factor 0.9 per step, {number(decay)} of the gradient is "
        f"left after 100 steps; with 1.1 it grows {growth:,.0f}-fold. Arithmetic gives "
        f"{number(facts['kept_by_arithmetic'])} and {facts['grown_by_arithmetic']:,.0f}.",
        f"A factor of 0.9 a step leaves {decay:.7f} after 100 steps, a factor of 1.1 makes "
        f"{growth:,.0f} of 1.",
        measured=f"{decay:.7f}",
        spread="exact to 9 digits",
        answer=LEFT[0] if decay > 0.01 else LEFT[1] if decay > 1e-4 else LEFT[2],
        numbers={"left of 1": exactly(decay), "grown from 1": exactly(growth)},
    )


def _close(value: float, expected: float) -> bool:
    return abs(value / expected - 1) < ROUNDING


ONE_CELL = Claim(
    1,
    "One cell reads sequences of any length",
    "The same weights serve every time step, so one cell handles a sequence of any length.",
    "Parameters that the last output's gradient reaches at T = 5, 50 and 500; five tokens stepped "
    "one by one against the whole pass.",
    Question("How many parameters does the cell use at T = 500, against T = 5?", AS_MANY),
    one_cell_rule,
    compute=computing("one_cell_for_any_length"),
    section="Sharing weights",
    quantity="Parameters used at T = 500, over those at T = 5",
    textbook="1×",
    formula=r"h_t = \tanh(W_x x_t + W_h h_{t-1} + b)",
    why="W and b have no index t: they belong to the cell, not to the step. A longer sequence has "
    "more steps, and no more parameters.",
)

JACOBIAN = Claim(
    2,
    "A Jacobian collects all partial derivatives",
    "A Jacobian collects the partial derivatives of a vector function: (x₁² + x₂, 3x₁x₂) at (1, 2) "
    "gives [[2, 1], [6, 3]], and (2x₁ + 3x₂, x₁²) at (1, 1) gives [[2, 3], [2, 0]].",
    "Automatic differentiation in float64, entry by entry.",
    Question("What is the lower left entry of the Jacobian of (x₁² + x₂, 3x₁x₂) at (1, 2)?"),
    jacobian_rule,
    compute=computing("jacobians"),
    section="Vanishing gradients",
    quantity="The first function's Jacobian at (1, 2)",
    textbook="[[2, 1], [6, 3]]",
    formula=r"J_{ij} = \frac{\partial f_i}{\partial x_j} \qquad \begin{pmatrix} 2x_1 & 1 \\"
    r" 3x_2 & 3x_1 \end{pmatrix}_{(1,\,2)} = \begin{pmatrix} 2 & 1 \\ 6 & 3 \end{pmatrix}",
    why="Row i holds the derivatives of output i, and column j those with respect to input j.",
)

HUNDRED_STEPS = Claim(
    3,
    "Losing 10% a step leaves almost nothing after 100 steps",
    "Losing 10% a step leaves 0.9¹⁰⁰ = 0.0000266 after 100 steps; gaining 10% makes 13,781.",
    "Arithmetic, and a linear recurrence with those eigenvalues, measured by the code that "
    "measures every gradient here.",
    Question("A gradient loses 10% at every step. What is left after 100 steps?", LEFT),
    hundred_steps_rule,
    compute=computing("hundred_steps"),
    section="Vanishing gradients",
    quantity="What is left of 1 after 100 steps with a factor of 0.9",
    textbook="0.0000266",
    formula=r"0.9^{100} \approx 0.0000266 \qquad 1.1^{100} \approx 13{,}781",
    why="A factor that applies at every step is raised to the power of the number of steps.",
)
