"""Fresh networks, the weights of finished runs, and the gradient curve against `gradient-decay`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.gradient_decay.declaration import (
    GradientDecayConfig,
    GradientDecaySummary,
    GradientRow,
)
from core.experiments.gradient_decay.measure import GradientStudy
from core.experiments.length_quality.declaration import LengthQualityConfig
from core.experiments.length_quality.model import shape_of
from core.experiments.length_quality.translator import Translator
from core.explorer.exploration import (
    MAX_STEPS,
    Exploration,
    ExplorerConfig,
    Part,
    Shift,
    split_letters,
    training_config,
)
from core.explorer.networks import (
    embed_text,
    fresh_networks,
    gradient_curve,
    gradient_curves,
    one_hot,
    random_vectors,
    trained_networks,
    training_snapshots,
)
from core.models.seq2seq import Seq2Seq
from core.settings import BadSetting
from core.tasks.corpora import BEGIN, UNKNOWN, Words

SMALL = ExplorerConfig.from_flat(
    {"hidden_size": 4, "sequence_length": 11, "input_size": 3, "seeds": 2}
)


def test_without_a_letter_each_seed_draws_what_gradient_decay_draws() -> None:
    theirs = GradientStudy(
        GradientDecayConfig(**{**dict(SMALL), "spectrum": True}), torch.device("cpu")
    )
    ours = fresh_networks(Exploration(SMALL))
    assert torch.equal(ours.x_STBI, theirs.x_STBI)
    assert torch.equal(ours.grad_loss_SBH, theirs.grad_loss_SBH)
    assert ours.tokens == ("",) * 11


def test_a_letter_has_the_same_vector_in_every_text_and_for_every_seed() -> None:
    first, second = (fresh_networks(Exploration(SMALL, text)) for text in ("cat", "at"))
    assert torch.equal(first.x_STBI[:, 1:], second.x_STBI)
    assert torch.equal(first.x_STBI[0], first.x_STBI[1])
    assert not torch.equal(first.x_STBI[0, 0], first.x_STBI[0, 1])
    assert (first.tokens, second.tokens) == (("c", "a", "t"), ("a", "t"))
    assert first.x_STBI.shape == (2, 3, 1, 3)


def test_typing_leaves_the_weights_as_they_were_when_sizes_are_equal() -> None:
    ours, drawn_ones = (
        fresh_networks(Exploration(SMALL, "elevenlongs")),
        fresh_networks(Exploration(SMALL)),
    )
    assert all(
        torch.equal(a, b)
        for a, b in zip(ours.model.parameters(), drawn_ones.model.parameters(), strict=True)
    )


def test_vectors_are_standard_normal() -> None:
    x_TI = random_vectors([chr(0x4E00 + number) for number in range(200)], 50)
    assert abs(float(x_TI.mean())) < 5 / 10_000**0.5
    assert abs(float(x_TI.var()) - 1) < 5 * (2 / 10_000) ** 0.5


def test_one_hot_letters_are_unit_vectors_in_the_order_in_which_they_come_up() -> None:
    assert one_hot("abca").tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]
    networks = fresh_networks(Exploration(SMALL, "abca", one_hot=True))
    assert networks.config.input_size == 3
    assert networks.x_STBI[:, :, 0].tolist() == 2 * [one_hot("abca").tolist()]


def translator(**settings: Any) -> Translator:
    """An untrained one of a two-layer model with words of its own."""
    flat = {"hidden_size": 4, "layers": 2, "embedding_size": 3, **settings}
    config = LengthQualityConfig.from_flat(flat)
    source, target = Words(["the", "dog", "sees"]), Words(["der", "hund"])
    model = Seq2Seq(shape_of(config, source.size, target.size), seed=1)
    return Translator(config, model, source, target)


MODELS: tuple[Mapping[str, Any], ...] = (
    {"cell": "rnn", "nonlinearity": "relu"},
    {"cell": "lstm", "bidirectional": True, "decoder": "gru"},
    {"cell": "gru", "decoder": "lstm", "attention": "dot"},
)


@pytest.mark.parametrize("part", ["encoder", "decoder"])
@pytest.mark.parametrize("settings", MODELS, ids=lambda s: " ".join(map(str, s.values())))
def test_a_runs_weights_are_those_of_its_layer_1_read_forwards(
    settings: Mapping[str, Any], part: Part
) -> None:
    whole = translator(**settings)
    networks = trained_networks(whole, part, Exploration(SMALL))
    weights = whole.model.state_dict()
    names = [name for name, _ in networks.model.named_parameters()]
    assert names == ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
    for name, parameter in networks.model.named_parameters():
        for of_seed in parameter:
            assert torch.equal(of_seed, weights[f"{part}.{name}"].double())
    shape = getattr(whole.model, part).architecture
    assert networks.config.architecture.nonlinearity == shape.nonlinearity
    assert networks.config.architecture.variant == shape.cell
    assert networks.x_STBI.shape == (2, 11, 1, 3)
    assert not torch.equal(networks.x_STBI[0], networks.x_STBI[1])


def test_the_weights_of_a_cell_with_parameters_of_its_own_are_taken_by_name() -> None:
    whole = translator(cell="min-gru", bidirectional=True)
    networks = trained_networks(whole, "encoder", Exploration(SMALL, shift=Shift("b_z", 2.0)))
    weights = whole.model.state_dict()
    for name, parameter in networks.model.named_parameters():
        expected = weights[f"encoder.{name}"].double() + 2.0 * (name == "b_z_l0")
        assert torch.equal(parameter[0], expected)
        assert torch.equal(parameter[1], expected)
    assert networks.config.architecture.variant == "min-gru"


@pytest.mark.parametrize("reversed_", [False, True])
def test_an_encoder_reads_a_text_as_its_run_does(*, reversed_: bool) -> None:
    whole = translator(source_reversed=reversed_)
    x_TI, names = embed_text(whole, "encoder", "The DOG sees a zebra!")
    tokens = whole.source.encode("the dog sees a zebra")
    assert tokens[-2:] == (UNKNOWN, UNKNOWN)
    order = tokens[::-1] if reversed_ else tokens
    assert torch.equal(x_TI, whole.model.read.weight.detach()[list(order)].double())
    assert list(names) == whole.source.pieces(order)
    assert names == tuple(whole.translate("The DOG sees a zebra!").read)


def test_a_decoder_reads_begin_and_then_its_own_language() -> None:
    whole = translator(source_reversed=True)
    x_TI, names = embed_text(whole, "decoder", "der hund")
    assert names == ("begin", "der", "hund")
    tokens = [BEGIN, *whole.target.encode("der hund")]
    assert torch.equal(x_TI, whole.model.write.weight.detach()[tokens].double())


def test_the_encoders_states_are_those_of_the_run_itself() -> None:
    """Layer 1 of the fused encoder after the last token, in float32."""
    whole = translator(cell="lstm", layers=1)
    networks = trained_networks(whole, "encoder", Exploration(SMALL, "the dog sees the dog"))
    (trace,), *_ = networks.model.traces(networks.x_STBI)
    tokens = torch.tensor(whole.source.encode("the dog sees the dog"))[:, None]
    with torch.no_grad():
        _, last = whole.model.encoder(whole.model.read(tokens))
    for ours, theirs in zip(trace.last, last, strict=True):
        torch.testing.assert_close(ours[0], theirs[0].double(), rtol=0, atol=1e-6)


def test_a_text_of_which_nothing_is_left_is_explained() -> None:
    with pytest.raises(BadSetting, match="type a word"):
        trained_networks(translator(), "encoder", Exploration(SMALL, "?!"))
    assert trained_networks(translator(), "encoder", Exploration(SMALL, "  ")).tokens == ("",) * 11


def test_an_endless_text_is_cut() -> None:
    networks = trained_networks(translator(), "decoder", Exploration(SMALL, "hund " * 10_000))
    assert len(networks.tokens) == MAX_STEPS


TINY = {"hidden_size": 5, "sequence_length": 12, "input_size": 3, "seeds": 3, "seed": 7}

STARTS: tuple[dict[str, Any], ...] = (
    {"cell": "rnn", "recurrent_gain": 1.5},
    {"cell": "rnn", "nonlinearity": "relu", "initialisation": "identity"},
    {"cell": "lstm", "forget_bias": 2.0, "initialisation": "orthogonal"},
    {"cell": "gru", "update_bias": -1.0, "loss": "sum"},
    {"cell": "gru", "recurrent_gain": 0.0},
)


@pytest.mark.parametrize("start", STARTS, ids=lambda s: " ".join(map(str, s.values())))
def test_the_curve_is_the_experiments_own_with_one_sample(start: Mapping[str, Any]) -> None:
    settings = {**TINY, **start}
    curve = gradient_curve(fresh_networks(Exploration(ExplorerConfig.from_flat(settings))))
    config = GradientDecayConfig.from_flat({**settings, "batch_size": 1, "spectrum": False})
    events = list(GRADIENT_DECAY.measure(config))
    assert curve.rows == [event for event in events if isinstance(event, GradientRow)]
    assert [curve.summary] == [e for e in events if isinstance(e, GradientDecaySummary)]
    assert len(curve.rows) == TINY["seeds"] * TINY["sequence_length"]


def test_what_is_explored_by_default_differs_from_the_experiment_in_samples_alone() -> None:
    ours, theirs = ExplorerConfig().flat(), GradientDecayConfig().flat()
    assert {name for name in theirs if ours[name] != theirs[name]} == {"batch_size", "spectrum"}


@pytest.mark.parametrize("letters", ["a", "ab", "a b a"])
def test_a_short_text_has_a_curve_too(letters: str) -> None:
    config = ExplorerConfig.from_flat({**TINY, "cell": "lstm"})
    rows = gradient_curve(fresh_networks(Exploration(config, letters))).rows
    assert [row.steps_back for row in rows] == 3 * list(range(len(letters)))


def test_the_curve_of_a_text_is_autograds() -> None:
    """∂L/∂x_t of torch.nn's LSTM that reads the same letters, for the loss v·h_T."""
    config = ExplorerConfig.from_flat({**TINY, "cell": "lstm", "seeds": 1})
    networks = fresh_networks(Exploration(config, "hello", one_hot=True))
    layer = torch.nn.LSTM(4, 5, dtype=torch.float64)
    layer.load_state_dict({n: p[0] for n, p in networks.model.state_dict().items()})
    x_TBI = one_hot(split_letters("hello").letters)[:, None].requires_grad_()
    (networks.grad_loss_SBH[0] * layer(x_TBI)[0][-1]).sum().backward()
    assert x_TBI.grad is not None
    expected = x_TBI.grad.norm(dim=-1)[:, 0].log10().flip(0)
    ours = [row.log10_input_gradient for row in gradient_curve(networks).rows]
    assert ours == pytest.approx(expected.tolist(), abs=1e-12)


