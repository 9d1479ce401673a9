"""Kernel by kernel or in one pass: the same numbers, and every seed is left to itself."""

from __future__ import annotations

import pytest
import torch

from core.architecture import VARIANTS, Architecture
from core.models.recurrent import Recurrent
from core.models.side_by_side import has_kernel, read_by_kernel, read_side_by_side


def networks(seeds: int = 3, **settings: object) -> Recurrent:
    architecture = Architecture.model_validate({"hidden_size": 6, "layers": 2, **settings})
    generators = [torch.Generator().manual_seed(seed) for seed in range(seeds)]
    return Recurrent(architecture, 4, implementation="equations", generators=generators)


def sequences(seeds: int = 3) -> torch.Tensor:
    return torch.randn(seeds, 9, 5, 4, generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize("variant", VARIANTS)
def test_outputs_and_gradients_are_those_of_the_equations(variant: str) -> None:
    model, x_STBI = networks(**VARIANTS[variant]), sequences()
    ours, theirs = read_side_by_side(model, x_STBI), model(x_STBI)[0]
    torch.testing.assert_close(ours, theirs)
    direction = torch.randn(ours.shape, generator=torch.Generator().manual_seed(8))
    parameters = list(model.parameters())
    of_ours = torch.autograd.grad((ours * direction).sum(), parameters)
    of_theirs = torch.autograd.grad((theirs * direction).sum(), parameters)
    torch.testing.assert_close(of_ours, of_theirs)


def test_a_seed_alone_is_the_seed_among_others_bit_for_bit() -> None:
    together = read_by_kernel(networks(cell="lstm"), sequences())
    alone = read_by_kernel(networks(1, cell="lstm"), sequences()[:1])
    assert torch.equal(together[:1], alone)


def test_only_an_lstm_in_single_precision_has_a_kernel() -> None:
    x_STBI = sequences()
    assert has_kernel(networks(cell="lstm"), x_STBI) == torch.backends.mkldnn.is_available()
    assert not has_kernel(networks(cell="lstm"), x_STBI.double())
    assert not has_kernel(networks(cell="gru"), x_STBI)
