"""The registry says of every cell what its equations and torch.nn have."""

from __future__ import annotations

import pytest
import torch

from core.models.architecture import Architecture
from core.models.cells import cell_of
from core.models.registry import (
    cell_kind,
    cell_kinds,
    cells_with,
    gated_cells,
    usual_variants,
    variants,
)


def test_every_cell_has_the_blocks_and_states_of_its_equations() -> None:
    for name, kind in gated_cells().items():
        cell = cell_of(Architecture.model_validate({"cell": name}))
        assert (cell.weight_blocks, cell.states) == (kind.weight_blocks, kind.states)
        assert len(cell.symbols) == cell.blocks
        layer = getattr(torch.nn, kind.title)(3, 5)
        assert layer.weight_ih_l0.shape[0] == len(kind.weight_blocks) * 5
        assert sum(equation.gate for equation in cell.equations) == kind.gates


def test_gates_are_counted_as_the_textbook_does() -> None:
    """A candidate is no gate: 0, 3 and 2 gates, and 1, 2 and 1 state vectors."""
    counts = {name: (kind.gates, len(kind.states)) for name, kind in gated_cells().items()}
    assert counts == {"rnn": (0, 1), "lstm": (3, 2), "gru": (2, 1)}


def test_a_setting_of_some_cells_is_a_field_of_the_architecture() -> None:
    own = {setting for kind in cell_kinds().values() for setting in kind.settings}
    assert own <= set(Architecture.model_fields)
    assert cells_with("forget_bias") == ("lstm",)
    assert cells_with("hidden_size") == ()


def test_a_variant_is_a_cell_in_one_or_two_directions() -> None:
    names = ["rnn", "lstm", "gru", "bi-rnn", "bi-lstm", "bi-gru"]
    assert list(usual_variants()) == names
    assert list(variants()) == [f"{way}{cell}" for way in ("", "bi-") for cell in cell_kinds()]
    for name, settings in variants().items():
        assert Architecture.model_validate(settings).variant == name
        assert cell_kind(str(settings["cell"])).name == name.removeprefix("bi-")


@pytest.mark.parametrize(
    ("cell", "abilities"),
    [
        ("lstm", ("feeds its state back", "takes one step at a time", "has kernels of torch.nn")),
        ("min-gru", ("feeds its state back", "takes all steps at once", "has no kernel")),
        ("s-lstm", ("feeds its state back", "takes one step at a time", "has no kernel")),
        ("transformer", ("feeds no state back", "takes all steps at once", "has no kernel")),
        ("tcn", ("feeds no state back", "takes all steps at once", "has no kernel")),
    ],
)
def test_what_a_cell_can_do_follows_from_its_class(cell: str, abilities: tuple[str, ...]) -> None:
    assert cell_kind(cell).abilities == abilities
