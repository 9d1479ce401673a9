"""A wrong cell is refused with one sentence that names the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.models.cell_check import Problem, check

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.py"))

RIGHT = """
import torch
from core.models.layer import StepCell

class Leaky(StepCell):
    name = "leaky"
    title = "Leaky"

    def parameters(self, inputs, width):
        return {"W": (width, inputs), "U": (width, width)}

    def step(self, x, state, p):
        (h,) = state
        return (0.5 * h + 0.5 * (x @ p.W.T + h @ p.U.T).tanh(),)
"""

RETURNED = "        return (0.5 * h + 0.5 * (x @ p.W.T + h @ p.U.T).tanh(),)\n"

SCAN = """
    def scan(self, x_TBI, first, p):
        outputs, state = [], first
        for t in range(len(x_TBI)):
            state = self.step(x_TBI[{index}], state, p)
            outputs.append(state[0]{more})
        return torch.stack(outputs), state
"""


def scanning(index: str, more: str = "") -> str:
    return RIGHT + SCAN.format(index=index, more=more)


def returning(text: str, before: str = "") -> str:
    return RIGHT.replace(RETURNED, f"{before}        return {text}\n")


WRONG: dict[str, tuple[str, str]] = {
    "no Python": ("class Leaky(:\n", "line 1: SyntaxError: invalid syntax"),
    "an import that is not there": (
        "import no_such_package\n" + RIGHT,
        "line 1: ModuleNotFoundError: No module named 'no_such_package'",
    ),
    "leaves the process": ("import sys\nsys.exit(3)\n", "line 2: SystemExit: 3"),
    "no cell": ("x = 1\n", "it defines no cell; derive one class from StepCell"),
    "two cells": (
        RIGHT + RIGHT.replace("class Leaky", "class Other"),
        "it defines 2 cells, Leaky (line 5) and Other (line 19); give one in a file",
    ),
    "no step": (RIGHT[: RIGHT.index("    def step")], "line 5: Leaky has no step"),
    "no name": (RIGHT.replace('    name = "leaky"\n', ""), "line 5: name is not given; give lower"),
    "a name in capitals": (
        RIGHT.replace('"leaky"', '"Leaky"'),
        "line 5: name is 'Leaky'; give low",
    ),
    "the name of another": (
        RIGHT.replace('"leaky"', '"lstm"'),
        "line 5: name is 'lstm', which is a cell of Unroll; give another",
    ),
    "a title without end": (RIGHT.replace('"Leaky"', '"L" * 99'), "line 5: title is 'LLLLLL"),
    "a shape of fractions": (
        RIGHT.replace("(width, inputs)", "(width / 2, inputs)"),
        "line 9: parameters gives 'W' the shape (0.5, 1) at 1 inputs and width 1; give a name",
    ),
    "a state of no numbers": (
        RIGHT + "\n    def states(self, width):\n        return {'h': width // 64}\n",
        "line 16: states gives 'h' 0 numbers at width 1; give a whole number of at least 1",
    ),
    "an error of its own": (
        returning("(h @ p.nothing,)"),
        "line 14: AttributeError: this cell has no parameter nothing",
    ),
    "a shape that does not fit": (
        returning("(x @ p.W,)"),
        "line 14: RuntimeError: mat1 and mat2 shapes cannot be multiplied (3x4 and 6x4)",
    ),
    "not a tuple": (
        returning("0.5 * h"),
        "line 12: step returns 3 × 6; give a tuple with h",
    ),
    "a state of another shape": (
        returning("(h[:, :2],)"),
        "line 12: step returns h as 3 × 2; it must be 3 × 6 here",
    ),
    "an output of another width": (
        RIGHT + "\n    def output(self, x, state, p):\n        return x\n",
        "line 16: output returns 3 × 4; it must be 3 × 6 here",
    ),
    "single precision": (
        returning("(h.float(),)"),
        "line 12: step returns h as float32 where it was given float64",
    ),
    "not a number": (returning("(h / 0 * 0,)"), "line 12: step returns h as NaN or infinity"),
    "chance": (
        returning("(h + torch.rand_like(h) + 0 * x.sum() * p.W.sum() * p.U.sum(),)"),
        "line 12: step is not deterministic",
    ),
    "one sample reads the others": (
        returning("(0.5 * h + (x @ p.W.T).mean(0, keepdim=True) + h @ p.U.T * 0.1,)"),
        "line 12: one sample of a batch depends on the others",
    ),
    "a later sample reads an earlier one": (
        returning("(0.5 * h + (x @ p.W.T).cumsum(0) + h @ p.U.T * 0.1,)"),
        "line 12: one sample of a batch depends on the others",
    ),
    "a constant of double precision": (
        returning("(0.5 * h + x @ p.W.T + torch.zeros(1, 1, dtype=torch.float64).expand_as(h),)"),
        "line 12: step returns another precision than float32",
    ),
    "changes its arguments": (
        returning("(h + x @ p.W.T,)", "        h *= 0.5\n"),
        "line 12: step changes what it is given",
    ),
    "something kept between calls": (
        returning(
            "(0.5 * h + 0.1 * (self.calls > 52) * h + x @ p.W.T,)",
            "        self.calls = getattr(self, 'calls', 0) + 1\n",
        ),
        "line 12: a second sequence gives other outputs than the first",
    ),
    "an if on a number": (
        returning("(0.5 * h + x @ p.W.T,)", "        if h.sum() > 9:\n            h = h + 1\n"),
        "line 14: RuntimeError",
    ),
    "explodes": (returning("(1e60 * (h + x @ p.W.T),)"), "line 12: the output is NaN or infinite"),
    "no gradient": (returning("((h + x @ p.W.T).detach(),)"), "line 12: step has no gradient"),
    "a wrong gradient": (
        returning("(0.5 * h.detach() + x @ p.W.T + (h @ p.U.T).tanh(),)"),
        "line 12: the gradient of step is not that of what it computes",
    ),
    "another number at each drawing": (
        RIGHT
        + "\n    def initial(self, inputs, width, generator):\n"
        + "        shapes = self.parameters(inputs, width)\n"
        + "        return {n: torch.rand(s, dtype=torch.float64) for n, s in shapes.items()}\n",
        "line 16: initial draws another W for the same generator",
    ),
    "looks ahead": (scanning("-1 - t"), "line 16: scan looks ahead"),
    "a scan of something else": (
        scanning("t", " * 2"),
        "line 16: scan and step differ by up to",
    ),
}


def problem_of(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(Problem) as caught:
        check(path)
    problem = caught.value
    return f"line {problem.line}: {problem.what}" if problem.line else problem.what


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_pass(path: Path) -> None:
    assert check(path).title


def test_a_right_cell_passes_with_and_without_a_scan(tmp_path: Path) -> None:
    for number, text in enumerate([RIGHT, scanning("t")]):
        path = tmp_path / f"cell_{number}.py"
        path.write_text(text)
        cell = check(path)
        assert (cell.name, cell.title) == ("leaky", "Leaky")


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_one_is_refused_in_one_sentence_with_its_line(wrong: str, tmp_path: Path) -> None:
    text, sentence = WRONG[wrong]
    problem = problem_of(tmp_path, text)
    assert problem.startswith(sentence)
    assert "\n" not in problem
