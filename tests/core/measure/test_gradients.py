"""The gradient instrument, against autograd and against recurrences whose answer is known."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from core.measure.gradients import (
    curve,
    decay_rates,
    input_gradients,
    last_over_first,
    log10_norm,
    measure_gradients,
    seed_blocks,
)
from core.models.architecture import Architecture
from core.models.cells import VanillaRNN
from core.models.recurrent import Recurrent, flip_time, join_directions
from core.models.registry import usual_variants

S, T, B, INPUTS = 3, 7, 2, 4

SHAPES = [
    {**kind, "layers": layers, "hidden_size": 5}
    for kind, layers in itertools.product(usual_variants().values(), (1, 2))
]


def networks(shape: dict[str, object], cell: VanillaRNN | None = None) -> Recurrent:
    generators = [torch.Generator().manual_seed(seed) for seed in range(S)]
    return Recurrent(
        Architecture.model_validate(shape),
        INPUTS,
        implementation="equations",
        generators=generators,
        cell=cell,
        dtype=torch.float64,
    )


def drawn(model: Recurrent, steps: int = T) -> tuple[Tensor, Tensor]:
    """Sequences, and ∂L/∂ the last output."""
    torch.manual_seed(0)
    width = model.architecture.directions * model.architecture.hidden_size
    x_STBI = torch.randn(S, steps, B, INPUTS, dtype=torch.float64)
    return x_STBI, torch.randn(S, B, width, dtype=torch.float64)


def stepped(model: Recurrent, x_STBI: Tensor) -> tuple[Tensor, list[Tensor], list[list[Tensor]]]:
    """A forward pass in single steps: the output, each layer's input, each layer's states.

    Every tensor handed from step to step is of_layer, so that autograd can be asked about it; a
    layer's states are S,T,B,N in time order, each with its directions.
    """
    inputs, states = [], []
    output = x_STBI.clone().requires_grad_()
    for layer in range(model.architecture.layers):
        inputs.append(output)
        outputs, of_layer = [], []
        for direction in range(model.architecture.directions):
            hidden, steps = single_steps(model, layer, direction, output)
            outputs.append(hidden)
            of_layer.append(steps)
        states.append(of_layer)
        output = join_directions(outputs)
    return output, inputs, states


def single_steps(
    model: Recurrent, layer: int, direction: int, x_STBI: Tensor
) -> tuple[Tensor, list[tuple[Tensor, ...]]]:
    one = Recurrent(
        model.architecture.model_copy(update={"layers": 1, "bidirectional": False}),
        x_STBI.shape[-1],
        implementation="equations",
        generators=[torch.Generator() for _ in range(S)],
        dtype=torch.float64,
    )
    for mine, weight in zip(one.parameters(), model.weights(layer, direction), strict=True):
        mine.data = weight.data
    state, history = None, []
    for x_SBI in flip_time(x_STBI, direction).unbind(-3):
        _, state = one(x_SBI[:, None], state)
        history.append(state)
    return torch.stack([s[0][:, 0] for s in history], dim=-3), history


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_both_gradients_of_every_layer_are_autograds(shape: dict[str, object]) -> None:
    model = networks(shape)
    x_STBI, grad_loss_SBH = drawn(model)
    output, inputs, states = stepped(model, x_STBI)
    loss = (output[:, -1] * grad_loss_SBH).sum()
    measured = measure_gradients(model, x_STBI, grad_loss_SBH, slice(0, S))
    assert [layer.layer for layer in measured] == list(range(1, len(inputs) + 1))
    for layer, read, kept in zip(measured, inputs, states, strict=True):
        (grad_x,) = torch.autograd.grad(loss, read, retain_graph=True)
        torch.testing.assert_close(10**layer.input_SKB, grad_x.norm(dim=-1).flip(-2))
        torch.testing.assert_close(10**layer.state_SKB, state_norms(loss, kept).flip(-2))


def state_norms(loss: Tensor, kept: list[list[tuple[Tensor, ...]]]) -> Tensor:
    """‖∂L/∂s_t‖ in time order, all directions and state vectors together."""
    squares = []
    for direction, steps in enumerate(kept):
        flat = [tensor for state in steps for tensor in state]
        grads = torch.autograd.grad(loss, flat, retain_graph=True, materialize_grads=True)
        width = len(steps[0])
        by_step = [
            sum(g[:, 0].square().sum(-1) for g in grads[n * width :][:width]) for n in range(T)
        ]
        squares.append(torch.stack(by_step[::-1] if direction else by_step, dim=-2))
    return sum(squares).sqrt()


MIDDLE = T // 2


@pytest.mark.parametrize("shape", [s for s in SHAPES if s.get("bidirectional")], ids=str)
def test_with_the_loss_in_the_middle_both_sides_are_autograds(shape: dict[str, object]) -> None:
    """torch.nn's own layers, stacked by hand so that each direction's share can be told apart."""
    model = networks(shape)
    x_STBI, grad_loss_SBH = drawn(model)
    measured = measure_gradients(model, x_STBI, grad_loss_SBH, slice(0, S), MIDDLE)
    layers = model.architecture.layers
    assert [(side.layer, side.side) for side in measured] == [
        (layer, side) for layer in range(1, layers + 1) for side in ("past", "future")
    ]
    for seed in range(S):
        total, shares = by_autograd(model, x_STBI[seed], grad_loss_SBH[seed], seed)
        for layer in range(layers):
            past, future = measured[2 * layer : 2 * layer + 2]
            norm = total[layer].norm(dim=-1)
            expected = norm[: MIDDLE + 1].flip(0), norm[MIDDLE:].clone()
            for side, whole, share in zip((past, future), expected, shares[layer], strict=True):
                whole[0] = share[MIDDLE].norm(dim=-1)
                torch.testing.assert_close(10 ** side.input_SKB[seed], whole, rtol=1e-12, atol=0)


def by_autograd(
    model: Recurrent, x_TBI: Tensor, grad_BH: Tensor, seed: int
) -> tuple[list[Tensor], list[tuple[Tensor, Tensor]]]:
    """[layer] → ∂L/∂ its input (TB·), and its shares through the forward and the backward half."""
    shape = model.architecture
    kinds = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
    read, inputs, halves = x_TBI.clone().requires_grad_(), [], []
    for layer in range(shape.layers):
        outputs, copies = [], []
        for direction in range(2):
            half = kinds[shape.cell](read.shape[-1], shape.hidden_size, dtype=torch.float64)
            weights = model.weights(layer, direction)
            for name, weight in zip(weights._fields, weights, strict=True):
                getattr(half, f"{name}_l0").data = weight[seed].detach().clone()
            copies.append(read * 1)  # a node of its own for each half
            x = copies[-1].flip(0) if direction else copies[-1]
            y = half(x)[0]
            outputs.append(y.flip(0) if direction else y)
        inputs.append(read)
        halves.append(copies)
        read = torch.cat(outputs, dim=-1)
    loss = (read[MIDDLE] * grad_BH).sum()
    total = list(torch.autograd.grad(loss, inputs, retain_graph=True))
    shares = [torch.autograd.grad(loss, pair, retain_graph=True) for pair in halves]
    return total, shares


def test_in_one_layer_each_side_fades_as_its_own_half_does_alone() -> None:
    """Like with like: the past of a bidirectional layer is a single direction's whole curve."""
    one_way = networks({"cell": "gru", "hidden_size": 4})
    both = networks({"cell": "gru", "hidden_size": 4, "bidirectional": True})
    for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
        both.get_parameter(name).data = one_way.get_parameter(name).data
    x_STBI, grad_loss_SBH = drawn(both, steps=2 * T - 1)
    past, future = measure_gradients(both, x_STBI, grad_loss_SBH, slice(0, S), T - 1)
    alone = measure_gradients(one_way, x_STBI[:, :T], grad_loss_SBH[..., :4], slice(0, S))
    torch.testing.assert_close(past.input_SKB, alone[0].input_SKB, rtol=0, atol=1e-12)
    torch.testing.assert_close(past.state_SKB, alone[0].state_SKB, rtol=0, atol=1e-12)
    assert future.input_SKB.shape == past.input_SKB.shape


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_input_gradients_are_torch_nns(shape: dict[str, object]) -> None:
    model = networks(shape)
    x_STBI, grad_loss_SBH = drawn(model)
    ours = input_gradients(model, x_STBI, grad_loss_SBH)
    for seed in range(S):
        fused = Recurrent(
            model.architecture,
            INPUTS,
            generators=torch.Generator().manual_seed(seed),
            dtype=torch.float64,
        )
        x_TBI = x_STBI[seed].requires_grad_()
        (theirs,) = torch.autograd.grad(fused(x_TBI)[0][-1], x_TBI, grad_loss_SBH[seed])
        torch.testing.assert_close(ours[seed], theirs, rtol=0, atol=1e-14)


