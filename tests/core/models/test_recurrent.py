"""Equations against torch.nn, seeds side by side against each alone, for every variant."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from core.models.architecture import Architecture
from core.models.cells import VanillaRNN
from core.models.recurrent import Recurrent, forward_batched, forward_by_kernel, has_kernel
from core.models.registry import usual_variants, variants

ARCHITECTURES = [
    Architecture.model_validate({**kind, "layers": layers, "hidden_size": 5, **extra})
    for (variant, kind), layers in itertools.product(usual_variants().items(), (1, 2, 3))
    for extra in ([{}, {"nonlinearity": "relu"}] if variant.endswith("rnn") else [{}])
]

TOLERANCES = {torch.float32: 1e-6, torch.float64: 1e-12}


def pair(architecture: Architecture, dtype: torch.dtype) -> tuple[Recurrent, Recurrent]:
    """Fused and equations, with the same weights."""
    generator = torch.Generator().manual_seed(0)
    fused = Recurrent(architecture, 3, generators=generator, dtype=dtype)
    equations = Recurrent(architecture, 3, implementation="equations", dtype=dtype)
    equations.load_state_dict(fused.state_dict())
    return fused, equations


def outputs_and_gradients(model: Recurrent, x_TBI: Tensor, *, carried: bool) -> list[Tensor]:
    """Everything that a pass makes, for a loss that touches every output and every last state."""
    torch.manual_seed(1)
    shape = model.architecture
    x_TBI = x_TBI.clone().requires_grad_()
    state_shape = (shape.layers * shape.directions, x_TBI.shape[1], shape.hidden_size)
    first = tuple(
        torch.randn(state_shape, dtype=x_TBI.dtype).requires_grad_() for _ in model.cell.states
    )
    output, last = model(x_TBI, first if carried else None)
    results = [output, *last]
    loss = torch.stack([(one * torch.randn_like(one)).sum() for one in results]).sum()
    inputs = [x_TBI, *(first if carried else ()), *model.parameters()]
    return [*results, *torch.autograd.grad(loss, inputs)]


@pytest.mark.parametrize("carried", [False, True], ids=["from-zeros", "from-a-state"])
@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda a: a.label)
def test_equations_equal_torch_nn_in_outputs_and_every_gradient(
    architecture: Architecture, dtype: torch.dtype, carried: bool
) -> None:
    fused, equations = pair(architecture, dtype)
    x_TBI = torch.randn(7, 2, 3, generator=torch.Generator().manual_seed(2), dtype=dtype)
    theirs = outputs_and_gradients(fused, x_TBI, carried=carried)
    ours = outputs_and_gradients(equations, x_TBI, carried=carried)
    for one, other in zip(ours, theirs, strict=True):
        scale = max(1.0, float(other.detach().abs().max()))
        torch.testing.assert_close(one, other, rtol=0, atol=scale * TOLERANCES[dtype])


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda a: a.label)
def test_parameters_have_torch_nns_names_and_shapes(architecture: Architecture) -> None:
    kind = getattr(torch.nn, architecture.cell.upper())
    theirs = kind(3, 5, num_layers=architecture.layers, bidirectional=architecture.bidirectional)
    fused, equations = pair(architecture, torch.float32)
    expected = {name: tensor.shape for name, tensor in theirs.state_dict().items()}
    for model in (fused, equations):
        assert {name: t.shape for name, t in model.state_dict().items()} == expected
    theirs.load_state_dict(equations.state_dict())


@pytest.mark.parametrize("variant", usual_variants())
def test_gradcheck_passes(variant: str) -> None:
    architecture = Architecture.model_validate({**variants()[variant], "hidden_size": 3})
    model = Recurrent(architecture, 2, implementation="equations", dtype=torch.float64)
    x_TBI = torch.randn(4, 2, 2, dtype=torch.float64, requires_grad=True)

    def run(x_TBI: Tensor, *parameters: Tensor) -> tuple[Tensor, ...]:
        named = dict(zip(dict(model.named_parameters()), parameters, strict=True))
        output, last = torch.func.functional_call(model, named, (x_TBI,))
        return output, *last

    assert torch.autograd.gradcheck(run, (x_TBI, *model.parameters()))


@settings(max_examples=25, deadline=None)
@given(
    variant=st.sampled_from(sorted(usual_variants())),
    layers=st.integers(1, 2),
    steps=st.integers(1, 6),
    batch=st.integers(1, 4),
    inputs=st.integers(1, 5),
    width=st.integers(1, 6),
)
def test_equations_equal_torch_nn_at_any_size(
    variant: str, layers: int, steps: int, batch: int, inputs: int, width: int
) -> None:
    shape = {**variants()[variant], "layers": layers, "hidden_size": width}
    fused = Recurrent(Architecture.model_validate(shape), inputs, dtype=torch.float64)
    equations = Recurrent(
        fused.architecture, inputs, implementation="equations", dtype=torch.float64
    )
    equations.load_state_dict(fused.state_dict())
    x_TBI = torch.randn(steps, batch, inputs, dtype=torch.float64)
    for one, other in zip(
        outputs_and_gradients(equations, x_TBI, carried=False),
        outputs_and_gradients(fused, x_TBI, carried=False),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11)


@pytest.mark.parametrize("variant", usual_variants())
def test_a_batch_of_seeds_is_each_seed_alone_bit_for_bit(variant: str) -> None:
    architecture = Architecture.model_validate({**variants()[variant], "layers": 2})
    x_STBI = torch.randn(5, 6, 4, 3, dtype=torch.float64)

    def networks(seeds: range) -> Recurrent:
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        return Recurrent(
            architecture, 3, implementation="equations", generators=generators, dtype=x_STBI.dtype
        )

    together = outputs_of_seeds(networks(range(5)), x_STBI)
    for seed in range(5):
        alone = outputs_of_seeds(networks(range(seed, seed + 1)), x_STBI[seed : seed + 1])
        assert all(torch.equal(a[seed], b[0]) for a, b in zip(together, alone, strict=True))


def outputs_of_seeds(model: Recurrent, x_STBI: Tensor) -> list[Tensor]:
    output, last = model(x_STBI)
    return [output, *last, *torch.autograd.grad(output.square().sum(), list(model.parameters()))]


def test_a_seed_is_the_unseeded_network_of_its_generator() -> None:
    architecture = Architecture(cell="lstm", bidirectional=True, layers=2, hidden_size=4)
    alone = Recurrent(architecture, 3, generators=torch.Generator().manual_seed(2))
    seeds = [torch.Generator().manual_seed(seed) for seed in range(4)]
    batch = Recurrent(architecture, 3, implementation="equations", generators=seeds)
    for name, parameter in alone.named_parameters():
        assert torch.equal(parameter, batch.get_parameter(name)[2])


def test_a_sequence_may_be_read_in_two_halves_with_the_state_carried_over() -> None:
    for cell in ("rnn", "lstm", "gru"):
        architecture = Architecture.model_validate({"cell": cell, "layers": 2, "hidden_size": 4})
        model = Recurrent(architecture, 3, implementation="equations", dtype=torch.float64)
        x_TBI = torch.randn(6, 2, 3, dtype=torch.float64)
        whole, last = model(x_TBI)
        first_half, state = model(x_TBI[:3])
        second_half, end = model(x_TBI[3:], state)
        torch.testing.assert_close(torch.cat([first_half, second_half]), whole, rtol=0, atol=1e-14)
        torch.testing.assert_close(end, last, rtol=0, atol=1e-14)


def test_a_backward_pass_may_be_repeated() -> None:
    model = Recurrent(Architecture(cell="gru"), 3, implementation="equations")
    loss = model(torch.randn(5, 2, 3))[0].square().sum()
    parameters = list(model.parameters())
    once = torch.autograd.grad(loss, parameters, retain_graph=True)
    assert all(map(torch.equal, once, torch.autograd.grad(loss, parameters)))


def test_only_wanted_gradients_are_computed() -> None:
    model = Recurrent(Architecture(cell="lstm"), 3, implementation="equations")
    model.requires_grad_(False)
    x_TBI = torch.randn(5, 2, 3, requires_grad=True)
    model(x_TBI)[0].sum().backward()
    assert x_TBI.grad is not None
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("implementation", ["fused", "equations"])
def test_a_model_survives_copying_and_changing_precision(implementation: str) -> None:
    model = Recurrent(Architecture(cell="lstm"), 3, implementation=implementation)
    twin = copy.deepcopy(model).to(torch.float64)
    with torch.no_grad():
        twin.weight_hh_l0.zero_()
    x_TBI = torch.randn(4, 2, 3, dtype=torch.float64)
    assert twin(x_TBI)[0].dtype == torch.float64
    assert not torch.allclose(twin(x_TBI)[0], model(x_TBI.float())[0].double())


def test_fused_kernels_refuse_what_they_do_not_know() -> None:
    for extra in ({"generators": [torch.Generator()]}, {"cell": VanillaRNN("identity")}):
        with pytest.raises(ValueError, match='use "equations"'):
            Recurrent(Architecture(), 3, **extra)


@pytest.mark.parametrize("variant", usual_variants())
def test_a_packed_sequence_is_each_sequence_alone(variant: str) -> None:
    """A padded bidirectional pass would read the padding first."""
    architecture = Architecture.model_validate({**variants()[variant], "layers": 2})
    model = Recurrent(architecture, 3, dtype=torch.float64)
    x_TBI, lengths = torch.randn(7, 3, 3, dtype=torch.float64), [7, 4, 2]
    packed, last = model.forward_packed(pack_padded_sequence(x_TBI, torch.tensor(lengths)))
    output, _ = pad_packed_sequence(packed)
    for sample, length in enumerate(lengths):
        alone, end = model(x_TBI[:length, sample : sample + 1])
        torch.testing.assert_close(output[:length, sample : sample + 1], alone, rtol=0, atol=1e-12)
        for one, other in zip(last, end, strict=True):
            torch.testing.assert_close(one[:, sample : sample + 1], other, rtol=0, atol=1e-12)


def test_the_equations_refuse_packed_sequences() -> None:
    model = Recurrent(Architecture(), 3, implementation="equations")
    with pytest.raises(ValueError, match='use implementation="fused"'):
        model.forward_packed(pack_padded_sequence(torch.randn(2, 1, 3), torch.tensor([2])))


def side_by_side(seeds: int = 3, **settings: object) -> Recurrent:
    architecture = Architecture.model_validate({"hidden_size": 6, "layers": 2, **settings})
    generators = [torch.Generator().manual_seed(seed) for seed in range(seeds)]
    return Recurrent(architecture, 4, implementation="equations", generators=generators)


def sequences(seeds: int = 3) -> torch.Tensor:
    return torch.randn(seeds, 9, 5, 4, generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize("variant", variants())
def test_outputs_and_gradients_are_those_of_the_equations(variant: str) -> None:
    model, x_STBI = side_by_side(**variants()[variant]), sequences()
    if not has_kernel(model, x_STBI):  # oneDNN's are of single precision
        model, x_STBI = model.double(), x_STBI.double()
    ours, theirs = forward_batched(model, x_STBI), model(x_STBI)[0]
    torch.testing.assert_close(ours, theirs)
    direction = torch.randn(ours.shape, generator=torch.Generator().manual_seed(8))
    parameters = list(model.parameters())
    of_ours = torch.autograd.grad((ours * direction).sum(), parameters)
    of_theirs = torch.autograd.grad((theirs * direction).sum(), parameters)
    torch.testing.assert_close(of_ours, of_theirs)


def test_a_seed_alone_is_the_seed_among_others_bit_for_bit() -> None:
    together = forward_by_kernel(side_by_side(cell="lstm"), sequences())
    alone = forward_by_kernel(side_by_side(1, cell="lstm"), sequences()[:1])
    assert torch.equal(together[:1], alone)


def test_only_an_lstm_in_single_precision_has_a_kernel() -> None:
    x_STBI = sequences()
    assert has_kernel(side_by_side(cell="lstm"), x_STBI) == torch.backends.mkldnn.is_available()
    assert not has_kernel(side_by_side(cell="lstm"), x_STBI.double())
    assert not has_kernel(side_by_side(cell="gru"), x_STBI)


@pytest.mark.parametrize("cell", ["min-gru", "lru", "tcn", "transformer"])
def test_all_steps_at_once_go_on_from_where_they_ended(cell: str) -> None:
    """Also from nothing, and over more steps than a cache has places."""
    shape = Architecture(cell=cell, hidden_size=8, layers=2)
    generator = torch.Generator().manual_seed(0)
    model = Recurrent(shape, 3, generators=generator, dtype=torch.float64)
    x_TBI = torch.randn(200, 2, 3, dtype=torch.float64, generator=generator)
    whole, end = model(x_TBI)
    first, state = model(x_TBI[:30])
    middle, state = model(x_TBI[30:190], state)
    rest, state = model(x_TBI[190:], state)
    parts = torch.cat([first, middle, rest])
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(state, end, rtol=0, atol=1e-12)
