"""What is stepped: fresh networks and their letters, and the weights that a finished run kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from core.experiments.gradient_decay import GradientDecayConfig
from core.experiments.gradient_decay_run import Study
from core.experiments.length_quality import LengthQualityConfig
from core.experiments.length_quality_model import shape_of
from core.experiments.length_quality_translating import Translator
from core.exploring.exploration import LONGEST, Exploration, ExplorerConfig, Part
from core.exploring.networks import drawn, fresh, one_hot, read, trained
from core.models.seq2seq import Seq2Seq
from core.settings import BadSetting
from core.tasks.pairs import BEGIN, UNKNOWN, Words

SMALL = ExplorerConfig.from_flat(
    {"hidden_size": 4, "sequence_length": 11, "input_size": 3, "seeds": 2}
)


def test_without_a_letter_each_seed_draws_what_gradient_decay_draws() -> None:
    theirs = Study(GradientDecayConfig(**{**dict(SMALL), "spectrum": True}), torch.device("cpu"))
    ours = fresh(Exploration(SMALL))
    assert torch.equal(ours.x_STBI, theirs.x_STBI)
    assert torch.equal(ours.grad_last_SBH, theirs.grad_last_SBH)
    assert ours.tokens == ("",) * 11


def test_a_letter_has_the_same_vector_in_every_text_and_for_every_seed() -> None:
    first, second = (fresh(Exploration(SMALL, text)) for text in ("cat", "at"))
    assert torch.equal(first.x_STBI[:, 1:], second.x_STBI)
    assert torch.equal(first.x_STBI[0], first.x_STBI[1])
    assert not torch.equal(first.x_STBI[0, 0], first.x_STBI[0, 1])
    assert (first.tokens, second.tokens) == (("c", "a", "t"), ("a", "t"))
    assert first.x_STBI.shape == (2, 3, 1, 3)


def test_typing_leaves_the_weights_as_they_were_when_sizes_are_equal() -> None:
    ours, drawn_ones = fresh(Exploration(SMALL, "elevenlongs")), fresh(Exploration(SMALL))
    assert all(
        torch.equal(a, b)
        for a, b in zip(ours.model.parameters(), drawn_ones.model.parameters(), strict=True)
    )


def test_vectors_are_standard_normal() -> None:
    x_TI = drawn([chr(0x4E00 + number) for number in range(200)], 50)
    assert abs(float(x_TI.mean())) < 5 / 10_000**0.5
    assert abs(float(x_TI.var()) - 1) < 5 * (2 / 10_000) ** 0.5


def test_one_hot_letters_are_unit_vectors_in_the_order_in_which_they_come_up() -> None:
    assert one_hot("abca").tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]
    networks = fresh(Exploration(SMALL, "abca", one_hot=True))
    assert networks.config.input_size == 3
    assert networks.x_STBI[:, :, 0].tolist() == 2 * [one_hot("abca").tolist()]


def translator(**settings: Any) -> Translator:
    """An untrained one of a two-layer model with words of its own."""
    asked = {"hidden_size": 4, "layers": 2, "embedding_size": 3, **settings}
    config = LengthQualityConfig.from_flat(asked)
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
    found = trained(whole, part, Exploration(SMALL))
    kept = whole.model.state_dict()
    names = [name for name, _ in found.model.named_parameters()]
    assert names == ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
    for name, parameter in found.model.named_parameters():
        for of_seed in parameter:
            assert torch.equal(of_seed, kept[f"{part}.{name}"].double())
    shape = getattr(whole.model, part).architecture
    assert found.config.architecture.nonlinearity == shape.nonlinearity
    assert found.config.architecture.variant == shape.cell
    assert found.x_STBI.shape == (2, 11, 1, 3)
    assert not torch.equal(found.x_STBI[0], found.x_STBI[1])


@pytest.mark.parametrize("reversed_", [False, True])
def test_an_encoder_reads_a_text_as_its_run_does(*, reversed_: bool) -> None:
    whole = translator(source_reversed=reversed_)
    x_TI, names = read(whole, "encoder", "The DOG sees a zebra!")
    tokens = whole.source.encode("the dog sees a zebra")
    assert tokens[-2:] == (UNKNOWN, UNKNOWN)
    order = tokens[::-1] if reversed_ else tokens
    assert torch.equal(x_TI, whole.model.read.weight.detach()[list(order)].double())
    assert list(names) == whole.source.pieces(order)
    assert names == tuple(whole.translate("The DOG sees a zebra!").read)


def test_a_decoder_reads_begin_and_then_its_own_language() -> None:
    whole = translator(source_reversed=True)
    x_TI, names = read(whole, "decoder", "der hund")
    assert names == ("begin", "der", "hund")
    tokens = [BEGIN, *whole.target.encode("der hund")]
    assert torch.equal(x_TI, whole.model.write.weight.detach()[tokens].double())


def test_the_encoders_states_are_those_of_the_run_itself() -> None:
    """Layer 1 of the fused encoder after the last token, in float32."""
    whole = translator(cell="lstm", layers=1)
    found = trained(whole, "encoder", Exploration(SMALL, "the dog sees the dog"))
    (trace,), *_ = found.model.traces(found.x_STBI)
    tokens = torch.tensor(whole.source.encode("the dog sees the dog"))[:, None]
    with torch.no_grad():
        _, last = whole.model.encoder(whole.model.read(tokens))
    for ours, theirs in zip(trace.last, last, strict=True):
        torch.testing.assert_close(ours[0], theirs[0].double(), rtol=0, atol=1e-6)


def test_a_text_of_which_nothing_is_left_is_explained() -> None:
    with pytest.raises(BadSetting, match="type a word"):
        trained(translator(), "encoder", Exploration(SMALL, "?!"))
    assert trained(translator(), "encoder", Exploration(SMALL, "  ")).tokens == ("",) * 11


def test_an_endless_text_is_cut() -> None:
    found = trained(translator(), "decoder", Exploration(SMALL, "hund " * 10_000))
    assert len(found.tokens) == LONGEST
