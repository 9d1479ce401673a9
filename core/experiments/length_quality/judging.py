"""What a trained model writes for the test sentences, as rows: by length, by position, samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter

import torch

from core.experiment import Row
from core.experiments.length_quality.declaration import (
    EVAL_BATCH_SIZE,
    AttentionRow,
    By,
    Decoding,
    LengthQualityConfig,
    LengthRow,
    PositionRow,
    SampleRow,
)
from core.experiments.length_quality.model import as_read, output_labels
from core.measure.text_quality import (
    ScoredSentence,
    bleu,
    blind_accuracy,
    by_length,
    chrf,
    exact_match,
    length_ratio,
    token_accuracy,
)
from core.models.decoding import Hypothesis, attention_map, beam, max_output_tokens
from core.models.seq2seq import Padded, Seq2Seq
from core.stats.estimates import MISSING, Estimate, success_estimate
from core.tasks.corpora import BEGIN, PADDING, Corpus, Pair, padded_sources, words_in
from core.tasks.parallel_text import count_words

MAX_SAMPLES = 12

MAX_POSITIONS = 60


def judge(
    config: LengthQualityConfig,
    corpus: Corpus,
    model: Seq2Seq,
    decoding: Decoding,
    device: torch.device,
) -> Iterator[list[ScoredSentence]]:
    """Every test pair with the model's output, a batch at a time, in order of length."""
    model.eval()
    ordered = sorted(corpus.test, key=lambda pair: len(pair.source))
    for start in range(0, len(ordered), EVAL_BATCH_SIZE):
        pairs = ordered[start : start + EVAL_BATCH_SIZE]
        source = source_of([as_read(config, pair) for pair in pairs], device)
        if decoding == "free":
            longest = max_output_tokens(len(pairs[-1].source))
            outputs = [best[0] for best in beam(model, source, config.beam, longest)]
        else:
            outputs = forced(model, source, pairs)
        scored = []
        for pair, output in zip(pairs, outputs, strict=True):
            tokens = tuple(token for token in output.tokens if token != PADDING)
            reference_text = corpus.target.decode(pair.target)
            scored.append(
                ScoredSentence(
                    source_words=words_in(corpus.source, pair.source),
                    reference_words=count_words(reference_text),
                    reference=pair.target,
                    output=tokens,
                    reference_text=reference_text,
                    output_text=corpus.target.decode(tokens),
                    score=output.score,
                    finished=output.finished,
                )
            )
        yield scored


def source_of(pairs: Sequence[Pair], device: torch.device) -> Padded:
    """Sources side by side on the device; lengths stay on the CPU, as packing requires."""
    tokens_SB, lengths_B = padded_sources([pair.source for pair in pairs])
    return Padded(tokens_SB.to(device), lengths_B)


@torch.inference_mode()
def forced(model: Seq2Seq, source: Padded, pairs: Sequence[Pair]) -> list[Hypothesis]:
    """The likeliest token at each position when all before it are the reference's."""
    written_TB, _ = padded_sources([(BEGIN, *pair.target) for pair in pairs])
    best_BT = model(source, written_TB.to(source.tokens_SB.device)).argmax(-1).tolist()
    return [
        Hypothesis(tuple(best[: len(pair.target)]), 0.0, 0.0, finished=True)
        for best, pair in zip(best_BT, pairs, strict=True)
    ]


def length_rows(
    config: LengthQualityConfig,
    scored: Sequence[ScoredSentence],
    decoding: Decoding,
    trained: Mapping[By, int],
) -> Iterator[LengthRow]:
    """Quality by the length of each side; `trained` has its longest length in training.

    BLEU and chrF are computed for text only, and free-running only.
    """
    for by, longest in trained.items():
        for length, members in buckets(config, scored, by).items():
            scores = corpus_scores(config, members) if decoding == "free" else (MISSING, MISSING)
            yield LengthRow(
                by=by,
                decoding=decoding,
                seed=config.seed,
                length=length,
                token_accuracy=token_accuracy(members),
                exact_match=exact_match(members),
                bleu=MISSING if config.cased else scores[0],
                chrf=MISSING if config.cased else scores[1],
                cased_bleu=scores[0] if config.cased else MISSING,
                cased_chrf=scores[1] if config.cased else MISSING,
                length_ratio=length_ratio(members),
                blind_accuracy=blind_accuracy(members),
                sentences=len(members),
                trained=int(all(getattr(one, f"{by}_words") <= longest for one in members)),
            )


def corpus_scores(
    config: LengthQualityConfig, scored: Sequence[ScoredSentence]
) -> tuple[Estimate, Estimate]:
    """BLEU and chrF, cased or lowercased as the config says; digits have none."""
    if config.digits:
        return MISSING, MISSING
    words = bleu(scored, cased=config.cased, tokenise=config.tokenise)
    return words, chrf(scored, cased=config.cased)


def buckets(
    config: LengthQualityConfig, scored: Sequence[ScoredSentence], by: By
) -> dict[int, list[ScoredSentence]]:
    """The sentences by the length of one side."""
    return by_length(scored, attrgetter(f"{by}_words"), config.width)


def position_rows(
    config: LengthQualityConfig, scored: Sequence[ScoredSentence], decoding: Decoding
) -> Iterator[PositionRow]:
    """Accuracy of the first token, of the second, …"""
    for index in range(MAX_POSITIONS):
        right = [
            one.output[index : index + 1] == one.reference[index : index + 1]
            for one in scored
            if len(one.reference) > index
        ]
        if not right:
            return
        yield PositionRow(
            decoding=decoding,
            seed=config.seed,
            position=index + 1,
            token_accuracy=success_estimate(sum(right), len(right)),
        )


def sample_rows(
    config: LengthQualityConfig,
    corpus: Corpus,
    model: Seq2Seq,
    scored: Sequence[ScoredSentence],
    device: torch.device,
) -> Iterator[Row]:
    """Sentences evenly spaced over the lengths, each with its attention map if there is one."""
    ordered = sorted(corpus.test, key=lambda pair: len(pair.source))
    count = min(MAX_SAMPLES, len(ordered))
    chosen = [round(i * (len(ordered) - 1) / max(1, count - 1)) for i in range(count)]
    for sample, index in enumerate(chosen, start=1):
        pair, one = ordered[index], scored[index]
        yield SampleRow(
            seed=config.seed,
            sample=sample,
            length=one.source_words,
            score=one.score,
            exact=int(one.exact),
            source=corpus.source.decode(pair.source),
            reference=one.reference_text,
            output=one.output_text,
        )
        read = as_read(config, pair)
        weights_TS = attention_map(model, source_of([read], device), one.output)
        if weights_TS is None:
            continue
        sources = corpus.source.pieces(read.source)
        targets = output_labels(corpus.target, one.output, finished=one.finished)
        for written, weights_S in enumerate(weights_TS.tolist(), start=1):
            for place, (token, weight) in enumerate(zip(sources, weights_S, strict=True), start=1):
                yield AttentionRow(
                    seed=config.seed,
                    sample=sample,
                    written=written,
                    read=place,
                    weight=weight,
                    written_token=targets[written - 1],
                    read_token=token,
                )
