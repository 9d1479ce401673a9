"""Seq2seq models: padding is never read, attention is its equation, shapes are visible."""

from __future__ import annotations

import itertools

import pytest
import torch

from core.models.architecture import Architecture
from core.models.decoding import attention_map, beam, greedy
from core.models.registry import cell_kinds, variants
from core.models.seq2seq import AttentionName, Padded, Seq2Seq, Seq2SeqShape
from core.settings import BadSetting
from core.tasks.corpora import BEGIN, END, PADDING
from tests.core.made import every_variant

ATTENTIONS: tuple[AttentionName, ...] = ("none", "additive", "dot", "general")

LENGTHS = (3, 7, 1, 5, 7)


def model(
    variant: str = "lstm", attention: AttentionName = "dot", layers: int = 1, decoder: str = ""
) -> Seq2Seq:
    size = {"hidden_size": 8, "layers": layers}
    kind = variants()[decoder or variant.removeprefix("bi-")]
    shape = Seq2SeqShape(
        encoder=Architecture.model_validate({**variants()[variant], **size}),
        decoder=Architecture.model_validate({**kind, **size}),
        attention=attention,
        source_vocabulary=12,
        target_vocabulary=11,
        embedding_size=6,
    )
    return Seq2Seq(shape, seed=3).eval()


def padded(lengths: tuple[int, ...] = LENGTHS, seed: int = 0) -> Padded:
    generator = torch.Generator().manual_seed(seed)
    tokens_SB = torch.full((max(lengths), len(lengths)), PADDING)
    for sentence, length in enumerate(lengths):
        tokens_SB[:length, sentence] = torch.randint(4, 12, (length,), generator=generator)
    return Padded(tokens_SB, torch.tensor(lengths))


def alone(source: Padded, sentence: int) -> Padded:
    length = int(source.lengths_B[sentence])
    return Padded(
        source.tokens_SB[:length, sentence : sentence + 1], source.lengths_B[sentence][None]
    )


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("variant", every_variant())
@pytest.mark.parametrize("layers", [1, 2])
def test_a_padded_batch_and_its_sequences_one_by_one_give_the_same(
    variant: str, attention: AttentionName, layers: int
) -> None:
    net, source = model(variant, attention, layers).double(), padded()
    written_TB = torch.randint(4, 11, (6, len(LENGTHS)), generator=torch.Generator().manual_seed(1))
    together_BTV = net(source, written_TB)
    for sentence in range(len(LENGTHS)):
        single_BTV = net(alone(source, sentence), written_TB[:, sentence : sentence + 1])
        assert torch.allclose(together_BTV[sentence], single_BTV[0], rtol=0, atol=1e-12)


def test_the_measure_finds_a_model_that_reads_padding() -> None:
    net, source = model("bi-lstm"), padded()
    wrong = Padded(source.tokens_SB, torch.full_like(source.lengths_B, max(LENGTHS)))
    written_TB = torch.full((4, len(LENGTHS)), 5)
    assert not torch.allclose(net(source, written_TB), net(wrong, written_TB), atol=1e-3)


@pytest.mark.parametrize("attention", ["additive", "dot", "general"])
def test_weights_sum_to_one_over_what_is_real(attention: AttentionName) -> None:
    net, source = model("bi-gru", attention), padded()
    weights_BTS = net.decode(torch.full((4, len(LENGTHS)), 5), net.encode(source)).weights_BTS
    assert weights_BTS is not None
    assert torch.allclose(weights_BTS.sum(-1), torch.ones(len(LENGTHS), 4))
    for sentence, length in enumerate(LENGTHS):
        assert torch.all(weights_BTS[sentence, :, length:] == 0)


def test_scores_are_the_papers_equations() -> None:
    h, states = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    pairs = list(itertools.product(range(2), range(3), range(5)))
    for name in ("dot", "general", "additive"):
        net = model("lstm", name).attention  # type: ignore[arg-type]
        memory = model().bridge.memory(states.transpose(0, 1), states[..., 0] > -9)
        scores = net.scores(h, net.keys(memory).keys_BSA)
        for b, t, s in pairs:
            query, key = h[b, t], states[b, s]
            expected = {
                "dot": lambda q, k, n: q @ k,
                "general": lambda q, k, n: q @ n.key.weight @ k,
                "additive": lambda q, k, n: (
                    n.score.weight[0]
                    @ torch.tanh(n.query.weight @ q + n.query.bias + n.key.weight @ k)
                ),
            }[name](query, key, net)
            assert torch.allclose(scores[b, t, s], expected, atol=1e-5)


