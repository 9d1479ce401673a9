"""The same runs get the same verdict wherever it is asked for: pages, scorecard, claims, files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.analysis.comparison import Comparison, PairOutcome, compare
from core.analysis.runs import finished_run
from core.analysis.scorecard import PLAIN, Record, Terms, scorecard
from core.analysis.sentences import answer
from core.chapter.claim import Measurement, Results, compare_matched, finding_of
from core.experiment import Experiment
from core.experiments import all_experiments
from core.store.records import RunRecord
from experiments.export import as_json

VARIANTS = ("rnn", "lstm", "gru")
TITLES = {"RNN": "rnn", "LSTM": "lstm", "GRU": "gru"}

Values = Mapping[str, list[float]]
"""Variant → the headline of each of its seeds, launches or counts."""


class Measured:
    """Finished runs of one experiment whose headline measure has these values, seed by seed."""

    def __init__(self, experiment: Experiment, values: Values) -> None:
        self.experiment = experiment
        self.tables: dict[tuple[str, str], pandas.DataFrame] = {}
        self.runs: list[RunRecord] = []
        for variant, numbers in values.items():
            if experiment.by_seed is not None and not experiment.one_run_per_seed:
                self._add(variant, 0, numbers)
            else:
                for seed, number in enumerate(numbers):
                    self._add(variant, seed, [number])

    def _add(self, variant: str, seed: int, numbers: list[float]) -> None:
        experiment, headline = self.experiment, self.experiment.headlines[0].name
        (config, *_) = experiment.configs([variant], {})
        flat = {**config.flat(), "seed": seed}
        if "seeds" in flat:
            flat["seeds"] = len(numbers)
        run_id = f"{variant}-{seed}"
        self.runs.append(finished_run(run_id, experiment.name, flat, "cpu", "chip", len(self.runs)))
        column = next(c for c in experiment.summary.columns() if c.name == headline)
        estimate = column.aggregation.estimate(numbers)
        summary: dict[str, Any] = {headline: estimate.value}
        if column.estimate:
            parts = (estimate.value, estimate.low, estimate.high, estimate.n)
            names = (headline, *(f"{headline}_{end}" for end in ("low", "high", "n")))
            summary |= dict(zip(names, parts, strict=True))
        summary |= {"device": "cpu", "chip": "chip", "chance": 25.0}
        summary |= {"reported_learning_rate": 0.01, "next_lag": 50.0, "growth_exponent": 1.9}
        self.tables[run_id, "summary"] = pandas.DataFrame([summary])
        seeds = range(len(numbers))
        if experiment.name == "gradient-decay":
            rows = {"seed": seeds, "layer": 1, "training_step": 0, headline: numbers}
            self.tables[run_id, "decay"] = pandas.DataFrame(rows)
        elif experiment.name == "memory-span":
            rows = {"seed": seeds, "learning_rate": 0.01, "lag": numbers, "learned": 1, "loss": 1.0}
            empty = dict.fromkeys(("half_life_start", "half_life_end", "steps_to_learn"), math.nan)
            self.tables[run_id, "attempts"] = pandas.DataFrame({**rows, **empty})
        elif experiment.name == "two-sided-context":
            rows = {"seed": seeds, "network": "itself", "look_ahead": 1, "accuracy": numbers}
            self.tables[run_id, "context"] = pandas.DataFrame(rows)
        elif experiment.name == "state-tracking":
            rows = {"seed": seeds, headline: numbers}
            more = dict.fromkeys(("within_accuracy", "beyond_accuracy"), 50.0)
            self.tables[run_id, "seeds"] = pandas.DataFrame({**rows, **more})
        elif experiment.name == "recall":
            rows = {"seed": seeds, headline: numbers}
            more = dict.fromkeys(("accuracy", "most_accuracy"), 50.0)
            self.tables[run_id, "seeds"] = pandas.DataFrame({**rows, **more})
        elif experiment.name == "language-model":
            rows = {"seed": seeds, headline: numbers}
            more = dict.fromkeys(("context", "one_bits", "no_bits"), 4.0)
            self.tables[run_id, "seeds"] = pandas.DataFrame({**rows, **more})

    def table(self, run: RunRecord, name: str) -> pandas.DataFrame | None:
        return self.tables.get((run.run_id, name))

    def comparison(self) -> Comparison:
        """What the results page, the cards and the page Compare show."""
        return compare(self.experiment, self.runs, self.table)

    def verdicts_of_scorecard(self) -> Mapping[tuple[str, str], PairOutcome]:
        records = [Record(r.run_id, r.experiment, r.settings, "cpu", "chip") for r in self.runs]
        terms = Terms(hidden_size=int(str(self.runs[0].settings["hidden_size"])))
        kinds = [PLAIN[title] for title in TITLES]
        card = scorecard(records, kinds, terms, lambda i, name: self.tables.get((i, name)))
        (question,) = [q for q in card.questions if q.experiment is self.experiment]
        differences = question.lines[0].differences
        return {
            (TITLES[d.first], TITLES[d.second]): d.finding
            for pair in differences
            for d in (pair, pair.reversed)
        }

    def verdicts_of_claims(self) -> Mapping[tuple[str, str], PairOutcome]:
        rows = [
            {"run_id": r.run_id, **r.settings, **self.tables[r.run_id, "summary"].iloc[0]}
            for r in self.runs
        ]
        results = Results(
            {self.experiment.name: pandas.DataFrame(rows)},
            lambda run_id, name: self.tables.get((run_id, name)),
        )
        matched = results.of(Measurement("all", self.experiment, VARIANTS))
        comparison = compare_matched({m.cell: m for m in matched})
        headline = self.experiment.headlines[0].name
        return {
            (one, other): finding_of(comparison, headline, one, other)
            for one in VARIANTS
            for other in VARIANTS
            if one != other
        }


def verdicts(comparison: Comparison) -> Mapping[tuple[str, str], PairOutcome]:
    result = comparison.result(comparison.experiment.headlines[0].name)
    assert result is not None
    return {
        (TITLES[d.first], TITLES[d.second]): d.finding
        for pair in result.differences
        for d in (pair, pair.reversed)
    }


@pytest.mark.parametrize("experiment", all_experiments(), ids=lambda e: e.name)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_all_pages_claims_and_files_say_the_same(
    experiment: Experiment, data: st.DataObject
) -> None:
    """Values near one another, far apart and tied, of one to eight seeds each."""
    numbers = st.sampled_from([0.2, 0.25, 0.5, 0.52, 0.9])
    scale = 20 if experiment.name == "memory-span" else 1
    values = {
        variant: [round(x * scale, 2) for x in data.draw(st.lists(numbers, min_size=1, max_size=8))]
        for variant in VARIANTS
    }
    if experiment.by_seed is None and not (experiment.timed or experiment.one_run_per_seed):
        values = {variant: found[:1] * len(found) for variant, found in values.items()}  # counts
    measured = Measured(experiment, values)
    comparison = measured.comparison()
    expected = verdicts(comparison)
    assert len(expected) == 6
    assert measured.verdicts_of_scorecard() == expected
    assert measured.verdicts_of_claims() == expected

    exported = json.loads(as_json([comparison]))[0]
    headline = next(m for m in exported["measures"] if m["name"] == experiment.headlines[0].name)
    in_file = {
        (TITLES[v["first"]], TITLES[v["second"]]): v["finding"] for v in headline["verdicts"]
    }
    assert in_file == {pair: expected[pair] for pair in in_file}
    assert len(in_file) == 3

    result = comparison.headline
    assert result is not None
    if result.column.name == experiment.headlines[0].name:
        top = TITLES[result.ordered()[0]]
        ahead = {o for (one, o), f in expected.items() if one == top and f in ("better", "higher")}
        said = answer(comparison)
        assert (f"{result.ordered()[0]} differs significantly from" in said) == (
            bool(ahead) and not result.exact
        )
