"""Attention against an explicit softmax, streaming against the whole pass, and budgets met."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from core.models.baselines import CausalAttention, FeedForward, feed_forward_width, head_count


def attention(width: int = 128, inputs: int = 5) -> CausalAttention:
    torch.manual_seed(0)
    return CausalAttention(inputs, width).double()


def sequence(steps: int = 9, batch: int = 3, inputs: int = 5) -> Tensor:
    return torch.randn(steps, batch, inputs, generator=torch.Generator().manual_seed(1)).double()


def test_attention_is_the_explicit_softmax_over_the_past() -> None:
    model, x_TBI = attention(), sequence()
    q_TBH, k_TBH, v_TBH = model.queries_keys_values(x_TBI).chunk(3, dim=-1)
    size, heads = 128 // model.heads, []
    assert model.heads == 2
    for n in range(model.heads):
        q, k, v = (one[..., n * size : (n + 1) * size] for one in (q_TBH, k_TBH, v_TBH))
        scores_BTT = torch.einsum("tbk,sbk->bts", q, k) / math.sqrt(size)
        future = torch.ones(9, 9).triu(1).bool()
        weights_BTT = scores_BTT.masked_fill(future, -math.inf).softmax(-1)
        heads.append(torch.einsum("bts,sbk->tbk", weights_BTT, v))
    expected = model.output(torch.cat(heads, dim=-1))
    torch.testing.assert_close(model(x_TBI), expected, rtol=0, atol=1e-12)


def test_attention_does_not_see_the_future() -> None:
    model, x_TBI = attention(), sequence()
    changed = x_TBI.clone()
    changed[5:] += 1
    before, after = model(x_TBI), model(changed)
    assert torch.equal(before[:5], after[:5])
    assert not torch.allclose(before[5:], after[5:])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_streaming_token_by_token_is_the_whole_pass(dtype: torch.dtype) -> None:
    model, x_TBI = attention().to(dtype), sequence().to(dtype)
    cache = model.new_cache(x_TBI, 9)
    outputs = []
    for x_BI in x_TBI:
        y_1BH, cache = model.read_on(x_BI[None], cache)
        outputs.append(y_1BH)
    assert cache.length == 9
    torch.testing.assert_close(torch.cat(outputs), model(x_TBI), rtol=0, atol=1e-6)


def test_streaming_refuses_several_tokens_and_a_full_cache() -> None:
    model, x_TBI = attention(), sequence()
    cache = model.new_cache(x_TBI, 1)
    with pytest.raises(ValueError, match="one at a time"):
        model.read_on(x_TBI, cache)
    _, cache = model.read_on(x_TBI[:1], cache)
    with pytest.raises(ValueError, match="1 tokens after 1 of 1"):
        model.read_on(x_TBI[:1], cache)


@pytest.mark.parametrize(
    ("width", "heads"), [(64, 1), (128, 2), (256, 4), (512, 8), (1, 1), (127, 1), (96, 2)]
)
def test_heads_are_of_about_64(width: int, heads: int) -> None:
    assert head_count(width) == heads


@given(width=st.integers(1, 2000))
def test_heads_divide_the_width(width: int) -> None:
    assert width % head_count(width) == 0


@given(inputs=st.integers(1, 300), outputs=st.integers(1, 300), budget=st.integers(1, 1_000_000))
def test_no_other_width_comes_closer_to_a_budget(inputs: int, outputs: int, budget: int) -> None:
    width = feed_forward_width(inputs, outputs, budget)

    def missed(units: int) -> int:
        return abs(units * (inputs + 1 + outputs) + outputs - budget)

    assert missed(width) <= missed(width + 1)
    assert width == 1 or missed(width) < missed(width - 1) or missed(width) == 0


@pytest.mark.parametrize("sizes", [(3, 7, 2), (64, 257, 64), (1, 1, 1)])
def test_the_formula_is_the_tensors_count(sizes: tuple[int, int, int]) -> None:
    inputs, units, outputs = sizes
    count = sum(p.numel() for p in FeedForward(inputs, units, outputs).parameters())
    assert count == units * (inputs + 1 + outputs) + outputs
    assert feed_forward_width(inputs, outputs, count) == units


def test_a_feed_forward_net_treats_every_position_alike() -> None:
    torch.manual_seed(0)
    model, x_TBI = FeedForward(5, 11, 4).double(), sequence()
    expected = torch.stack([model(x_BI) for x_BI in x_TBI])
    torch.testing.assert_close(model(x_TBI), expected, rtol=0, atol=1e-14)
    hidden = (x_TBI @ model.inner.weight.T + model.inner.bias).clamp(min=0)
    by_hand = hidden @ model.outer.weight.T + model.outer.bias
    torch.testing.assert_close(model(x_TBI), by_hand, rtol=0, atol=1e-14)
