"""Every cell in the explorer, and people's own: what is shown is what the layer itself computes."""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path

import numpy
import pytest
import torch
from torch import Tensor

from core.explorer.diagram import WIDTH
from core.explorer.exploration import Exploration, ExplorerConfig, Shift
from core.explorer.networks import Networks, fresh_networks, gradient_curve
from core.explorer.results import MAX_ROWS
from core.explorer.stepping import SteppedCell, calculations, symbol
from core.models import own_cells
from core.models.cell_check import Problem, check
from core.models.layer import StepCell
from core.settings import BadSetting
from tests.core.made import every_cell

H, T = 4, 6

EXAMPLES = Path(__file__).parents[3] / "examples"


def networks(cell: str, text: str = "", shift: Shift | None = None, **settings: int) -> Networks:
    sizes = {"hidden_size": H, "sequence_length": T, "input_size": 3, "seeds": 2, "seed": 3}
    config = ExplorerConfig.from_flat({"cell": cell, **sizes, **settings})
    return fresh_networks(Exploration(config, text, shift=shift))


@pytest.mark.parametrize("cell", every_cell())
def test_every_state_and_output_is_that_of_the_layer_itself(cell: str) -> None:
    """The whole layer over 1, 2, … T steps, in float64; of what is summarised, the norm."""
    nets = networks(cell)
    stepped = SteppedCell(nets)
    parts = {part.name: part for part in stepped.parts}
    with torch.no_grad():
        passes = [nets.model.from_equations(nets.x_STBI[:, :t]) for t in range(1, T + 1)]
    seen = 0
    for index, name in enumerate(stepped.states):
        part = parts.get(f"{name}'")
        if part is None:  # the LSTM's h and c have their lines, and so has every other state
            pytest.fail(f"state {name} is not shown")
        expected_TN = torch.stack([last[index][0, 0, 0] for _, last in passes])
        norm_T = expected_TN.norm(dim=-1)
        assert part.norm_T == pytest.approx(norm_T.numpy(), rel=0, abs=1e-10)
        if not part.summary:
            assert part.values_TN == pytest.approx(expected_TN.numpy(), rel=0, abs=1e-10)
            seen += 1
        elif part.rows and part.first + part.values_TN.shape[1] < MAX_ROWS:
            norms_T = numpy.linalg.norm(part.values_TN, axis=-1)
            assert norms_T == pytest.approx(norm_T.numpy(), rel=0, abs=1e-10)
    output_TH = torch.stack([output[0, -1, 0] for output, _ in passes])
    shown = parts["y"] if "y" in parts else parts[f"{stepped.states[0]}'"]
    assert shown.values_TN == pytest.approx(output_TH.numpy(), rel=0, abs=1e-10)
    assert seen or shown.name == "y"


@pytest.mark.parametrize("cell", every_cell())
def test_the_gradient_is_autograds_through_the_whole_layer(cell: str) -> None:
    nets = networks(cell)
    x_STBI = nets.x_STBI.clone().requires_grad_()
    output_STBH, _ = nets.model.from_equations(x_STBI, scan=True)
    (nets.grad_loss_SBH * output_STBH[:, -1]).sum().backward()
    assert x_STBI.grad is not None
    expected = x_STBI.grad.norm(dim=-1)[:, :, 0].flip(1).flatten()
    shown = [10.0 ** (r.log10_input_gradient or 0.0) for r in gradient_curve(nets).rows]
    assert shown == pytest.approx(expected.tolist(), abs=1e-10)
    assert len(shown) == 2 * T


@pytest.mark.parametrize("cell", every_cell())
def test_every_line_is_of_something_that_the_step_makes(cell: str) -> None:
    stepped = SteppedCell(networks(cell))
    made = {part.name for part in stepped.parts}
    known = {"x", *stepped.states}
    for equation in stepped.equations:
        assert equation.makes in made
        if cell not in ("rnn", "lstm", "gru"):  # theirs read sums, too
            assert set(equation.reads) <= known
        known.add(equation.makes)
    assert len({part.title for part in stepped.parts}) == len(made)
    for part in stepped.parts:
        if part.gate:
            assert float(part.values_TN.min()) >= 0
            assert float(part.values_TN.max()) <= 1
        assert part.values_TN.shape[1] <= MAX_ROWS
    assert len(stepped.shown().norm_rows()) == T * len(made)