def test_without_attention_the_decoder_receives_one_vector_whatever_the_length() -> None:
    """The chapter's (1, 3, 128) and (1, 1, 128)."""
    size = {"cell": "lstm", "hidden_size": 128}
    for attention, reads in (("none", (1, 1, 128)), ("dot", (1, 3, 128))):
        shape = Seq2SeqShape(
            Architecture.model_validate(size),
            Architecture.model_validate(size),
            attention,
            12,
            11,
            6,
        )
        net = Seq2Seq(shape)
        received = net.received(net.encode(padded((3,))))
        assert received["encoder states"] == (1, 3, 128)
        assert received["decoder reads"] == reads


def test_attention_off_and_on_have_equally_many_parameters() -> None:
    counts = {name: sum(p.numel() for p in model("lstm", name).parameters()) for name in ATTENTIONS}
    assert counts["none"] == counts["dot"]
    assert counts["general"] - counts["dot"] == 8 * 8


@pytest.mark.parametrize("decoder", ["bi-rnn", "bi-lstm", "bi-gru"])
def test_a_bidirectional_decoder_is_refused_with_the_reason(decoder: str) -> None:
    with pytest.raises(BadSetting, match="needs tokens that have not been generated yet"):
        model("lstm", decoder=decoder)


@pytest.mark.parametrize("encoder", every_variant())
@pytest.mark.parametrize("decoder", cell_kinds())
def test_every_encoder_serves_every_decoder(encoder: str, decoder: str) -> None:
    net = model(encoder, "dot", 2, decoder)
    assert net(padded(), torch.full((2, len(LENGTHS)), 5)).shape == (len(LENGTHS), 2, 11)


def test_the_same_seed_is_the_same_model() -> None:
    first, second = model().state_dict(), model().state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("variant", ["rnn", "bi-lstm", "gru"])
class TestDecoding:
    def test_step_by_step_is_the_same_as_all_at_once(self, variant, attention) -> None:
        net, source = model(variant, attention), padded()
        for sentence, output in enumerate(greedy(net, source, 9)):
            written = torch.tensor([BEGIN, *output.tokens])[:, None]
            with torch.no_grad():
                log_p_TV = net(alone(source, sentence), written)[0].log_softmax(-1)
            expected = [*output.tokens, *([END] if output.finished else [])]
            total = sum(float(log_p_TV[t, token]) for t, token in enumerate(expected))
            assert log_p_TV[: len(expected)].argmax(-1).tolist() == expected
            assert output.log_probability == pytest.approx(total, abs=1e-4)
            assert output.score == pytest.approx(total / len(expected), abs=1e-4)

    def test_a_beam_of_one_is_greedy(self, variant, attention) -> None:
        net, source = model(variant, attention), padded()
        assert [output for (output,) in beam(net, source, 1, 9)] == greedy(net, source, 9)

    def test_a_beam_never_scores_lower_than_greedy(self, variant, attention) -> None:
        net, source = model(variant, attention), padded(tuple(range(1, 21)), seed=5)
        for plain, outputs in zip(greedy(net, source, 9), beam(net, source, 4, 9), strict=True):
            assert outputs[0].score >= plain.score
            assert [h.score for h in outputs] == sorted((h.score for h in outputs), reverse=True)
            assert len({h.tokens for h in outputs}) == len(outputs)

    def test_a_batch_of_beams_is_each_sentence_by_itself(self, variant, attention) -> None:
        net, source = model(variant, attention), padded()
        for sentence, outputs in enumerate(beam(net, source, 3, 9)):
            (single,) = beam(net, alone(source, sentence), 3, 9)
            assert [h.tokens for h in outputs] == [h.tokens for h in single]
            assert [h.score for h in outputs] == pytest.approx([h.score for h in single], abs=1e-5)


def test_a_wide_beam_over_two_steps_finds_the_best_of_all_sentences() -> None:
    net, source = model("gru"), padded((4,))
    with torch.inference_mode():
        log_p_V = net(source, torch.tensor([[BEGIN]]))[0, 0].log_softmax(-1)
        scores = {(): float(log_p_V[END])}
        for first in set(range(11)) - {END}:
            after_V = net(source, torch.tensor([[BEGIN], [first]]))[0, 1].log_softmax(-1)
            for second in range(11):
                tokens = (first,) if second == END else (first, second)
                scores[tokens] = float(log_p_V[first] + after_V[second]) / 2
    (outputs,) = beam(net, source, 200, 2)
    best = max(scores, key=scores.__getitem__)
    assert outputs[0].tokens == best
    assert outputs[0].score == pytest.approx(scores[best], abs=1e-5)


def test_the_map_has_a_row_for_every_token_and_the_end() -> None:
    net, source = model("lstm", "dot"), padded((5,))
    weights_TS = attention_map(net, source, (4, 5, 6))
    assert weights_TS is not None
    assert weights_TS.shape == (4, 5)
    assert attention_map(model("lstm", "none"), source, (4, 5, 6)) is None
