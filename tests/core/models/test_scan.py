"""A linear recurrence at once is the loop."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from core.models.scan import linear_recurrence


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(4))


def loop(a: Tensor, b: Tensor, first: Tensor) -> Tensor:
    h, found = first, []
    for factor, added in zip(a, b, strict=True):
        h = factor * h + added
        found.append(h)
    return torch.stack(found)


@pytest.mark.parametrize("steps", [1, 2, 3, 15, 16, 17, 200])
def test_it_is_the_loop(steps: int) -> None:
    a, b, first = drawn(steps, 2, 3).sigmoid(), drawn(steps, 2, 3), drawn(2, 3)
    inputs = [one.requires_grad_() for one in (a, b, first)]
    outputs = [function(*inputs) for function in (linear_recurrence, loop)]
    torch.testing.assert_close(*outputs, rtol=1e-13, atol=1e-13)
    grads = [torch.autograd.grad(y, inputs, drawn(steps, 2, 3)) for y in outputs]
    for ours, theirs in zip(*grads, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_a_factor_of_zero_forgets_and_one_keeps_everything() -> None:
    a = torch.tensor([1.0, 0.0, 1.0]).double()
    found = linear_recurrence(a, torch.tensor([0.0, 2.0, 0.5]).double(), torch.tensor(7.0).double())
    assert found.tolist() == [7.0, 2.0, 2.5]


def test_gradients_pass_gradcheck_also_for_several_networks_side_by_side() -> None:
    a, b, first = drawn(7, 2).sigmoid(), drawn(7, 2), drawn(2)
    inputs = [one.requires_grad_() for one in (a, b, first)]
    assert torch.autograd.gradcheck(linear_recurrence, inputs)
    several = [torch.stack([one.detach(), one.detach() / 2]).requires_grad_() for one in inputs]
    assert torch.autograd.gradcheck(torch.vmap(linear_recurrence), several)