@pytest.mark.parametrize("cell", every_cell())
def test_the_numbers_in_a_line_come_to_its_value(cell: str) -> None:
    """Evaluated by hand, to the three decimals that are shown."""
    stepped = SteppedCell(networks(cell))
    lines = list(calculations(stepped, 4, 2))
    for line, equation in zip(lines, stepped.equations, strict=False):
        stages = line.removesuffix(r" \end{aligned}").split("&= ")[1:]
        if len(stages) < 3:
            continue
        text = re.sub(r"\\(tanh|exp|sigma|log|max)", r"\1", stages[-2].removesuffix(r" \\ "))
        value = eval(  # our own arithmetic
            text.replace(r"\cdot", "*"),
            {
                "tanh": math.tanh,
                "exp": math.exp,
                "log": math.log,
                "max": max,
                "sigma": lambda a: 1 / (1 + math.exp(-a)),
            },
        )
        assert value == pytest.approx(float(stepped.result(equation)[3, 1]), abs=3e-3)
    assert len(lines) >= len(stepped.equations)


@pytest.mark.parametrize("cell", every_cell())
def test_a_cell_is_drawn_only_from_equations_and_every_box_fits(cell: str) -> None:
    stepped = SteppedCell(networks(cell))
    drawing = stepped.diagram()
    assert (drawing is None) is (not stepped.equations)
    if drawing is None:
        assert stepped.description
        return
    boxes = {box.name: box for box in drawing.boxes}
    for box in boxes.values():
        assert 0 <= box.left <= box.left + box.width <= WIDTH
        assert all(boxes[name].top < box.top for name in box.reads)
        assert not set("\\{}_") & set(box.text.replace("s_re", "").replace("s_im", ""))
    for one, other in itertools.combinations(boxes.values(), 2):
        apart = one.left + one.width <= other.left or other.left + other.width <= one.left
        assert one.top != other.top or apart


def test_what_is_kept_of_a_mingru_is_one_minus_its_gate() -> None:
    stepped = SteppedCell(networks("min-gru"))
    (gate,) = (part for part in stepped.parts if part.name == "z")
    rows = stepped.kept_rows(1)
    assert [row.kept for row in rows] == pytest.approx((1 - gate.values_TN.mean(1)).tolist())
    lstm = SteppedCell(networks("lstm"))
    (gate,) = (part for part in lstm.parts if part.name == "f")
    of_c = [row.kept for row in lstm.kept_rows(1) if row.part == "c"]
    assert of_c == pytest.approx(gate.values_TN.mean(1).tolist())


def test_of_a_cell_that_feeds_nothing_back_no_jacobian_is_taken() -> None:
    assert "feeds no state back" in SteppedCell(networks("tcn")).why_no_jacobian
    large = SteppedCell(networks("m-lstm", hidden_size=64))
    assert not large.why_no_jacobian
    assert large.why_no_spectrum == "its state has 1,041 numbers, and at most 512 are taken"
    assert not SteppedCell(networks("m-lstm")).why_no_spectrum


def test_places_of_a_cache_that_nothing_has_reached_are_left_out() -> None:
    parts = {part.name: part for part in SteppedCell(networks("transformer")).parts}
    keys = parts["keys'"]
    assert keys.values_TN.shape == (T, T)
    assert (
        keys.summary
        == "norms of 128 rows of 4 numbers, rows 123 to 128 are shown, those before are zero"
    )
    assert parts["attention of head 1"].values_TN.sum(1).tolist() == pytest.approx([1.0] * T)


def test_a_shift_is_added_to_the_parameter_of_every_network() -> None:
    before, after = networks("min-gru"), networks("min-gru", shift=Shift("b_z", -2.0))
    for name, parameter in before.model.named_parameters():
        by = -2.0 if name == "b_z_l0" else 0.0
        torch.testing.assert_close(after.model.get_parameter(name), parameter + by)
    assert (
        SteppedCell(after).parts[0].values_TN.mean() < SteppedCell(before).parts[0].values_TN.mean()
    )


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("s_re", r"s_{\mathrm{re},t-1}"),
        ("s_re'", r"s_{\mathrm{re},t}"),
        ("keys'", r"\mathrm{keys}_t"),
        ("α", "α_t"),
        ("$a{b}\\c", r"\mathrm{abc}_t"),
    ],
)
def test_any_name_is_a_symbol(name: str, latex: str) -> None:
    assert symbol(name, ("s_re",)) == latex


# People's own cells.

CELL = """
from core.models.layer import Equation, StepCell

class Mine(StepCell):
    name = "mine"
    title = "Mine"

    def parameters(self, inputs, width):
        return {{"W": (width, inputs), "a": (width,)}}

    def step(self, x, state, p):
        (h,) = state
        {body}
"""

KEEPS = """rate = self.watch("rate", p.a.sigmoid())
        return ((1 - rate) * h + rate * (x @ p.W.T),)"""


def added(text: str) -> str:
    """The full name of a cell whose file is taken for checked."""
    return own_cells.keep(text.encode(), "mine", "Mine", "mine.py").name


