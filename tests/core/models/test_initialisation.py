"""What each initialisation setting does to the weights, for every cell."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.models.architecture import Architecture
from core.models.recurrent import Recurrent
from core.models.registry import gated_cells

H = 6


def network(seed: int = 0, **settings: object) -> Recurrent:
    architecture = Architecture.model_validate({"hidden_size": H, **settings})
    generator = torch.Generator().manual_seed(seed)
    return Recurrent(architecture, 3, generators=generator, dtype=torch.float64)


@pytest.mark.parametrize("cell", gated_cells())
def test_the_default_is_uniform_within_one_over_root_hidden_size(cell: str) -> None:
    weights = torch.cat(
        [p.detach().flatten() for p in network(cell=cell, hidden_size=100, layers=2).parameters()]
    )
    assert weights.abs().max() <= 0.1
    assert weights.abs().max() > 0.0999
    assert weights.std() == pytest.approx(0.1 / 3**0.5, rel=0.01)


@pytest.mark.parametrize("cell", gated_cells())
def test_orthogonal_recurrent_weights_keep_every_norm_in_every_gate(cell: str) -> None:
    model = network(cell=cell, initialisation="orthogonal", layers=2, bidirectional=True)
    for name, parameter in model.named_parameters():
        if name.startswith("weight_hh"):
            for block in parameter.split(H):
                torch.testing.assert_close(block @ block.mT, torch.eye(H, dtype=torch.float64))


def test_orthogonal_changes_the_recurrent_weights_only() -> None:
    plain, orthogonal = network(), network(initialisation="orthogonal")
    changed = [n for n, p in plain.named_parameters() if not torch.equal(p, getattr(orthogonal, n))]
    assert changed == ["weight_hh_l0"]


@pytest.mark.parametrize("cell", gated_cells())
def test_identity_recurrent_weights_come_without_biases(cell: str) -> None:
    model = network(cell=cell, initialisation="identity")
    for block in model.weight_hh_l0.split(H):
        assert torch.equal(block, torch.eye(H, dtype=torch.float64))
    assert not model.bias_ih_l0.any()
    assert not model.bias_hh_l0.any()


@pytest.mark.parametrize("initialisation", ["torch", "orthogonal", "identity"])
@pytest.mark.parametrize("cell", gated_cells())
def test_the_gain_scales_the_recurrent_weights_only(cell: str, initialisation: str) -> None:
    plain = network(cell=cell, initialisation=initialisation)
    scaled = network(cell=cell, initialisation=initialisation, recurrent_gain=1.5)
    for name, parameter in plain.named_parameters():
        factor = 1.5 if name.startswith("weight_hh") else 1.0
        assert torch.equal(factor * parameter, getattr(scaled, name))


@settings(max_examples=20, deadline=None)
@given(
    value=st.floats(-20, 20), gate=st.sampled_from([("lstm", "forget", 1), ("gru", "update", 1)])
)
def test_a_gate_bias_is_the_exact_sum_of_both_biases_in_every_layer_and_direction(
    value: float, gate: tuple[str, str, int]
) -> None:
    cell, name, block = gate
    model = network(cell=cell, layers=2, bidirectional=True, **{f"{name}_bias": value})
    plain = network(cell=cell, layers=2, bidirectional=True)
    for suffix in ("l0", "l0_reverse", "l1", "l1_reverse"):
        total = getattr(model, f"bias_ih_{suffix}") + getattr(model, f"bias_hh_{suffix}")
        before = getattr(plain, f"bias_ih_{suffix}") + getattr(plain, f"bias_hh_{suffix}")
        assert (total.view(-1, H)[block] == value).all()
        others = [n for n in range(len(total) // H) if n != block]
        assert torch.equal(total.view(-1, H)[others], before.view(-1, H)[others])


def test_a_larger_forget_or_update_bias_keeps_more_of_the_old_state() -> None:
    x_TBI = torch.zeros(1, 1, 3, dtype=torch.float64)
    for cell, setting in (("lstm", "forget_bias"), ("gru", "update_bias")):
        effects = []
        for bias in (-5.0, 0.0, 5.0):
            model = network(cell=cell, **{setting: bias})
            ones = tuple(torch.ones(1, 1, H, dtype=torch.float64) for _ in model.cell.states)
            zeros = tuple(map(torch.zeros_like, ones))
            difference = model(x_TBI, ones)[1][-1] - model(x_TBI, zeros)[1][-1]
            effects.append(difference.abs().mean().item())
        assert effects == sorted(effects)
        assert effects[-1] > 0.9


def test_every_precision_starts_from_the_same_numbers() -> None:
    architecture = Architecture(cell="gru", hidden_size=H)
    single, double = (
        Recurrent(architecture, 3, generators=torch.Generator().manual_seed(4), dtype=dtype)
        for dtype in (torch.float32, torch.float64)
    )
    for name, parameter in double.named_parameters():
        assert torch.equal(parameter.float(), getattr(single, name))


def test_different_seeds_start_from_different_numbers() -> None:
    assert not torch.equal(network(0).weight_hh_l0, network(1).weight_hh_l0)