def test_measuring_leaves_no_gradient_and_changes_no_weight() -> None:
    model = networks({"cell": "lstm"})
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    measure_gradients(model, *drawn(model), slice(0, S))
    for name, parameter in model.named_parameters():
        assert parameter.grad is None
        assert torch.equal(parameter, before[name])


def test_a_scalar_linear_recurrence_of_nine_tenths_leaves_its_hundredth_power() -> None:
    model = networks({"hidden_size": 1}, cell=VanillaRNN("identity"))
    with torch.no_grad():
        model.weight_hh_l0.fill_(0.9)
    x_STBI, grad_loss_SBH = drawn(model, steps=101)
    (layer,) = measure_gradients(model, x_STBI, grad_loss_SBH, slice(0, S))
    ratio_SB = 10 ** (layer.input_SKB[:, 100] - layer.input_SKB[:, 0])
    torch.testing.assert_close(ratio_SB, torch.full_like(ratio_SB, 0.9**100), rtol=1e-12, atol=0)
    rates = decay_rates(layer.state_SKB)
    torch.testing.assert_close(rates, torch.full_like(rates, 0.9), rtol=1e-12, atol=0)


def test_an_orthogonal_linear_recurrence_keeps_every_norm() -> None:
    shape = {"hidden_size": 6, "initialisation": "orthogonal"}
    model = networks(shape, cell=VanillaRNN("identity"))
    (layer,) = measure_gradients(model, *drawn(model, steps=100), slice(0, S))
    change = layer.state_SKB - layer.state_SKB[:, :1]
    assert change.abs().max() < 1e-12
    assert (decay_rates(layer.state_SKB) - 1).abs().max() < 1e-12