@pytest.mark.parametrize("example", [path.stem for path in sorted(EXAMPLES.glob("*.py"))])
def test_every_example_is_explored(example: str, own: Path) -> None:
    content = (EXAMPLES / f"{example}.py").read_bytes()
    cell = own_cells.keep(content, example.replace("_", "-"), example, "").name
    for part in (
        test_every_state_and_output_is_that_of_the_layer_itself,
        test_the_gradient_is_autograds_through_the_whole_layer,
        test_every_line_is_of_something_that_the_step_makes,
        test_the_numbers_in_a_line_come_to_its_value,
        test_a_cell_is_drawn_only_from_equations_and_every_box_fits,
    ):
        part(cell)
    assert any(part.gate for part in SteppedCell(networks(cell)).parts) or example == "retention"


def test_one_line_shows_a_gate_and_none_shows_state_alone(own: Path) -> None:
    stepped = SteppedCell(networks(added(CELL.format(body=KEEPS))))
    assert [(part.name, part.gate) for part in stepped.parts] == [("rate", True), ("h'", False)]
    assert stepped.diagram() is None
    silent = KEEPS.replace('self.watch("rate", p.a.sigmoid())', "p.a.sigmoid()")
    stepped = SteppedCell(networks(added(CELL.format(body=silent))))
    assert [part.title for part in stepped.parts] == ["State h"]


def test_states_that_are_not_finite_are_said_so_and_raise_nothing(own: Path) -> None:
    stepped = SteppedCell(networks(added(CELL.format(body="return (1e200 * (h + x @ p.W.T),)"))))
    assert not numpy.isfinite(stepped.parts[0].values_TN).all()
    assert None in [row.norm for row in stepped.shown().norm_rows()]
    assert None in [row.value for row in stepped.shown().value_rows()]
    assert len(stepped.kept_rows(1)) == len(stepped.largest_rows(1)) == T
    stepped = SteppedCell(networks(added(CELL.format(body='return (h * float("nan"),)'))))
    assert stepped.spectral_radius(2) is None
    assert [row.singular_value for row in stepped.spectrum_rows(2)] == [None]
    assert {row.kept for row in stepped.kept_rows(2)} == {None}


def test_a_state_of_another_size_and_a_matrix_without_a_batch(own: Path) -> None:
    text = CELL.format(
        body="h = 0.5 * h + (x @ p.W.T).repeat(1, 50)\n"
        '        self.watch("W", p.W)\n        return (h,)'
    )
    text += (
        '\n    def states(self, width):\n        return {"h": 50 * width}\n'
        "\n    def output(self, x, state, p):\n        return state[0].chunk(50, -1)[0]\n"
    )
    stepped = SteppedCell(networks(added(text)))
    parts = {part.name: part for part in stepped.parts}
    assert parts["h'"].summary == "numbers 1 to 128 of 200"
    assert parts["W"].summary == f"norms of {H} rows of 3 numbers"
    assert list(calculations(stepped, 2, 1))


def test_a_cell_that_watches_now_this_and_now_that_is_refused(own: Path) -> None:
    body = """self.calls = getattr(self, "calls", 0) + 1
        self.watch("n" if self.calls % 2 else "m", h)
        return (0.5 * h + x @ p.W.T,)"""
    with pytest.raises(BadSetting, match="watches other names or shapes at one step"):
        SteppedCell(networks(added(CELL.format(body=body))))


@pytest.mark.parametrize(
    ("equation", "sentence"),
    [
        ('Equation("z", "{x}", "Gate")', "an equation makes 'z', and step makes h' and rate"),
        ('Equation("y", "{x}", "Output")', "an equation makes 'y', and step makes h' and rate"),
        ('Equation("rate", "{q}", "Rate")', "the equation of rate reads q, and above it there is"),
        ('Equation("h\'", "{x", "State")', "the equation of h' has single braces"),
        ('"h"', "equations is not a tuple of Equation"),
    ],
)
def test_an_equation_that_cannot_be_shown_is_refused_when_a_file_is_checked(
    equation: str, sentence: str, tmp_path: Path
) -> None:
    declared = f'    title = "Mine"\n    equations = ({equation},)\n'
    text = CELL.format(body=KEEPS).replace('    title = "Mine"\n', declared)
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(Problem) as caught:
        check(tmp_path / "mine.py")
    assert sentence in caught.value.what


def test_watching_changes_nothing() -> None:
    class Silent(StepCell):
        def parameters(self, inputs: int, width: int) -> dict[str, tuple[int, ...]]:
            return {}

        def step(self, x: Tensor, state: tuple[Tensor, ...], p: object) -> tuple[Tensor, ...]:
            return state

    value = torch.ones(1)
    assert Silent().watch("z", value) is value
