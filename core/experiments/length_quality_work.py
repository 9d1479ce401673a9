"""About how much work a `length-quality` config is, in multiply-accumulates."""

from __future__ import annotations

from core.experiments.length_quality import LengthQualityConfig
from core.parameters import multiply_accumulates

TEXT_WORDS = 14
"""Tokens of a usual sentence of a text."""
TEXT_SENTENCES = 1000
STEP_OVERHEAD = 2e6
"""Multiply-accumulates in the time that one recurrent step's calls take."""
DRAWN_VOCABULARY = 150


def run_work(config: LengthQualityConfig) -> float:
    """Training and judging."""
    return config.training_steps * step_work(config) + judging_work(config)


def step_work(config: LengthQualityConfig) -> float:
    """Of one training step: forward, and twice that back."""
    words = (config.shortest + config.longest_trained) / 2 if config.synthetic else TEXT_WORDS
    return 3 * words * (config.batch_size * _word_work(config) + STEP_OVERHEAD)


def judging_work(config: LengthQualityConfig) -> float:
    """Of writing every test sentence, and of reading it once more."""
    words, sentences = TEXT_WORDS, TEXT_SENTENCES
    if config.synthetic:
        words = (config.shortest + config.longest_tested) // 2
        sentences = config.tested_pairs * (config.longest_tested - config.shortest + 1)
    return (2 * config.beam + 1) * sentences * words * _word_work(config)


def _word_work(config: LengthQualityConfig) -> float:
    """Of reading a source token and writing a target token."""
    outputs = DRAWN_VOCABULARY if config.synthetic else config.vocabulary
    size = config.architecture.hidden_size
    reads = multiply_accumulates(config.architecture, config.embedding_size)
    writes = multiply_accumulates(config.decoding_architecture, config.embedding_size)
    return reads + writes + 2 * size * size + size * outputs
