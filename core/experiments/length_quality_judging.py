"""What a trained model makes of the test sentences, as rows: by length, by position, in samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch

from core.experiment import Row
from core.experiments.length_quality import (
    By,
    Decoding,
    LengthQualityConfig,
    LengthRow,
    LookRow,
    PositionRow,
    SampleRow,
)
from core.experiments.length_quality_model import as_read, written
from core.models.decoding import Hypothesis, attention_map, beam, most_tokens
from core.models.seq2seq import Padded, Seq2Seq
from core.quality import (
    Judged,
    bleu,
    by_length,
    chrf,
    exact_match,
    length_ratio,
    percent,
    token_accuracy,
)
from core.statistics import MISSING
from core.tasks.corpora import Corpus, words_in
from core.tasks.pairs import BEGIN, PADDING, Pair, padded_sources

AT_ONCE = 128
SAMPLES = 12
MOST_POSITIONS = 60
TEXT_BUCKET = 3
"""Words per bucket of a text; drawn sentences have a bucket for each length."""


def judge(
    config: LengthQualityConfig,
    corpus: Corpus,
    model: Seq2Seq,
    decoding: Decoding,
    device: torch.device,
) -> Iterator[list[Judged]]:
    """Every test pair, a batch at a time, in order of length."""
    model.eval()
    ordered = sorted(corpus.test, key=lambda pair: len(pair.source))
    for start in range(0, len(ordered), AT_ONCE):
        pairs = ordered[start : start + AT_ONCE]
        source = source_of([as_read(config, pair) for pair in pairs], device)
        if decoding == "free":
            longest = most_tokens(len(pairs[-1].source))
            found = [best[0] for best in beam(model, source, config.beam, longest)]
        else:
            outputs = forced(model, source, pairs)
            found = [Hypothesis(tokens, 0.0, 0.0, finished=True) for tokens in outputs]
        yield [judged(corpus, *both) for both in zip(pairs, found, strict=True)]


def source_of(pairs: Sequence[Pair], device: torch.device) -> Padded:
    """Sources side by side on the device; lengths stay on the CPU, as packing wants them."""
    tokens_SB, lengths_B = padded_sources([pair.source for pair in pairs])
    return Padded(tokens_SB.to(device), lengths_B)


@torch.inference_mode()
def forced(model: Seq2Seq, source: Padded, pairs: Sequence[Pair]) -> list[tuple[int, ...]]:
    """The likeliest token at each position when all before it are the reference's."""
    written_TB, _ = padded_sources([(BEGIN, *pair.target) for pair in pairs])
    best_BT = model(source, written_TB.to(source.tokens_SB.device)).argmax(-1).tolist()
    return [tuple(best[: len(pair.target)]) for best, pair in zip(best_BT, pairs, strict=True)]


def judged(corpus: Corpus, pair: Pair, output: Hypothesis) -> Judged:
    """An output beside its pair."""
    tokens = tuple(token for token in output.tokens if token != PADDING)
    reference_text = corpus.target.decode(pair.target)
    return Judged(
        source_words=words_in(corpus.source, pair.source),
        reference_words=len(reference_text.split()),
        reference=pair.target,
        output=tokens,
        reference_text=reference_text,
        output_text=corpus.target.decode(tokens),
        score=output.score,
        finished=output.finished,
    )


def length_rows(
    config: LengthQualityConfig,
    found: Sequence[Judged],
    decoding: Decoding,
    trained: Mapping[By, int],
) -> Iterator[LengthRow]:
    """By source and by reference length. BLEU and chrF only of what people read, and free."""
    language = decoding == "free" and config.task not in ("copy", "reverse")
    width = 1 if config.synthetic else TEXT_BUCKET
    sides: tuple[By, ...] = ("source", "reference")
    for by in sides:
        for length, members in buckets(found, by, width).items():
            yield LengthRow(
                by=by,
                decoding=decoding,
                seed=config.seed,
                length=length,
                token_accuracy=token_accuracy(members),
                exact_match=exact_match(members),
                bleu=bleu(members) if language else MISSING,
                chrf=chrf(members) if language else MISSING,
                length_ratio=length_ratio(members),
                sentences=len(members),
                trained=int(all(words(one, by) <= trained[by] for one in members)),
            )


def buckets(found: Sequence[Judged], by: By, width: int) -> dict[int, list[Judged]]:
    """By the length of that side."""
    return by_length(found, lambda one: words(one, by), width)


def words(one: Judged, by: By) -> int:
    """The length of that side."""
    return one.source_words if by == "source" else one.reference_words


def longest_trained(config: LengthQualityConfig, corpus: Corpus) -> dict[By, int]:
    """In words: sources up to the limit, and the longest reference that came with them."""
    references = (words_in(corpus.target, pair.target) for pair in corpus.train)
    return {"source": config.longest_trained, "reference": max(references)}


def position_rows(
    config: LengthQualityConfig, found: Sequence[Judged], decoding: Decoding
) -> Iterator[PositionRow]:
    """Accuracy of the first token, of the second, …"""
    for index in range(MOST_POSITIONS):
        there = [one for one in found if len(one.reference) > index]
        if not there:
            return
        right = [one.output[index : index + 1] == one.reference[index : index + 1] for one in there]
        accuracy = percent(right, [1] * len(there))
        yield PositionRow(decoding, config.seed, index + 1, accuracy)


def sample_rows(
    config: LengthQualityConfig,
    corpus: Corpus,
    model: Seq2Seq,
    found: Sequence[Judged],
    device: torch.device,
) -> Iterator[Row]:
    """Sentences evenly spaced over the lengths, and where the decoder looked for each token."""
    ordered = sorted(corpus.test, key=lambda pair: len(pair.source))
    count = min(SAMPLES, len(ordered))
    chosen = [round(i * (len(ordered) - 1) / max(1, count - 1)) for i in range(count)]
    for sample, index in enumerate(chosen, start=1):
        pair, one = ordered[index], found[index]
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
        yield from look_rows(config, corpus, model, sample, pair, one, device)


def look_rows(
    config: LengthQualityConfig,
    corpus: Corpus,
    model: Seq2Seq,
    sample: int,
    pair: Pair,
    one: Judged,
    device: torch.device,
) -> Iterator[LookRow]:
    """A sample's attention map; nothing without attention."""
    read = as_read(config, pair).source
    weights_TS = attention_map(model, source_of([as_read(config, pair)], device), one.output)
    if weights_TS is None:
        return
    sources = corpus.source.pieces(read)
    targets = written(corpus.target, one.output, finished=one.finished)
    for place, (target, row) in enumerate(zip(targets, weights_TS.tolist(), strict=True), start=1):
        for position, (source, weight) in enumerate(zip(sources, row, strict=True), start=1):
            yield LookRow(config.seed, sample, place, position, weight, target, source)
