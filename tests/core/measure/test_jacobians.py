"""Step Jacobians, their products and Lyapunov exponents, against recurrences with known spectra."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from core.measure.jacobians import JacobianStep, LyapunovExponents, Spectrum, spectral_radius
from core.models.architecture import Architecture
from core.models.cells import Cell, VanillaRNN
from core.models.recurrent import Recurrent
from core.models.registry import cell_kinds
from tests.core.made import every_cell

S, H, INPUTS = 2, 5, 3


def spectrum(
    shape: dict[str, object],
    *,
    steps: int,
    cell: Cell | None = None,
    weight_hh: Tensor | None = None,
    scale: float = 1.0,
) -> Spectrum:
    """Of layer 1, on input from N(0, scale²)."""
    generators = [torch.Generator().manual_seed(seed) for seed in range(S)]
    model = Recurrent(
        Architecture.model_validate({"hidden_size": H, **shape}),
        INPUTS,
        implementation="equations",
        generators=generators,
        cell=cell,
        dtype=torch.float64,
    )
    if weight_hh is not None:
        model.weight_hh_l0.data[:] = weight_hh
        model.bias_ih_l0.data.zero_()
        model.bias_hh_l0.data.zero_()
    torch.manual_seed(0)
    x_STBI = scale * torch.randn(S, steps, 1, INPUTS, dtype=torch.float64)
    return Spectrum(model.traces(x_STBI)[0][0])


def walked(one: Spectrum, every: int = 1) -> list[JacobianStep]:
    return [step for step in one.walk(every) if step is not None]


def exponents(one: Spectrum, frame_NN: Tensor | None = None, lead_in: int = 0) -> Tensor:
    """Of all steps but the lead-in, SN."""
    lyapunov = LyapunovExponents(
        one, lead_in=lead_in, all_steps=one.steps - lead_in, frame_NN=frame_NN
    )
    list(lyapunov.walk())
    return lyapunov.exponents_SN


def test_an_orthogonal_linear_recurrence_has_all_exponents_zero_and_singular_values_one() -> None:
    shape = {"initialisation": "orthogonal"}
    one = spectrum(shape, steps=100, cell=VanillaRNN("identity"))
    for step in walked(one):
        assert (step.largest_singular_value_S - 1).abs().max() < 1e-12
        assert step.log10_product_norm_S.abs().max() < 1e-12
    assert exponents(one).abs().max() < 1e-12
    lyapunov = LyapunovExponents(one, lead_in=10, all_steps=20, leading_steps=70)
    list(lyapunov.walk())
    assert lyapunov.running_SK.shape == (S, 70)
    assert lyapunov.running_SK.abs().max() < 1e-12


def test_a_scalar_linear_recurrence_loses_a_tenth_at_every_step() -> None:
    weight = torch.tensor([[0.9]], dtype=torch.float64)
    one = spectrum({"hidden_size": 1}, steps=100, cell=VanillaRNN("identity"), weight_hh=weight)
    last = walked(one)[-1]
    assert float(last.log10_product_norm_S[0]) == pytest.approx(99 * math.log10(0.9), rel=1e-12)
    assert float(exponents(one)[0, 0]) == pytest.approx(math.log(0.9), rel=1e-12)


def test_zero_input_tanh_has_the_logarithms_of_the_eigenvalues() -> None:
    """At h = 0 the Jacobian is W itself; for a triangular W the identity stays the frame."""
    torch.manual_seed(3)
    weight = torch.randn(H, H, dtype=torch.float64).tril(-1) / 3
    weight += torch.diag(torch.tensor([0.9, 0.7, -0.5, 0.3, 0.1], dtype=torch.float64))
    one = spectrum({}, steps=50, weight_hh=weight, scale=0.0)
    found = exponents(one, torch.eye(H, dtype=torch.float64))
    expected = torch.linalg.eigvals(weight).abs().log().sort(descending=True).values
    torch.testing.assert_close(found[0], expected, rtol=0, atol=1e-12)


def test_zero_input_tanh_with_gain_nine_tenths_has_exponents_ln_nine_tenths() -> None:
    """An orthogonal W times .9: every eigenvalue has modulus .9, complex pairs included."""
    q, _ = torch.linalg.qr(torch.randn(H, H, dtype=torch.float64))
    one = spectrum({}, steps=50, weight_hh=0.9 * q, scale=0.0)
    assert (exponents(one) - math.log(0.9)).abs().max() < 1e-12


def test_zero_input_tanh_with_any_weights_tends_to_the_eigenvalues() -> None:
    torch.manual_seed(5)
    symmetric = torch.randn(H, H, dtype=torch.float64)
    symmetric = 0.9 * (symmetric + symmetric.mT) / torch.linalg.matrix_norm(symmetric * 2, 2)
    one = spectrum({}, steps=4000, weight_hh=symmetric, scale=0.0)
    expected = torch.linalg.eigvalsh(symmetric).abs().log().sort(descending=True).values
    found = exponents(one)[0]
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-3)
    without_transient = exponents(one, lead_in=1000)[0]
    torch.testing.assert_close(without_transient, expected, rtol=0, atol=1e-9)


def test_the_start_costs_nothing_where_single_units_are_saturated() -> None:
    """Chaotic and saturated: the largest exponent is what the product of all steps grows by."""
    shape = {"hidden_size": 64, "recurrent_gain": 100.0}
    one = spectrum(shape, steps=100)
    growth_S = walked(one)[-1].log10_product_norm_S * math.log(10) / 99
    assert (exponents(one)[:, 0] - growth_S).abs().max() < 0.1


@pytest.mark.parametrize("cell", every_cell())
def test_products_and_exponents_agree_with_the_matrices_themselves(cell: str) -> None:
    one = spectrum({"cell": cell}, steps=6)
    width = sum(one.trace.sizes)
    identity = torch.eye(width, dtype=torch.float64).expand(S, width, width)
    product, log_determinant_S = identity, torch.zeros(S, dtype=torch.float64)
    for step in walked(one):
        jacobian = one.apply_adjoint(identity, step.steps_back)
        norms = [torch.linalg.matrix_norm(m, 2) for m in (jacobian, product)]
        torch.testing.assert_close(step.largest_singular_value_S, norms[0])
        torch.testing.assert_close(step.log10_product_norm_S, norms[1].log10())
        product = product @ jacobian
        log_determinant_S += torch.linalg.slogdet(jacobian).logabsdet
        radius = torch.linalg.eigvals(jacobian).abs().amax(-1)
        torch.testing.assert_close(step.spectral_radius_S, radius)
    volume_S = 6 * exponents(one).sum(-1)
    singular_S = log_determinant_S.isinf()  # a part of the state that the next step does not read
    torch.testing.assert_close(volume_S[~singular_S], log_determinant_S[~singular_S])
    assert (volume_S[singular_S] < -100).all()


@pytest.mark.parametrize("cell", cell_kinds())
def test_the_product_of_the_jacobians_is_the_derivative_of_the_state(cell: str) -> None:
    architecture = Architecture.model_validate({"cell": cell, "hidden_size": H})
    generators = [torch.Generator().manual_seed(0)]
    model = Recurrent(
        architecture, INPUTS, implementation="equations", generators=generators, dtype=torch.float64
    )
    x_STBI = torch.randn(1, 4, 1, INPUTS, dtype=torch.float64)
    width = sum(model.state_sizes)

    def last_state(flat: Tensor) -> Tensor:
        parts = torch.split(flat, model.state_sizes)
        first = tuple(part.view(1, 1, 1, -1) for part in parts)
        return torch.cat([part.flatten() for part in model(x_STBI, first)[1]])

    expected = torch.autograd.functional.jacobian(last_state, torch.zeros(width).double())
    one = Spectrum(model.traces(x_STBI)[0][0])
    product = torch.eye(width, dtype=torch.float64)[None]
    for k in range(4):
        product = one.apply_adjoint(product, k)
    torch.testing.assert_close(product[0], expected, rtol=0, atol=1e-13)


def test_a_product_far_below_the_smallest_number_still_has_a_norm() -> None:
    weight = 1e-3 * torch.eye(H, dtype=torch.float64)
    one = spectrum({}, steps=300, cell=VanillaRNN("identity"), weight_hh=weight)
    last = walked(one)[-1]
    assert float(last.log10_product_norm_S[0]) == pytest.approx(-3 * 299, rel=1e-12)


def test_a_dead_state_has_no_product_and_exponents_minus_infinity() -> None:
    weight = torch.zeros(H, H, dtype=torch.float64)
    one = spectrum({}, steps=4, weight_hh=weight)
    steps = walked(one)
    assert (steps[0].log10_product_norm_S == 0).all()
    assert (steps[1].log10_product_norm_S == -math.inf).all()
    assert (exponents(one) == -math.inf).all()


def test_thinning_takes_fewer_singular_values_and_the_same_product() -> None:
    dense, thin = (spectrum({"cell": "lstm"}, steps=12) for _ in range(2))
    every, some = walked(dense), walked(thin, every=5)
    assert [step.steps_back for step in some] == [0, 5, 10]
    assert torch.equal(some[2].log10_product_norm_S, every[10].log10_product_norm_S)


def test_the_spectral_radius_of_an_lstms_step_has_no_units_and_its_singular_value_has() -> None:
    """The same network written for c/2: J becomes D J D⁻¹, D = diag(1, ½)."""
    one = spectrum({"cell": "lstm", "hidden_size": 16}, steps=20)
    units = torch.cat([torch.ones(16), torch.full((16,), 0.5)]).double()
    jacobian = one.apply_adjoint(one.identity_SNN, 0)
    rewritten = units[:, None] * jacobian / units
    sizes = [torch.linalg.matrix_norm(m, 2) for m in (jacobian, rewritten)]
    assert (sizes[1] / sizes[0] - 1).abs().min() > 0.05
    torch.testing.assert_close(
        spectral_radius(rewritten), spectral_radius(jacobian), rtol=1e-10, atol=0
    )


def test_the_state_that_fills_up_from_zero_is_no_part_of_an_exponent() -> None:
    """Forget bias 3: the first steps grow, the recurrence as it goes on does not."""
    shape = {"cell": "lstm", "forget_bias": 3.0, "hidden_size": 32}
    long = spectrum(shape, steps=900)
    lyapunov = LyapunovExponents(long, lead_in=50, all_steps=1, leading_steps=848)
    list(lyapunov.walk())
    growth_SK = lyapunov.running_SK * torch.arange(1, 849)
    from_zero_S = (growth_SK[:, -1] - growth_SK[:, -31]) / 30
    settled_S = growth_SK[:, 599] / 600
    assert (from_zero_S > settled_S + 0.01).all()


def test_a_walk_longer_than_the_sequence_is_refused() -> None:
    with pytest.raises(ValueError, match="6 steps are too few"):
        LyapunovExponents(spectrum({}, steps=6), lead_in=3, all_steps=4)
