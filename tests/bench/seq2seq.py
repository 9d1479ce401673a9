"""What training and translating cost beyond the model's own arithmetic.

    python -m tests.bench seq2seq

Ratios within one run: the contenders take turns, and medians are compared. One thread.

Shapes: B batch, S source steps, T target steps, H hidden, E embedding, N real target tokens.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from rich.table import Table
from torch import Tensor

from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.length_quality.declaration import EVAL_BATCH_SIZE, LengthQualityConfig
from core.experiments.length_quality.judging import source_of
from core.experiments.length_quality.model import build, corpus_of
from core.experiments.length_quality.training import ModelTraining
from core.models.decoding import greedy
from core.models.seq2seq import Seq2Seq
from core.tasks.corpora import PADDING, Corpus, PairBatch
from tests.bench.gradients import table_of

ROUNDS = 30

CPU = torch.device("cpu")

SENTENCES = 1000

SINGLY = 100
"""Translated one at a time, for the rate: all of them would take minutes."""


def tables() -> list[Table]:
    """Training, then translating; takes about two minutes."""
    torch.set_num_threads(1)
    return [training_table(), decoding_table()]


def config(attention: str, **settings: Any) -> LengthQualityConfig:
    """An LSTM on the grammar; 256 units and 20 words unless the settings say otherwise."""
    asked = {
        "attention": attention,
        "hidden_size": 256,
        "embedding_size": 256,
        "batch_size": 128,
        "longest_trained": 20,
        "longest_tested": 20,
        "training_pairs": 20_000,
        "tested_pairs": 60,
        "training_steps": 10_000,
        **settings,
    }
    return LENGTH_QUALITY.configs(["lstm"], {name: [value] for name, value in asked.items()})[0]  # type: ignore[return-value]


def training_table() -> Table:
    """A whole training step against forward and backward of the bare layers, batch by batch."""
    title = (
        "Training step, LSTM 256, batch 128: batch, model, loss, clipping, Adam and records over "
        "forward + backward of embedding, LSTMs and linear layers (aim: ≤ 1.15, dot: ≤ 1.5)"
    )
    rows = []
    for attention in ("none", "dot"):
        floor, ours = step_seconds(config(attention))
        ratio = f"{ours / floor:.2f} ×"
        rows.append((attention, f"{1000 * floor:.1f} ms", f"{1000 * ours:.1f} ms", ratio))
    return table_of(title, ("attention", "bare layers", "training step", "takes"), rows)


def step_seconds(asked: LengthQualityConfig) -> tuple[float, float]:
    """Median of the bare pass and of the whole step, on the same batches in turns."""
    corpus = corpus_of(asked)
    training = ModelTraining(asked, corpus, build(asked, corpus, CPU), CPU)
    bare = bare_pass(build(asked, corpus, CPU))
    times: list[tuple[float, float]] = []
    for batch in itertools.islice(training.batches.epoch(0), ROUNDS + 3):
        tokens = int((batch.target_TB != PADDING).sum())
        gradient_NV = torch.randn(tokens, corpus.target.size)
        times.append((timed(partial(bare, batch, gradient_NV)), timed(training.advance)))
    return statistics.median(t[0] for t in times[3:]), statistics.median(t[1] for t in times[3:])


def timed(action: Callable[[], object]) -> float:
    """Seconds."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def bare_pass(model: Seq2Seq) -> Callable[[PairBatch, Tensor], object]:
    """Forward and backward of the layers alone, for a given gradient of the scores (NV)."""
    parameters = [p for name, p in model.named_parameters() if not name.startswith("attention")]

    def run(batch: PairBatch, gradient_NV: Tensor) -> object:
        _, state = model.encoder(model.read(batch.source_SB))
        h_TBH, _ = model.decoder(model.write(batch.input_TB), state)
        real_N = (batch.target_TB != PADDING).flatten()
        h_NH = h_TBH.flatten(0, 1)[real_N]
        scores_NV = model.output(model.combine(torch.cat([h_NH, h_NH], dim=-1)).tanh())
        return torch.autograd.grad(scores_NV, parameters, gradient_NV)

    return run


def decoding_table() -> Table:
    """Greedy search over many sentences at once against one at a time."""
    title = f"Greedy search, {SENTENCES:,} sentences of 20 words (aim: ≥ 10 × faster)"
    rows = []
    for attention in ("none", "dot"):
        asked = config(attention, shortest=20, tested_pairs=SENTENCES)
        corpus = corpus_of(asked)
        model = build(asked, corpus, CPU).eval()
        together = timed(partial(translate, model, corpus, EVAL_BATCH_SIZE, SENTENCES))
        alone = timed(partial(translate, model, corpus, 1, SINGLY)) * SENTENCES / SINGLY
        faster = f"{alone / together:.1f} ×"
        rows.append((attention, f"{alone:.1f} s", f"{together:.2f} s", faster))
    return table_of(
        title, ("attention", "one at a time", f"{EVAL_BATCH_SIZE} at once", "faster by"), rows
    )


def translate(model: Seq2Seq, corpus: Corpus, at_once: int, count: int) -> None:
    """An untrained model writes up to the limit: every sentence costs the same."""
    for start in range(0, count, at_once):
        greedy(model, source_of(corpus.test[start : start + at_once], CPU), 22)
