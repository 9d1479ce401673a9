"""How `length-quality` is measured: train a model, then judge what it writes by length."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence

import torch

from core.bottleneck import bottleneck
from core.device import device_sentence, resolve_device
from core.experiment import Artifact, Event, Progress
from core.experiments.length_quality import Decoding, LengthQualityConfig, LengthQualitySummary
from core.experiments.length_quality_judging import (
    TEXT_BUCKET,
    buckets,
    judge,
    length_rows,
    longest_trained,
    position_rows,
    sample_rows,
)
from core.experiments.length_quality_model import build, corpus_of
from core.experiments.length_quality_training import Course
from core.experiments.length_quality_work import judging_work, run_work, step_work
from core.models.seq2seq import Seq2Seq
from core.quality import (
    Judged,
    bleu,
    bleu_signature,
    chrf,
    exact_match,
    token_accuracy,
)
from core.statistics import MISSING
from core.tasks.corpora import Corpus
from core.tasks.pairs import Words
from core.tasks.subwords import Subwords


def measure(config: LengthQualityConfig, checkpoint: bytes | None = None) -> Iterator[Event]:
    """Training, the model, then both ways of decoding; the summary comes last."""
    torch.set_num_threads(config.threads)
    device = resolve_device(config.device, "float32")
    total = run_work(config)
    yield Progress(0, total, device_sentence(device))
    corpus = corpus_of(config)
    model = build(config, corpus, device)
    course = Course(config, corpus, model, device)
    if checkpoint is not None:
        course.load(checkpoint)
    yield from course.events(total, step_work(config))
    yield from model_files(config, corpus, model)
    done = config.training_steps * step_work(config)
    free: list[Judged] = []
    trained = longest_trained(config, corpus)
    ways: tuple[Decoding, ...] = ("free", "forced")
    for decoding in ways:
        found: list[Judged] = []
        for batch in judge(config, corpus, model, decoding, device):
            found += batch
            done += judging_work(config) * len(batch) / len(corpus.test) / len(ways)
            yield Progress(done, total, f"judging, {decoding}")
        yield from length_rows(config, found, decoding, trained)
        yield from position_rows(config, found, decoding)
        free = free or found
    yield from sample_rows(config, corpus, model, free, device)
    yield summarise(config, course, free)


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
    config: LengthQualityConfig, course: Course, free: Sequence[Judged]
) -> LengthQualitySummary:
    """Of the free-running outputs."""
    language = config.task not in ("copy", "reverse")
    width = 1 if config.synthetic else TEXT_BUCKET
    falls = bottleneck(buckets(free, "source", width), config.quality)
    within = [one for one in free if one.source_words <= config.longest_trained]
    beyond = [one for one in free if one.source_words > config.longest_trained]
    return LengthQualitySummary(
        bottleneck_length=falls.length,
        token_accuracy=token_accuracy(free),
        exact_match=exact_match(free),
        bleu=bleu(free) if language else MISSING,
        chrf=chrf(free) if language else MISSING,
        within_accuracy=token_accuracy(within),
        beyond_accuracy=token_accuracy(beyond),
        above_blind=falls.above_blind,
        never_below_half=int(falls.never),
        context_size=config.architecture.hidden_size,
        parameters=sum(p.numel() for p in course.model.parameters()),
        training_seconds=course.seconds,
        steps_trained=course.trainer.step,
        signature=bleu_signature() if language else "",
    )
