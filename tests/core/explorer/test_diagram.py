"""The drawing of a cell: a box for each equation, below all that it reads, with its arrows."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from core.explorer.diagram import WIDTH, Box, Diagram
from core.explorer.exploration import Exploration, ExplorerConfig
from core.explorer.networks import fresh_networks
from core.explorer.stepping import SteppedCell
from core.models.registry import gated_cells


def drawn(cell: str) -> Diagram:
    config = ExplorerConfig.from_flat(
        {"cell": cell, "hidden_size": 2, "sequence_length": 3, "seeds": 1}
    )
    return SteppedCell(fresh_networks(Exploration(config))).diagram()


def rows(boxes: Sequence[Box]) -> list[list[str]]:
    """The symbols, row by row."""
    ordered = sorted(boxes, key=lambda box: (box.top, box.left))
    return [[b.symbol for b in row] for _, row in itertools.groupby(ordered, lambda b: b.top)]


def test_an_lstm_is_drawn_as_its_equations_say() -> None:
    boxes = {box.name: box for box in drawn("lstm").boxes}
    assert rows(list(boxes.values())) == [
        ["xₜ", "hₜ₋₁"],
        ["iₜ", "fₜ", "gₜ", "oₜ", "cₜ₋₁"],
        ["cₜ"],
        ["hₜ"],
    ]
    assert boxes["f"].text == "σ(Wx + Uh + b)"
    assert boxes["c'"].text == "f ⊙ cₜ₋₁ + i ⊙ g"
    assert boxes["h'"].text == "o ⊙ tanh(cₜ)"
    assert boxes["f"].reads == ("x", "h")
    assert boxes["c'"].reads == ("f", "c", "i", "g")
    assert [box.kind for box in boxes.values() if box.name in "ifgo"].count("gate") == 3


def test_a_grus_lines_read_only_what_reaches_them() -> None:
    boxes = {box.name: box for box in drawn("gru").boxes}
    assert boxes["m"].text == "Uh + b"
    assert boxes["m"].reads == ("h",)
    assert boxes["n"].text == "tanh(Wx + b + r ⊙ m)"
    assert boxes["n"].reads == ("x", "r", "m")
    assert boxes["h'"].reads == ("z", "n", "h")


@pytest.mark.parametrize("cell", gated_cells())
def test_every_box_fits_and_stands_below_what_it_reads(cell: str) -> None:
    drawing = drawn(cell)
    boxes = {box.name: box for box in drawing.boxes}
    for box in boxes.values():
        assert 0 <= box.left <= box.left + box.width <= WIDTH
        assert all(boxes[name].top < box.top for name in box.reads)
    for one, other in itertools.combinations(boxes.values(), 2):
        apart = one.left + one.width <= other.left or other.left + other.width <= one.left
        assert one.top != other.top or apart
    made = [box for box in boxes.values() if box.text]
    assert all(box.text in drawing.description for box in made)
    assert not any("\\" in box.text or "{" in box.text for box in made)
