"""Which finished runs measure a claim: their settings decide, not how often they were repeated."""

from __future__ import annotations

import math

import pandas

from core.chapter import claims_measured_by
from core.chapter.claim import Measurement, Results
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.throughput import THROUGHPUT
from tests.core.made import around, results, run

CHAPTER = Measurement("the chapter's RNN", GRADIENT_DECAY, ("rnn",), preset="chapter")


def test_a_run_counts_whatever_its_seeds_and_device() -> None:
    (config,) = CHAPTER.configs()
    assert CHAPTER.includes(
        {**config.flat(), "seed": 7, "seeds": 32, "device": "cuda", "threads": 2}
    )
    assert not CHAPTER.includes({**config.flat(), "sequence_length": 50})
    assert not CHAPTER.includes({**config.flat(), "initialisation": "orthogonal"})


def test_where_times_are_measured_threads_count() -> None:
    timed = Measurement("an LSTM", THROUGHPUT, ("lstm",), preset="chapter")
    config, *_ = timed.configs()
    assert timed.includes({**config.flat(), "repetitions": 50})
    assert not timed.includes({**config.flat(), "threads": 2})


def test_columns_of_a_table_may_be_nan_floats_and_objects() -> None:
    unclipped = Measurement("unclipped", MEMORY_SPAN, ("rnn",), {"clip": (None,)})
    (config,) = unclipped.configs()
    read = {**config.flat(), "clip": math.nan, "hidden_size": 64.0, "bidirectional": 0}
    assert unclipped.includes(read)
    assert not unclipped.includes({**read, "clip": 1.0})


def test_of_equal_runs_that_of_the_most_seeds_counts_and_then_the_newest() -> None:
    first, many, again, few = (
        run(GRADIENT_DECAY, preset="chapter", settings={"seeds": n}, decay_rate=around(0.5, n=n))
        for n in (8, 32, 32, 4)
    )
    (found,) = results(first, many, again, few).of(CHAPTER)
    assert found.run_id == again.columns["run_id"]


def test_each_seed_that_is_a_run_counts_once_the_newest_time() -> None:
    quality = Measurement("a translator", LENGTH_QUALITY, ("lstm",), {"seeds": (3,)})
    runs = [
        run(
            LENGTH_QUALITY,
            "lstm",
            settings={"seeds": 1, "seed": seed},
            bottleneck=around(length, n=1),
            tested_up_to=28.0,
        )
        for seed, length in ((0, 27.0), (1, 12.0), (0, 10.0))
    ]
    (found,) = results(*runs).of(quality)
    estimate = found.estimate("bottleneck")
    assert (estimate.value, estimate.n) == (11.0, 2)
    has = [results(*runs).has(LENGTH_QUALITY, config) for config in quality.configs()]
    assert has == [True, True, False]


def test_a_run_knows_the_claims_that_it_is_evidence_for() -> None:
    (config,) = CHAPTER.configs()
    numbers = [claim.number for claim in claims_measured_by(GRADIENT_DECAY, config.flat())]
    assert numbers == [4, 5, 8]
    assert claims_measured_by(GRADIENT_DECAY, {**config.flat(), "hidden_size": 65}) == ()


def test_there_may_be_no_run_at_all() -> None:
    assert Results().of(CHAPTER) == []
    assert Results({"gradient-decay": pandas.DataFrame()}).of(CHAPTER) == []
