"""What is known of the successors by their equations."""

from __future__ import annotations

import math

import pytest
import torch

from core.experiments.gradient_decay import GRADIENT_DECAY
from core.measure.gradients import measure_gradients
from core.measure.jacobians import LyapunovExponents, Spectrum
from core.models.architecture import Architecture
from core.models.recurrent import Recurrent

H, INPUTS = 6, 3


def network(cell: str, seeds: int = 2) -> Recurrent:
    return Recurrent(
        Architecture.model_validate({"cell": cell, "hidden_size": H}),
        INPUTS,
        implementation="equations",
        generators=[torch.Generator().manual_seed(seed) for seed in range(seeds)],
        dtype=torch.float64,
    )


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(8))


def test_the_exponents_of_an_lru_are_the_logarithms_of_its_radii() -> None:
    """Each twice, because a complex number is two. Its Jacobian turns and shrinks, so that no step
    of the walk mixes what belongs to different λ."""
    model = network("lru")
    spectrum = Spectrum(model.traces(normal(2, 40, 1, INPUTS))[0][0])
    exponents = LyapunovExponents(
        spectrum, lead_in=5, all_steps=30, frame_NN=torch.eye(2 * H, dtype=torch.float64)
    )
    assert len([*exponents.walk()]) == 35
    logarithms = -model.nu_l0.detach().exp()
    expected = logarithms.repeat(1, 2).sort(dim=-1, descending=True).values
    torch.testing.assert_close(exponents.exponents_SN, expected, rtol=1e-12, atol=1e-12)


def test_an_lru_is_the_sum_over_its_past() -> None:
    """s_T = Σ_k λ^k γ B x_{T−k}."""
    model, x = network("lru", seeds=1), normal(1, 9, 1, INPUTS)
    p = {name.removesuffix("_l0"): value[0] for name, value in model.named_parameters()}
    radius, angle = (-p["nu"].exp()).exp(), p["theta"].exp()
    b = torch.complex(p["B_re"], p["B_im"])
    steps = torch.arange(8, -1, -1).double()[:, None]
    powers = torch.polar(radius**steps, angle * steps)
    of_x = x[0, :, 0].to(b.dtype) @ b.T
    s = (powers * p["log_gamma"].exp() * of_x).sum(0)
    y = (s @ torch.complex(p["C_re"], p["C_im"]).T).real + p["D"] @ x[0, -1, 0]
    torch.testing.assert_close(model(x)[0][0, -1, 0], y)


def test_the_gradient_of_a_min_gru_whose_gate_is_fixed_is_a_power_of_what_it_keeps() -> None:
    """∂h_T/∂h_t = (1 − z)^(T − t)."""
    model = network("min-gru")
    z = 0.3
    with torch.no_grad():
        model.W_z_l0.zero_()
        model.b_z_l0.fill_(math.log(z / (1 - z)))
    (found,) = measure_gradients(
        model, normal(2, 20, 4, INPUTS), normal(2, 4, H), slice(None), None
    )
    state_SKB = found.state_SKB - found.state_SKB[:, :1]
    expected = math.log10(1 - z) * torch.arange(20).double()
    torch.testing.assert_close(state_SKB, expected[:, None].expand_as(state_SKB))


def test_a_min_lstm_keeps_a_share_that_its_gates_share_between_them() -> None:
    """Equal gates keep one half, whatever they are."""
    model = network("min-lstm")
    with torch.no_grad():
        for name in ("W", "b"):
            getattr(model, f"{name}_i_l0").copy_(getattr(model, f"{name}_f_l0"))
    (found,) = measure_gradients(
        model, normal(2, 12, 4, INPUTS), normal(2, 4, H), slice(None), None
    )
    state_SKB = found.state_SKB - found.state_SKB[:, :1]
    expected = math.log10(0.5) * torch.arange(12).double()
    torch.testing.assert_close(state_SKB, expected[:, None].expand_as(state_SKB))


@pytest.mark.slow
def test_a_transformers_gradient_does_not_fade_with_distance_and_an_rnns_does() -> None:
    """From 10 to 60 steps back, at initialisation: the factor per step, with its interval."""
    rates = {}
    for cell in ("rnn", "transformer"):
        settings = {"cell": cell, "hidden_size": 32, "seeds": 8}
        *_, summary = GRADIENT_DECAY.measure(GRADIENT_DECAY.config.from_flat(settings))
        rates[cell] = summary.decay_rate
    assert rates["transformer"].low > 0.99
    assert rates["transformer"].low <= 1.0 <= rates["transformer"].high + 1e-3
    assert rates["rnn"].high < 0.7


@pytest.mark.parametrize(("cell", "reach"), [("transformer", 128), ("tcn", 125)])
def test_what_is_further_back_than_a_layer_reaches_has_no_effect_at_all(
    cell: str, reach: int
) -> None:
    model, x = network(cell, seeds=1), normal(1, 140, 1, INPUTS).requires_grad_()
    (gradient,) = torch.autograd.grad(model(x)[0][:, -1].sum(), x)
    reached = gradient[0, :, 0].abs().sum(-1).nonzero().flatten()
    assert 140 - int(reached[0]) == reach


def test_a_transformer_is_the_attention_of_its_paper() -> None:
    """One head at the last step, written out: with queries and keys turned by their places."""
    model, x = network("transformer", seeds=1), normal(1, 9, 1, INPUTS)
    p = {name.removesuffix("_l0"): value[0] for name, value in model.named_parameters()}
    u = x[0, :, 0] @ p["W_in"].T
    n = (u - u.mean(-1, keepdim=True)) / (u.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt()
    q, k, v = (n @ p[name].T for name in ("W_q", "W_k", "W_v"))

    def turned(vector: torch.Tensor, place: int) -> torch.Tensor:
        pairs = torch.complex(vector[: H // 2], vector[H // 2 :])
        angles = place * 10_000.0 ** (-2 * torch.arange(H // 2).double() / H)
        pairs = pairs * torch.polar(torch.ones_like(angles), angles)
        return torch.cat([pairs.real, pairs.imag])

    scores = torch.stack([q[-1] @ turned(k[s], s - 8) for s in range(9)]) / math.sqrt(H)
    r = u[-1] + p["W_o"] @ (scores.softmax(0) @ v)
    m = (r - r.mean()) / (r.var(unbiased=False) + 1e-5).sqrt()
    y = r + p["W_2"] @ (p["W_1"] @ m + p["c_1"]).relu() + p["c_2"]
    torch.testing.assert_close(model(x)[0][0, -1, 0], y)


def test_a_tcn_is_a_stack_of_dilated_convolutions() -> None:
    model, x = network("tcn", seeds=1), normal(1, 150, 1, INPUTS)
    p = {name.removesuffix("_l0"): value[0] for name, value in model.named_parameters()}
    z = (x[0, :, 0] @ p["W_in"].T).T[None]  # one sequence, H channels, T steps

    def convolved(z: torch.Tensor, part: str, dilation: int) -> torch.Tensor:
        kernel = p[f"W_{part}{dilation}"].view(H, 3, H).transpose(1, 2)
        padded = torch.nn.functional.pad(z, (2 * dilation, 0))
        bias = p[f"b_{part}{dilation}"]
        return torch.conv1d(padded, kernel, bias, dilation=dilation).relu()

    for dilation in (1, 2, 4, 8, 16):
        z = (z + convolved(convolved(z, "a", dilation), "b", dilation)).relu()
    torch.testing.assert_close(model(x)[0][0, :, 0], z[0].T)
