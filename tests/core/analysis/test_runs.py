"""Values of single seeds: together they make the summary's own number, each seed once."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pandas
import pytest

from core.analysis.runs import MeasuredRun, per_seed_values, repeat_of
from core.experiment import Experiment, Row, Tables
from core.experiments import all_experiments
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.throughput import THROUGHPUT
from core.experiments.two_sided_context import TWO_SIDED_CONTEXT
from core.settings import Value
from core.stats.aggregation import EXACT
from core.stats.estimates import settled_estimate
from tests.core.made import Made, around, compared, run

SMALL: dict[str, dict[str, Value]] = {
    "gradient-decay": {
        "cell": "lstm", "bidirectional": True, "hidden_size": 6, "layers": 2, "seeds": 7,
        "seed": 3, "sequence_length": 20, "batch_size": 2, "training_steps": 2, "checkpoints": 1,
    },
    "memory-span": {
        "cell": "gru", "hidden_size": 8, "seeds": 3, "seed": 5, "longest_lag": 3,
        "training_steps": 120, "symbols": 2, "validations": 6, "tested_sequences": 50,
    },
    "two-sided-context": {
        "cell": "rnn", "hidden_size": 4, "seeds": 3, "furthest": 2, "training_steps": 4,
        "sequence_length": 6, "validations": 2, "tested_sequences": 20,
    },
    "state-tracking": {
        "cell": "gru", "hidden_size": 8, "seeds": 3, "training_steps": 60, "longest_trained": 5,
        "longest_tested": 9, "validations": 2, "tested_words": 50, "learning_rate": 0.01,
    },
    "recall": {
        "cell": "transformer", "hidden_size": 16, "seeds": 3, "training_steps": 30,
        "most_pairs": 4, "sequence_length": 16, "vocabulary": 12, "validations": 2,
        "tested_sequences": 20, "learning_rate": 0.01,
    },
    "language-model": {
        "cell": "gru", "hidden_size": 8, "seeds": 3, "training_steps": 30, "window": 8,
        "longest_context": 8, "validations": 2, "tested_windows": 40, "learning_rate": 0.01,
    },
}  # fmt: skip


def recorded(rows: list[Row]) -> Tables:
    """Rows as the tables of a run."""
    lines: defaultdict[str, list[Any]] = defaultdict(list)
    heads: dict[str, tuple[str, ...]] = {}
    for row in rows:
        lines[row.table].append(row.flat())
        heads[row.table] = row.header()
    tables = {name: pandas.DataFrame(found, columns=heads[name]) for name, found in lines.items()}
    return tables.get


def of_summary(experiment: Experiment, values: Mapping[str, Any], run_id: str = "a") -> MeasuredRun:
    """A run of which there is only a summary, with a seed among its settings."""
    names = experiment.summary.header()
    line = {name: values.get(name, math.nan) for name in names}
    table = pandas.DataFrame([line])
    settings = {"seed": values.get("seed", 0), "hidden_size": values.get("hidden_size", 8)}
    return MeasuredRun(run_id, settings, {"summary": table}.get)


@pytest.mark.parametrize(
    "experiment",
    [e for e in all_experiments() if e.by_seed is not None and not e.one_run_per_seed],
    ids=lambda e: e.name,
)
def test_seeds_together_make_the_number_of_the_summary(experiment: Experiment) -> None:
    config = experiment.config.from_flat(SMALL[experiment.name])
    tables = recorded([event for event in experiment.measure(config) if isinstance(event, Row)])
    found = per_seed_values(experiment, [MeasuredRun("a", config.flat(), tables)])
    summary = tables("summary")
    assert summary is not None
    compared = 0
    for column in experiment.summary.columns():
        if not column.estimate or pandas.isna(summary[column.name].iloc[0]):
            continue
        values = found[column.name]
        estimate = (
            settled_estimate(values, found[column.drift])
            if column.drift
            else column.aggregation.estimate(list(values.values()))
        )
        assert estimate.value == pytest.approx(summary[column.name].iloc[0], rel=1e-9), column.name
        assert estimate.n == summary[f"{column.name}_n"].iloc[0]
        assert {seed for _, seed in values} <= set(
            range(config.seed, config.seed + int(str(config.flat()["seeds"])))
        )
        compared += 1
    assert compared >= 3


def test_the_seeds_of_several_runs_come_together_and_each_counts_once() -> None:
    lines = [(0, 10.0), (1, 20.0), (1, 30.0)]
    runs = [
        of_summary(LENGTH_QUALITY, {"seed": seed, "bleu": bleu, "parameters": 7}, str(number))
        for number, (seed, bleu) in enumerate(lines)
    ]
    found = per_seed_values(LENGTH_QUALITY, runs)
    assert {seed: value for (_, seed), value in found["bleu"].items()} == {0: 10.0, 1: 30.0}
    assert "chrf" not in found, "what was not measured has no sample"


def test_the_same_seed_of_other_settings_is_another_sample() -> None:
    runs = [
        of_summary(LENGTH_QUALITY, {"seed": 0, "hidden_size": size, "bleu": 1.0 * size}, str(size))
        for size in (8, 16)
    ]
    assert sorted(per_seed_values(LENGTH_QUALITY, runs)["bleu"].values()) == [8.0, 16.0]


def test_each_launch_of_a_timed_experiment_is_one_sample() -> None:
    lines = [{"tokens_per_second": 100.0}, {"tokens_per_second": 110.0}]
    runs = [of_summary(THROUGHPUT, line, str(number)) for number, line in enumerate(lines)]
    assert list(per_seed_values(THROUGHPUT, runs)["tokens_per_second"].values()) == [100.0, 110.0]


def test_a_run_without_a_summary_has_no_samples() -> None:
    assert per_seed_values(MEMORY_SPAN, [MeasuredRun("a", {"seed": 0}, lambda name: None)]) == {}
    assert per_seed_values(GRADIENT_DECAY, [of_summary(GRADIENT_DECAY, {})]) == {}


def test_what_is_repeated_is_declared() -> None:
    assert {e.name: repeat_of(e) for e in all_experiments()} == {
        "gradient-decay": "seed",
        "parameter-count": "count",
        "throughput": "launch",
        "length-quality": "seed",
        "memory-span": "seed",
        "two-sided-context": "seed",
        "state-tracking": "seed",
        "recall": "seed",
        "language-model": "seed",
    }
    counts = [c for c in PARAMETER_COUNT.summary.columns() if c.role == "measure"]
    assert all(column.aggregation is EXACT for column in counts)


def test_of_a_network_that_diverged_the_seed_is_left_out() -> None:
    rows = [
        ("itself", seed, ahead, math.nan if seed == ahead == 1 else 50.0 + seed)
        for seed in (0, 1, 2)
        for ahead in (0, 1, 2)
    ]
    context = pandas.DataFrame(rows, columns=["network", "seed", "look_ahead", "accuracy"])
    summary = pandas.DataFrame([dict.fromkeys(TWO_SIDED_CONTEXT.summary.header(), math.nan)])
    tables = {"context": context, "summary": summary}
    found = per_seed_values(TWO_SIDED_CONTEXT, [MeasuredRun("a", {"seed": 0}, tables.get)])
    assert sorted(found["ahead_accuracy"].values()) == [50.0, 52.0]
    assert sorted(found["present_accuracy"].values()) == [50.0, 51.0, 52.0]


def test_where_an_exponent_has_not_settled_its_interval_reaches_to_the_second_half() -> None:
    """Of one run and of several alike: seeds of two runs, whose mean still falls by 0.02."""

    def of_seeds(start: int) -> Made:
        rows = [
            (seed, steps, 0.001 * seed - 0.02 * (steps == 400))
            for seed in range(start, start + 4)
            for steps in (200, 400)
        ]
        table = pandas.DataFrame(rows, columns=["seed", "averaged_steps", "running_exponent"])
        settings = {"seed": start, "seeds": 4}
        tables = {"convergence": table.assign(training_step=0, layer=1, direction="forward")}
        return run(GRADIENT_DECAY, settings=settings, tables=tables, decay_rate=around(0.9, n=4))

    for runs, n in (([of_seeds(0)], 4), ([of_seeds(0), of_seeds(4)], 8)):
        (result,) = (r for r in compared(*runs).results if r.column.name == "leading_exponent")
        (estimate,) = result.estimates.values()
        assert estimate.n == n
        assert estimate.value == pytest.approx(0.001 * (n - 1) / 2 - 0.02)
        assert estimate.low < 0.001 * (n - 1) / 2 - 0.04, "the second half's mean is inside"
