"""`state-tracking`: its words, that its rows follow from its config, and what cells can follow."""

from __future__ import annotations

import dataclasses
import math
from statistics import fmean
from typing import Any

import pytest
import torch

from core.experiment import Checkpoint, Progress, Row
from core.experiments.state_tracking import STATE_TRACKING
from core.experiments.state_tracking.declaration import (
    PositionRow,
    SeedRow,
    StateTrackingConfig,
    StateTrackingSummary,
    TrainingRow,
    rate_work,
    work,
)
from core.experiments.state_tracking.measure import (
    StateTraining,
    chance_from,
    reach,
    summarise,
)
from core.models.counting import pass_cost
from core.settings import BadSetting
from core.stats.estimates import MISSING, Estimate
from core.stats.learning_rates import Attempt
from tests.core.made import every_variant

TINY: dict[str, Any] = {
    "hidden_size": 8,
    "seeds": 3,
    "training_steps": 12,
    "longest_trained": 6,
    "longest_tested": 10,
    "batch_size": 4,
    "validations": 3,
    "tested_words": 20,
}

CPU = torch.device("cpu")


def config(**settings: Any) -> StateTrackingConfig:
    return StateTrackingConfig.from_flat({"cell": "gru", **TINY, **settings})


def run(checkpoint: bytes | None = None, **settings: Any) -> list[Any]:
    return [*STATE_TRACKING.measure(config(**settings), checkpoint)]


def rows_of(events: list[Any]) -> list[Row]:
    return [event for event in events if isinstance(event, Row)]