def test_a_single_backward_direction_receives_nothing_beyond_the_last_step() -> None:
    one_way = networks({"cell": "gru", "hidden_size": 4})
    both = networks({"cell": "gru", "hidden_size": 4, "bidirectional": True})
    for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
        both.get_parameter(name).data = one_way.get_parameter(name).data
    x_STBI, grad_loss_SBH = drawn(both)
    ours = input_gradients(both, x_STBI, grad_loss_SBH)
    forward = input_gradients(one_way, x_STBI, grad_loss_SBH[..., :4])
    assert torch.equal(ours[:, :-1], forward[:, :-1])
    assert not torch.equal(ours[:, -1], forward[:, -1])


def test_blocks_of_seeds_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    model = networks({"cell": "lstm", "layers": 2, "bidirectional": True})
    x_STBI, grad_loss_SBH = drawn(model)
    assert seed_blocks(model, x_STBI) == [slice(0, S)]
    whole = input_gradients(model, x_STBI, grad_loss_SBH)
    monkeypatch.setattr("core.measure.gradients.BLOCK_BYTES", 1)
    assert seed_blocks(model, x_STBI) == [slice(0, 1), slice(1, 2), slice(2, 3)]
    assert torch.equal(whole, input_gradients(model, x_STBI, grad_loss_SBH))


