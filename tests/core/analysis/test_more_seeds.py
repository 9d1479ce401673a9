"""How many seeds to add, which runs measure them, and what looking again costs."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas
import pytest
from scipy import stats

from core.analysis.comparison import Comparison, compare_groups, contrasts
from core.analysis.groups import Group
from core.analysis.more_seeds import (
    fewest_seeds,
    looks_at,
    planned_looks,
    seeds_to_add,
    undecided,
    with_more_seeds,
)
from core.analysis.runs import finished_run
from core.analysis.sentences import answer, method
from core.experiment import Experiment
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.throughput import THROUGHPUT
from core.settings import BadSetting
from core.stats.aggregation import MEAN
from core.store.records import TAG_LOOKS, TAG_ORIGIN

UNIT = stats.zscore(np.arange(4.0), ddof=1)


def compared(
    groups: dict[str, np.ndarray | list[float]],
    experiment: Experiment = LENGTH_QUALITY,
    looks: int = 1,
    measure: str = "bleu",
) -> Comparison:
    """Groups of runs, one for each seed, with these values; the cells differ by name."""
    summaries, made = {}, []
    for cell, values in groups.items():
        runs = []
        for seed, value in enumerate(values):
            run_id = f"{cell}{seed}"
            settings = experiment.configs((cell,), {"seed": (seed,)})[0].flat()
            runs.append(finished_run(run_id, experiment.name, settings, order=seed))
            summaries[run_id] = pandas.DataFrame([{measure: float(value), "seed": seed}])
        made.append(Group(cell, tuple(runs)))
    found = compare_groups(experiment, made, lambda r, n: summaries[r.run_id], looks)
    return found


def test_seeds_are_added_up_to_what_would_decide() -> None:
    """Four seeds of one standard deviation, two apart: six each have a power of 80%."""
    found = compared({"rnn": 10 + UNIT, "lstm": 11.5 + UNIT})
    (open_pair,) = undecided(found)
    assert open_pair.finding == "not distinguishable"
    needed = open_pair.seeds_to_decide
    assert needed is not None
    add = seeds_to_add(found)
    assert add is not None
    assert add >= needed - 4  # at the level of a second look it takes at least as many
    plan = with_more_seeds(found, add)
    seeds = [(c.architecture.cell, c.seed) for _, c, _ in plan]
    assert seeds == [(cell, 4 + i) for cell in ("rnn", "lstm") for i in range(add)]
    assert f"{needed} seeds each would find it" in answer(found)


def test_the_group_with_fewer_seeds_gets_more() -> None:
    found = compared({"rnn": 10 + UNIT, "lstm": 11.5 + UNIT[:2]})
    assert fewest_seeds(found) == 2
    cells = [c.architecture.cell for _, c, _ in with_more_seeds(found, 4)]
    assert (cells.count("rnn"), cells.count("lstm")) == (2, 4)


def test_a_batched_run_adds_its_seeds_in_one_run() -> None:
    settings = [c.flat() for c in GRADIENT_DECAY.configs(("rnn",), {"seeds": (8,)})]
    runs = (finished_run("a", GRADIENT_DECAY.name, settings[0]),)
    found = Comparison(GRADIENT_DECAY, (Group("RNN", runs),), (), ())
    ((_, config, _),) = with_more_seeds(found, 5)
    assert (config.seed, config.flat()["seeds"]) == (8, 5)


def test_times_of_another_computer_are_not_repeated_here() -> None:
    origin = json.dumps({"run_id": "0" * 32, "user": "ana", "imported": 1.0})
    for experiment, refused in ((THROUGHPUT, True), (GRADIENT_DECAY, False)):
        settings = experiment.configs(("rnn",), {})[0].flat()
        run = replace(finished_run("a", experiment.name, settings), tags={TAG_ORIGIN: origin})
        found = Comparison(experiment, (Group("RNN", (run,)),), (), ())
        if refused:
            with pytest.raises(BadSetting, match="Throughput were measured on another computer"):
                with_more_seeds(found, 2)
        else:
            assert with_more_seeds(found, 2)


def test_what_is_decided_or_counted_needs_no_seeds() -> None:
    decided = compared({"rnn": 10 + UNIT, "lstm": 30 + UNIT})
    assert undecided(decided) == []
    assert seeds_to_add(decided) is None
    counts = compared({"rnn": [5.0], "lstm": [5.0]}, PARAMETER_COUNT, measure="parameters")
    assert undecided(counts) == []


def test_equal_groups_have_no_reasonable_number() -> None:
    found = compared({"rnn": 10 + UNIT, "lstm": 10.001 + UNIT})
    assert undecided(found)
    assert seeds_to_add(found) is None


def test_hours_of_seeds_are_not_offered() -> None:
    """Half of a standard deviation takes some 64 seeds in each group."""
    found = compared({"rnn": 10 + UNIT, "lstm": 10.5 + UNIT})
    (pair,) = undecided(found)
    assert pair.seeds_to_decide is not None
    assert 60 < pair.seeds_to_decide < 70
    assert seeds_to_add(found) is None


@pytest.mark.parametrize(
    ("now", "limit", "totals"), [(3, 20, [3, 6, 12, 20]), (8, 8, [8]), (8, 4, [8])]
)
def test_every_look_doubles_the_seeds(now: int, limit: int, totals: list[int]) -> None:
    assert looks_at(now, limit) == totals


def test_every_p_is_corrected_for_looks() -> None:
    once = compared({"rnn": 10 + UNIT, "lstm": 12.3 + UNIT})
    again = compared({"rnn": 10 + UNIT, "lstm": 12.3 + UNIT}, looks=4)
    ps = [found.headline.differences[0].corrected_p for found in (once, again) if found.headline]
    assert None not in ps
    assert ps[1] == pytest.approx(4 * ps[0])
    assert ps[0] < 0.05 < ps[1]
    assert "for 4 looks" in answer(again)
    assert "multiplied by 4" in method(again)
    assert "looks" not in answer(once)


def test_runs_know_how_often_they_are_looked_at() -> None:
    run = finished_run("a", "length-quality", {})
    assert run.looks == 1
    for text, looks in (("3", 3), ("0", 1), ("many", 1), ("99999", 100)):
        run.tags[TAG_LOOKS] = text  # type: ignore[index]
        assert run.looks == looks


@pytest.mark.slow
def test_adding_seeds_until_decided_errs_in_5_percent() -> None:
    """Two groups without any difference, looked at after 4, 8, 16 and 32 seeds: a verdict at any
    look is an error. Without the correction, 12%."""
    draw, times = np.random.default_rng(5), 1500
    totals = looks_at(4, 32)
    errors = {1: 0, len(totals): 0}
    for _ in range(times):
        first, second = draw.normal(size=(2, 32)).tolist()
        for looks in errors:
            errors[looks] += any(
                contrasts({("a", "b"): (first[:n], second[:n])}, MEAN, "higher", looks=looks)[
                    0
                ].distinguished
                for n in totals
            )
    assert errors[1] / times > 0.08
    assert stats.binomtest(errors[4], times, 0.05, alternative="greater").pvalue > 0.001


def test_p_is_multiplied_for_the_looks_before_too() -> None:
    first = SimpleNamespace(looks=1)
    again = SimpleNamespace(looks=2)
    assert (planned_looks(first, [3, 6, 12]), planned_looks(again, [3, 6, 12])) == (3, 5)
