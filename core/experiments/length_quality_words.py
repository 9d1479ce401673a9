"""What `length-quality` found, in words, and how much work it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.experiments.length_quality import LengthQualityConfig
from core.parameters import multiply_accumulates

if TYPE_CHECKING:
    import pandas

TEXT_WORDS = 12
"""Of a usual sentence of a text."""
STEP_OVERHEAD = 2e6
"""Multiply-accumulates in the time that one recurrent step's calls take."""


def run_work(config: LengthQualityConfig) -> float:
    """Multiply-accumulates of training and judging."""
    return config.training_steps * step_work(config) + judging_work(config)


def step_work(config: LengthQualityConfig) -> float:
    """Of one training step: forward, and twice that back."""
    words = (config.shortest + config.longest_trained) / 2 if config.synthetic else TEXT_WORDS
    return 3 * words * (config.batch_size * _word_work(config) + STEP_OVERHEAD)


def judging_work(config: LengthQualityConfig) -> float:
    """Of writing every test sentence, twice."""
    words = (config.shortest + config.longest_tested) / 2 if config.synthetic else TEXT_WORDS
    sentences = 1000
    if config.synthetic:
        sentences = config.tested_pairs * (config.longest_tested - config.shortest + 1)
    return 3 * config.beam * sentences * words * _word_work(config)


def _word_work(config: LengthQualityConfig) -> float:
    """Of reading a source token and writing a target token."""
    outputs = 150 if config.synthetic else config.vocabulary
    size = config.architecture.hidden_size
    reads = multiply_accumulates(config.architecture, config.embedding_size)
    writes = multiply_accumulates(config.decoding_architecture, config.embedding_size)
    return reads + writes + 2 * size * size + size * outputs


def run_in_words(config: LengthQualityConfig, summary: Mapping[str, Any]) -> str:
    """One run in words."""
    return f"{config.architecture.label}: {summary['token_accuracy']:.1f}%"


def comparison_in_words(runs: pandas.DataFrame) -> str:
    """The comparison in words."""
    return f"{len(runs)} runs"