@settings(deadline=None)
@given(exponent=st.integers(-300, 300), size=st.integers(1, 6))
def test_a_norm_neither_underflows_nor_overflows(exponent: int, size: int) -> None:
    row = torch.full((1, size), 3.0, dtype=torch.float64) * 10.0**exponent
    expected = exponent + math.log10(3 * math.sqrt(size))
    assert float(log10_norm(row)) == pytest.approx(expected, abs=1e-12)


def test_the_smallest_float32_is_not_zero_though_its_square_is() -> None:
    smallest = torch.tensor([[1e-45, 0.0]], dtype=torch.float32)
    assert torch.linalg.vector_norm(smallest) == 0
    assert float(log10_norm(smallest)) == pytest.approx(math.log10(1.4e-45), abs=0.01)


def test_norms_of_zero_infinity_and_nan_are_told_apart() -> None:
    rows = torch.tensor([[0.0, 0.0], [math.inf, 1.0], [math.nan, 1.0], [3.0, 4.0]])
    logs = log10_norm(rows)
    assert logs[0] == -math.inf
    assert logs[1] == math.inf
    assert logs[2].isnan()
    assert logs[3] == pytest.approx(math.log10(5))


def test_a_curve_counts_zeros_and_overflows_and_takes_the_mean_of_the_rest() -> None:
    log10_SKB = torch.tensor([[[1.0, 3.0, -math.inf], [-math.inf] * 3, [math.inf, math.nan, 2.0]]])
    result = curve(log10_SKB)
    assert result.mean_log10_SK[0, 0] == 2
    assert result.mean_log10_SK[0, 1].isnan()
    assert result.mean_log10_SK[0, 2] == 2
    assert result.zeros_SK.tolist() == [[1, 3, 0]]
    assert result.overflows_SK.tolist() == [[0, 0, 2]]


@given(rate=st.floats(0.2, 2.0), level=st.floats(-5, 5))
def test_a_straight_line_gives_back_its_rate(rate: float, level: float) -> None:
    k = torch.arange(50, dtype=torch.float64)
    lines_SKB = (level + k * math.log10(rate))[None, :, None].repeat(1, 1, 3)
    assert float(decay_rates(lines_SKB)) == pytest.approx(rate, rel=1e-9)


def test_samples_that_underflow_on_the_way_do_not_bend_the_line() -> None:
    k = torch.arange(50, dtype=torch.float64)
    lines_SKB = torch.stack([-0.5 * k, -3 - 0.5 * k, torch.full_like(k, -math.inf)], dim=-1)[None]
    lines_SKB[0, 20:, 1] = -math.inf
    assert float(decay_rates(lines_SKB)) == pytest.approx(10**-0.5, rel=1e-12)


def test_no_line_fits_where_nothing_is_left() -> None:
    assert decay_rates(torch.full((2, 30, 4), -math.inf)).isnan().all()


def test_last_over_first_is_the_samples_median_and_infinite_when_most_vanished() -> None:
    log10_SKB = torch.zeros(2, 3, 4)
    log10_SKB[0, -1] = torch.tensor([-1.0, -2.0, -4.0, -math.inf])
    log10_SKB[1, -1] = torch.tensor([-1.0, -math.inf, -math.inf, -math.inf])
    assert last_over_first(log10_SKB).tolist() == [3.0, math.inf]


@pytest.mark.parametrize("steps", [20, 50, 57])
def test_the_line_is_fitted_to_the_middle_alone(steps: int) -> None:
    """Exponential in k = T/10 … 6T/10, both included; arbitrary before and after."""
    first, last = steps // 10, 6 * steps // 10
    k = torch.arange(steps, dtype=torch.float64)
    curve_K = k * math.log10(0.8)
    curve_K[:first], curve_K[last + 1 :] = 30, -70
    assert float(decay_rates(curve_K[None, :, None])) == pytest.approx(0.8, rel=1e-12)
    for end in (first, last):
        bent_K = curve_K.clone()
        bent_K[end] += 1
        rate = float(decay_rates(bent_K[None, :, None]))
        assert abs(rate - 0.8) > 1e-4, "both ends of the middle belong to it"