def of(events: list[Any], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("task", ["parity", "counting", "s3", "a5"])
def test_the_words_of_training_have_the_answers_of_the_group(task: str) -> None:
    asked = config(task=task)
    training = StateTraining(asked, 0.01, CPU)
    tokens_STB, states_STB = training.draw(training.generators("test"), 7, 5)
    for tokens_TB, states_TB in zip(tokens_STB, states_STB, strict=True):
        for word, answers in zip(tokens_TB.T.tolist(), states_TB.T.tolist(), strict=True):
            assert [*asked.problem.answers(word)] == answers


@pytest.mark.parametrize("variant", every_variant())
def test_every_variant_yields_rows_that_agree_with_each_other(variant: str) -> None:
    cell = variant.removeprefix("bi-")
    events = run(cell=cell, bidirectional=cell != variant, learning_rate=0.01)
    positions, seeds = of(events, PositionRow), of(events, SeedRow)
    summary = events[-1]
    assert isinstance(summary, StateTrackingSummary)
    assert len(positions) == 3 * 10
    for row in seeds:
        own = [p.accuracy for p in positions if p.seed == row.seed]
        assert row.reach == reach(own)
        assert row.within_accuracy == pytest.approx(fmean(own[:6]))
        assert row.beyond_accuracy == pytest.approx(fmean(own[6:]))
    assert summary.reach.n == 3
    assert summary.parameters == config(cell=cell, bidirectional=cell != variant).parameters
    assert {row.training_step for row in of(events, TrainingRow)} == {4, 8, 12}


def test_the_parameters_are_the_tensors() -> None:
    asked = config(task="s3", layers=2)
    training = StateTraining(asked, 0.01, CPU)
    assert asked.parameters == sum(p[0].numel() for p in training.networks.parameters())


def test_the_same_config_gives_the_same_rows_and_another_seed_others() -> None:
    first, again, other = (rows_of(run(seed=seed)) for seed in (0, 0, 5))
    assert first == again != other


def test_a_seed_alone_comes_to_what_it_comes_to_among_others() -> None:
    among, alone = run(learning_rate=0.01), run(learning_rate=0.01, seed=1, seeds=1)
    ours = [row for row in of(among, PositionRow) if row.seed == 1]
    assert ours == of(alone, PositionRow)


def test_a_run_that_goes_on_from_a_checkpoint_ends_the_same() -> None:
    events = run()
    checkpoints = of(events, Checkpoint)
    assert len(checkpoints) == 3, "one for each learning rate"
    for checkpoint in checkpoints:
        assert rows_of(run(checkpoint.content)) == rows_of(events)


def test_progress_rises_to_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.training.Throttle.due", lambda self: True)
    progress = of(run(), Progress)
    done = [one.done for one in progress]
    assert done == sorted(done)
    assert done[-1] <= progress[-1].total == work(config())


def test_labels_at_the_end_alone_ask_for_the_last_state() -> None:
    training = StateTraining(config(labels="last"), 0.01, CPU)
    assert (training.answered(6), StateTraining(config(), 0.01, CPU).answered(6)) == (1, 6)
    trained = rows_of(run(labels="last"))
    assert trained != rows_of(run())


def test_training_ends_when_no_seed_makes_a_mistake() -> None:
    events = run(
        training_steps=400, validations=40, hidden_size=32, batch_size=32, learning_rate=0.01
    )
    last = max(row.training_step for row in of(events, TrainingRow))
    assert last < 400
    assert {row.accuracy for row in of(events, TrainingRow) if row.training_step == last} == {100}


def test_the_reach_ends_at_the_first_position_that_is_not_right() -> None:
    assert reach([100, 95, 90, 89.9, 100]) == 3
    assert reach([100] * 4) == 4
    assert reach([50, 100]) == 0


def test_where_chance_begins() -> None:
    blind = [100.0, *[50.0] * 99]
    assert chance_from([100.0] * 30 + [50.0] * 70, blind, 200) in range(18, 32)
    assert chance_from([100.0] * 100, blind, 200) is None
    assert chance_from([100.0, *[50.0] * 99], blind, 200) == 1
    above = 50 + 100 * math.sqrt(0.25 / 200) * 1.7
    assert chance_from([100.0, *[above] * 99], blind, 200) is None
    assert chance_from([100.0], [100.0], 200) is None, "nothing can be above it"


def test_a_seed_that_diverged_has_no_value_and_the_others_have() -> None:
    settings = {"learning_rate": 1.0, "nonlinearity": "relu", "cell": "rnn", "clip": None}
    events = run(**settings, recurrent_gain=40, longest_trained=40, longest_tested=60)
    assert {row.reach for row in of(events, SeedRow)} == {None}
    assert {row.accuracy for row in of(events, PositionRow)} == {None}
    summary = events[-1]
    assert summary.reach == summary.within_accuracy == MISSING
    assert summary.diverged == "seed 0, seed 1, seed 2"
    flat = dict(zip(summary.header(), summary.flat(), strict=True))
    asked = config(**settings, recurrent_gain=40, longest_trained=40, longest_tested=60)
    assert "no accuracy, because training of every seed diverged" in STATE_TRACKING.sentence(
        asked, flat
    )
    rows = [dataclasses.replace(of(run(), SeedRow)[0], reach=7), of(events, SeedRow)[1]]
    partly = summarise(config(), [Attempt(0.001, 0, 70.0, ()), Attempt(0.001, 1, None, ())], rows)
    assert (partly.reach, partly.diverged) == (Estimate(7, None, None, 1), "seed 1")


def test_work_is_training_and_tests_at_every_rate() -> None:
    assert work(config()) == 3 * rate_work(config())
    assert work(config(learning_rate=0.01)) == rate_work(config())
    cost = {"sequences": 12, "outputs": 2}
    training = pass_cost(config().architecture, 2, steps=3, **cost)
    more = rate_work(config(training_steps=13)) - rate_work(config())
    assert more == pytest.approx(training)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"longest_tested": 5}, "longest_tested is 5, but longest_trained is 6; give at least"),
        ({"task": "s4"}, "task is 's4'"),
        ({"modulus": 1}, "modulus is 1"),
        ({"labels": "all"}, "labels is 'all'"),
    ],
)
def test_bad_settings_are_sentences(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadSetting, match=sentence):
        config(**settings)


# --- Known values: what is known of these cells and tasks, at the sizes at which it is known.


def known(cell: str, **settings: Any) -> StateTrackingSummary:
    asked = StateTrackingConfig.from_flat({"cell": cell, "seeds": 3, **settings})
    *_, summary = STATE_TRACKING.measure(asked)
    assert isinstance(summary, StateTrackingSummary)
    return summary


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_recurrent_cells_learn_parity_at_length_40_and_go_on_to_256(cell: str) -> None:
    summary = known(cell, seeds=5)
    assert summary.reach.value == 256
    assert summary.within_accuracy.value == pytest.approx(100, abs=0.1)
    assert summary.beyond_accuracy.value == pytest.approx(100, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["min-gru", "transformer"])
def test_one_layer_without_a_state_that_turns_does_not(cell: str) -> None:
    """Grazzi et al. (2024): a linear recurrence with factors from 0 to 1 cannot; Hahn (2020): nor
    can attention."""
    summary = known(cell)
    assert (summary.reach.value or 0) < 40
    assert (summary.beyond_accuracy.value or 0) < 55


@pytest.mark.slow
def test_a_gru_follows_permutations_of_three_things() -> None:
    summary = known("gru", task="s3", training_steps=2000)
    assert summary.reach.value == 256
