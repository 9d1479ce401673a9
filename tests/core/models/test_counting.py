"""The formula against the tensors of torch.nn, for any architecture; and the width for a budget."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from core.models.architecture import MAX_HIDDEN_SIZE, Architecture
from core.models.counting import (
    DTYPE_BYTES,
    MAX_BUDGET,
    MAX_STATE_BUDGET,
    STEP_OVERHEAD,
    count_parameters,
    gates,
    growth_exponent,
    multiply_accumulates,
    nearest_width,
    pass_cost,
    state_size,
)
from core.models.registry import usual_variants, variants

LAYERS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def architecture(variant: str, **fields: object) -> Architecture:
    return Architecture.model_validate({**variants()[variant], **fields})


def tensors_of(shape: Architecture, input_size: int, vocabulary: int, outputs: int) -> dict:
    """Numbers by part in the tensors of torch.nn's modules."""
    with torch.device("meta"):
        layer = LAYERS[shape.cell](
            input_size,
            shape.hidden_size,
            num_layers=shape.layers,
            bidirectional=shape.bidirectional,
        )
        embedding = nn.Embedding(vocabulary, input_size)
        head = nn.Linear(shape.directions * shape.hidden_size, max(outputs, 1))
    parts = {"input": "weight_ih", "recurrent": "weight_hh", "bias": "bias"}
    counts = {
        part: sum(p.numel() for name, p in layer.named_parameters() if name.startswith(prefix))
        for part, prefix in parts.items()
    }
    counts["embedding"] = embedding.weight.numel()
    counts["output"] = sum(p.numel() for p in head.parameters()) if outputs else 0
    return counts


@settings(max_examples=200, deadline=None)
@given(
    variant=st.sampled_from(list(usual_variants())),
    hidden_size=st.integers(1, 2048),
    layers=st.integers(1, 8),
    input_size=st.integers(1, 4096),
    vocabulary=st.integers(0, 50_000),
    outputs=st.integers(0, 50_000),
)
def test_the_formula_equals_the_tensors_of_any_architecture(
    variant: str, hidden_size: int, layers: int, input_size: int, vocabulary: int, outputs: int
) -> None:
    shape = architecture(variant, hidden_size=hidden_size, layers=layers)
    counted = count_parameters(shape, input_size, vocabulary=vocabulary, outputs=outputs)
    tensors = tensors_of(shape, input_size, vocabulary, outputs)
    assert counted.parts == tensors
    assert counted.total == sum(tensors.values())


@pytest.mark.parametrize(
    ("cell", "one_layer", "two_layers_bidirectional"),
    [("rnn", 98_816, 136_192), ("lstm", 395_264, 544_768), ("gru", 296_448, 408_576)],
)
def test_the_reference_counts(cell: str, one_layer: int, two_layers_bidirectional: int) -> None:
    shape = architecture(cell, hidden_size=256)
    assert count_parameters(shape, 128).core == one_layer
    shape = architecture(f"bi-{cell}", hidden_size=128, layers=2)
    assert count_parameters(shape, 16).core == two_layers_bidirectional


def test_the_gates_are_those_of_the_cell() -> None:
    assert [gates(architecture(cell)) for cell in LAYERS] == [0, 3, 2]


@pytest.mark.parametrize("variant", usual_variants())
def test_a_redundant_bias_is_one_whose_sum_with_another_is_all_that_counts(variant: str) -> None:
    """Move everything redundant from b_hh into b_ih: the outputs stay exactly the same."""
    shape = architecture(variant, hidden_size=5, layers=2)
    counted = count_parameters(shape, 3)
    layer = LAYERS[shape.cell](
        3, 5, num_layers=2, bidirectional=shape.bidirectional, dtype=torch.float64
    )
    x_TBI = torch.randn(7, 2, 3, dtype=torch.float64)
    before, moved = layer(x_TBI)[0], 0
    with torch.no_grad():
        for name, bias in layer.named_parameters():
            if name.startswith("bias_hh"):
                size = 2 * 5 if shape.cell == "gru" else len(bias)
                getattr(layer, name.replace("_hh", "_ih"))[:size] += bias[:size]
                bias[:size] = 0
                moved += size
    assert moved == counted.redundant_bias
    assert torch.allclose(layer(x_TBI)[0], before, atol=1e-12)
    assert counted.effective == counted.core - moved


def test_a_token_multiplies_each_weight_once_and_no_bias() -> None:
    shape = architecture("bi-gru", hidden_size=7, layers=3)
    counted = count_parameters(shape, 5, outputs=11)
    weights = counted.input + counted.recurrent + counted.output - 11
    assert multiply_accumulates(shape, 5, outputs=11) == weights


def test_the_state_of_a_sequence_is_what_torch_hands_on() -> None:
    shape = architecture("bi-lstm", hidden_size=6, layers=3)
    _, (h, c) = nn.LSTM(4, 6, num_layers=3, bidirectional=True)(torch.zeros(2, 1, 4))
    assert state_size(shape) == h.numel() + c.numel()


def test_the_count_grows_quadratically_once_the_width_dominates() -> None:
    assert growth_exponent(architecture("lstm", hidden_size=8192), 1) == pytest.approx(2, abs=1e-3)
    assert growth_exponent(architecture("lstm", hidden_size=1), 4096) == pytest.approx(1, abs=1e-3)


@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(st.integers(1, 10**6), min_size=60, max_size=60),
    budget=st.integers(1, 2 * 10**7),
)
def test_no_width_comes_closer_to_a_budget_whatever_grows_with_it(
    steps: list[int], budget: int
) -> None:
    """Any count that grows with the width, here up to 60 and very much after; all are tried."""
    counts = list(itertools.accumulate(steps))

    def count(width: int) -> int:
        return counts[width - 1] if width <= len(counts) else 10**9 * width

    size = nearest_width(count, budget)
    distances = [abs(count(width) - budget) for width in range(1, 62)]
    assert size == 1 + distances.index(min(distances)), "of equals the smaller"


@pytest.mark.parametrize("variant", usual_variants())
def test_every_variant_reaches_the_largest_budgets(variant: str) -> None:
    widest = architecture(variant, hidden_size=MAX_HIDDEN_SIZE)
    assert count_parameters(widest, 1).core >= MAX_BUDGET
    assert state_size(widest) * min(DTYPE_BYTES.values()) >= MAX_STATE_BUDGET


def test_a_pass_costs_its_products_and_the_calls_of_its_steps() -> None:
    shape = architecture("bi-gru", hidden_size=7, layers=3)
    asked = {"steps": 5, "sequences": 2, "outputs": 11}
    token = multiply_accumulates(shape, 4, outputs=11)
    forward = 5 * 2 * token + 5 * (3 * 2) * STEP_OVERHEAD
    assert pass_cost(shape, 4, **asked, backward=False) == forward
    assert pass_cost(shape, 4, **asked) == 3 * forward, "backward is twice the forward pass"


def test_bytes_of_a_precision_are_those_of_torchs_numbers() -> None:
    assert {name: getattr(torch, name).itemsize for name in DTYPE_BYTES} == DTYPE_BYTES
    assert {"bfloat16", "float16", "float32", "float64"} <= DTYPE_BYTES.keys()
