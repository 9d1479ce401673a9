"""How `length-quality` is measured: train a model, then judge what it writes by length."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence

import torch

from core.device import device_sentence, resolve_device
from core.experiment import Artifact, Event, Progress
from core.experiments.length_quality.declaration import (
    By,
    Decoding,
    LengthQualityConfig,
    LengthQualitySummary,
    judging_work,
    training_work,
    work,
)
from core.experiments.length_quality.judging import (
    buckets,
    corpus_scores,
    judge,
    length_rows,
    position_rows,
    sample_rows,
)
from core.experiments.length_quality.model import build, corpus_of
from core.experiments.length_quality.training import ModelTraining
from core.measure.text_quality import (
    Bottleneck,
    BottleneckQuality,
    ScoredSentence,
    bleu_applies,
    bleu_metric,
    bottleneck,
    exact_match,
    signature,
    token_accuracy,
)
from core.measure.tokenisation import tokenisation_of
from core.models.seq2seq import Seq2Seq
from core.stats.estimates import MISSING
from core.tasks.corpora import Corpus, Subwords, Words, words_in


def measure(config: LengthQualityConfig, checkpoint: bytes | None = None) -> Iterator[Event]:
    """Train, save the model's files, then decode in both ways; the summary comes last."""
    torch.set_num_threads(config.threads)
    device = resolve_device(config.device, "float32")
    total = work(config)
    yield Progress(0, total, device_sentence(device))
    said: list[str] = []
    corpus = corpus_of(config, said.append)
    for sentence in said:
        yield Progress(0, total, sentence)
    model = build(config, corpus, device)
    training = ModelTraining(config, corpus, model, device)
    if checkpoint is not None:
        training.load(checkpoint)
    yield from training.events(total)
    if training.diverged:  # what it writes is no measurement of how well it translates
        yield summarise(config, training, [])
        return
    yield from model_files(config, corpus, model)
    if config.tokenise == "auto":
        references = (corpus.target.decode(pair.target) for pair in corpus.test)
        config = config.model_copy(update={"tokenise": tokenisation_of(references)})
    longest = max(words_in(corpus.target, pair.target) for pair in corpus.train)
    trained: dict[By, int] = {"source": config.longest_trained, "reference": longest}
    outputs: dict[Decoding, list[ScoredSentence]] = {"free": [], "forced": []}
    decoding_work, scoring_work = judging_work(config)
    done, count = training_work(config), len(corpus.test)
    for decoding, scored in outputs.items():
        for batch in judge(config, corpus, model, decoding, device):
            scored += batch
            done += decoding_work / 2 * len(batch) / count
            yield Progress(done, total, f"decoding, {decoding}")
        for row in length_rows(config, scored, decoding, trained):
            yield row
            if decoding == "free":  # each sentence is in a row of either side
                done += scoring_work / 2 * row.sentences / count
                yield Progress(done, total, "scoring")
        yield from position_rows(config, scored, decoding)
    yield from sample_rows(config, corpus, model, outputs["free"], device)
    yield summarise(config, training, outputs["free"])


def model_files(config: LengthQualityConfig, corpus: Corpus, model: Seq2Seq) -> Iterator[Artifact]:
    """Weights, config and vocabularies: what is needed to translate with this model later."""
    weights = io.BytesIO()
    torch.save(model.state_dict(), weights)
    yield Artifact("model/weights.pt", weights.getvalue())
    yield Artifact("model/config.json", json.dumps(config.flat(), indent=2).encode())
    for side, codec in (("source", corpus.source), ("target", corpus.target)):
        if isinstance(codec, Subwords):
            yield Artifact(f"model/{side}.subwords", codec.model)
        elif isinstance(codec, Words):
            words = json.dumps(codec.words, ensure_ascii=False)
            yield Artifact(f"model/{side}.words.json", words.encode())


def summarise(
    config: LengthQualityConfig, training: ModelTraining, free: Sequence[ScoredSentence]
) -> LengthQualitySummary:
    """The summary of the free-running outputs; without any, of a model that diverged."""
    quality: BottleneckQuality = "token_accuracy" if config.synthetic else "bleu"
    halving = Bottleneck(MISSING, None, MISSING)
    if free:
        by_length = buckets(config, free, "source")
        shortest = next(iter(by_length.values()))  # what is left is a share of what these have
        if quality == "bleu" and not bleu_applies(shortest, config.tokenise):
            quality = "chrf"
        halving = bottleneck(by_length, quality, cased=config.cased, tokenise=config.tokenise)
    within = [one for one in free if one.source_words <= config.longest_trained]
    beyond = [one for one in free if one.source_words > config.longest_trained]
    scores = corpus_scores(config, free)
    metric = bleu_metric(cased=config.cased, tokenise=config.tokenise)
    return LengthQualitySummary(
        bottleneck=halving.length,
        token_accuracy=token_accuracy(free),
        exact_match=exact_match(free),
        bleu=MISSING if config.cased else scores[0],
        chrf=MISSING if config.cased else scores[1],
        cased_bleu=scores[0] if config.cased else MISSING,
        cased_chrf=scores[1] if config.cased else MISSING,
        within_accuracy=token_accuracy(within),
        beyond_accuracy=token_accuracy(beyond),
        above_blind=halving.above_blind,
        tested_up_to=halving.longest,
        context_size=config.architecture.hidden_size,
        parameters=sum(p.numel() for p in training.model.parameters()),
        training_seconds=training.seconds,
        steps_trained=training.trainer.step,
        signature="" if config.digits or not free else signature(metric),
        judged_by=config.chrf_title if free and quality == "chrf" else "",
        diverged=training.diverged,
    )
