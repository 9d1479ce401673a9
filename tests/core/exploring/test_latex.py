"""The calculation under an equation: its last number is the value, and signs read well."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from core.exploring.exploration import Exploration, ExplorerConfig
from core.exploring.latex import (
    calculation,
    calculations,
    in_numbers,
    number,
    symbol,
    without_brackets,
)
from core.exploring.networks import fresh
from core.exploring.stepping import Stepped, Term
from core.models.cell import Equation


def stepped(cell: str, **settings: Any) -> Stepped:
    asked = {"cell": cell, "hidden_size": 3, "sequence_length": 5, "seeds": 1, **settings}
    return Stepped(fresh(Exploration(ExplorerConfig.from_flat(asked))))


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_every_calculation_ends_in_the_value_that_the_cell_made(cell: str) -> None:
    one = stepped(cell)
    for step in (1, 5):
        for unit in (1, 3):
            lines = list(calculations(one, step, unit))
            assert len(lines) == len(one.equations)
            for line, equation in zip(lines, one.equations, strict=True):
                value = float(one.made(equation)[step - 1, unit - 1])
                last = line.removesuffix(r" \end{aligned}").rsplit("&= ", 1)[1]
                assert float(last) == pytest.approx(value, abs=5e-4)
                assert line.startswith(rf"\begin{{aligned}} {equation.makes.rstrip(chr(39))}_t &= ")


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_numbers_of_a_calculation_come_to_its_value(cell: str) -> None:
    """The last line but one, evaluated by hand, to the three decimals that are shown."""
    one = stepped(cell)
    for line, equation in zip(calculations(one, 4, 2), one.equations, strict=True):
        text = line.removesuffix(r" \end{aligned}").rsplit("&= ", 2)[1].removesuffix(r" \\ ")
        text = re.sub(r"\\tanh", "tanh", text)
        text = re.sub(r"\\sigma", "sigma", text).replace(r"\cdot", "*")
        found = eval(  # our own arithmetic
            text, {"tanh": math.tanh, "sigma": lambda a: 1 / (1 + math.exp(-a))}
        )
        assert found == pytest.approx(float(one.made(equation)[3, 1]), abs=2e-3)


def test_a_calculation_goes_from_symbols_to_the_value() -> None:
    forget = Equation("f", r"\sigma({a_f})", "Forget gate", gate=True)
    terms = {"f": [Term("W_{f} x_t", 0.5), Term("U_{f} h_{t-1}", -0.25), Term("b_{f}", 0.25)]}
    values = {"f": 0.622459, "a_f": 0.5}
    assert calculation(forget, values, terms, ("h", "c")) == (
        r"\begin{aligned} f_t &= \sigma(W_{f} x_t + U_{f} h_{t-1} + b_{f})"
        r" \\ &= \sigma(0.500 - 0.250 + 0.250)"
        r" \\ &= \sigma(0.500)"
        r" \\ &= 0.622 \end{aligned}"
    )


def test_a_new_state_is_made_of_gates_and_the_old_state() -> None:
    cell = Equation("c'", r"{f} \odot {c} + {i} \odot {g}", "Cell state")
    values = {"f": 0.5, "c": -1.0, "i": 0.25, "g": -2.0, "c'": -1.0}
    assert calculation(cell, values, {}, ("h", "c")) == (
        r"\begin{aligned} c_t &= f_t \odot c_{t-1} + i_t \odot g_t"
        r" \\ &= 0.500 \cdot (-1.000) + 0.250 \cdot (-2.000)"
        r" \\ &= -1.000 \end{aligned}"
    )


def test_a_line_that_says_the_same_again_is_left_out() -> None:
    plain = Equation("m", "{a_m}", "Read")
    lines = calculation(plain, {"m": 0.5, "a_m": 0.5}, {"m": [Term("b_{m}", 0.5)]}, ("h",))
    assert lines == r"\begin{aligned} m_t &= b_{m} \\ &= 0.500 \end{aligned}"


@pytest.mark.parametrize(
    ("name", "latex"),
    [("f", "f_t"), ("h", "h_{t-1}"), ("h'", "h_t"), ("c", "c_{t-1}"), ("n", "n_t")],
)
def test_symbols_say_which_step(name: str, latex: str) -> None:
    assert symbol(name, ("h", "c")) == latex


@pytest.mark.parametrize(
    ("value", "latex"),
    [
        (0.0, "0.000"),
        (0.6274, "0.627"),
        (-0.6274, "(-0.627)"),
        (-0.00049, r"(-4.90 \cdot 10^{-4})"),
        (5e-4, "0.001"),
        (9999.0, "9999.000"),
        (12345.0, r"1.23 \cdot 10^{4}"),
        (1e-300, r"1.00 \cdot 10^{-300}"),
    ],
)
def test_numbers_have_three_decimals_or_a_power_of_ten(value: float, latex: str) -> None:
    assert number(value) == latex


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("(-0.2)", "-0.2"),
        ("0.1 + (-0.2)", "0.1 - 0.2"),
        ("(-0.1) + (-0.2)", "-0.1 - 0.2"),
        (r"0.1 \cdot (-0.2)", r"0.1 \cdot (-0.2)"),
        (r"(-0.2) + (-0.1) \cdot (-0.3)", r"-0.2 - 0.1 \cdot (-0.3)"),
        (r"(1 - (-0.2)) \cdot 0.5", r"(1 - (-0.2)) \cdot 0.5"),
        (r"\tanh((-0.5))", r"\tanh(-0.5)"),
        (r"\sigma((-0.5) + (-0.25))", r"\sigma(-0.5 - 0.25)"),
        (r"0.5 + (-1.00 \cdot 10^{-4})", r"0.5 - 1.00 \cdot 10^{-4}"),
        (r"\tanh(0.5)", r"\tanh(0.5)"),
    ],
)
def test_brackets_stand_only_where_they_are_needed(text: str, shown: str) -> None:
    assert without_brackets(text) == shown


def test_of_numbers_there_is_one_product() -> None:
    assert in_numbers(r"{f} \odot {c}") == r"{f} \cdot {c}"