@pytest.mark.parametrize("text", ["", "hello"])
def test_all_positions_of_a_slider_are_what_each_is_alone(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.measure.gradients.BLOCK_BYTES", 20_000)  # more than one block
    many = [
        fresh_networks(Exploration(ExplorerConfig.from_flat({**TINY, **start}), text))
        for start in ({"cell": "lstm"}, {"cell": "lstm", "forget_bias": 3.0})
    ]
    together = gradient_curves(many)
    for curve, networks in zip(together, many, strict=True):
        alone = gradient_curve(networks)
        assert curve.decays[0].half_distance_steps == pytest.approx(
            alone.decays[0].half_distance_steps
        )
        ours = [row.log10_input_gradient for row in curve.rows]
        theirs = [row.log10_input_gradient for row in alone.rows]
        assert ours == pytest.approx(theirs, abs=1e-12)
        assert [row.seed for row in curve.rows] == [row.seed for row in alone.rows]
    assert together[0].rows != together[1].rows


def test_a_gain_and_a_bias_change_trained_weights_by_as_much() -> None:
    whole = translator(cell="lstm")
    usual = trained_networks(whole, "encoder", Exploration(SMALL)).model
    asked = ExplorerConfig.from_flat(
        {**SMALL.flat(), "cell": "lstm", "recurrent_gain": 2.0, "forget_bias": 1.5}
    )
    moved = trained_networks(whole, "encoder", Exploration(asked)).model
    assert torch.equal(moved.weight_hh_l0, 2 * usual.weight_hh_l0)
    assert torch.equal(moved.weight_ih_l0, usual.weight_ih_l0)
    change = (moved.bias_ih_l0 - usual.bias_ih_l0)[0].detach().view(4, -1)
    forget = moved.cell.weight_blocks.index("forget")
    assert change[forget].tolist() == pytest.approx([1.5] * 4)
    assert float(change.abs().sum()) == pytest.approx(6.0)


def test_training_here_has_the_numbers_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.explorer.exploration.TRAINING_STEPS", 4)
    monkeypatch.setattr("core.explorer.exploration.SNAPSHOTS", 3)
    config = ExplorerConfig.from_flat({**TINY, "cell": "gru", "hidden_size": 4})
    found = list(training_snapshots(config))
    events = list(GRADIENT_DECAY.measure(training_config(config)))
    assert [snapshot.training_step for snapshot in found] == [0, 2, 4]
    assert [row for s in found for row in s.curve.rows] == [
        event for event in events if isinstance(event, GradientRow)
    ]
    (summary,) = (event for event in events if isinstance(event, GradientDecaySummary))
    assert found[-1].curve.summary == summary
    assert found[0].losses != found[-1].losses
