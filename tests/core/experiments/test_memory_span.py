"""`memory-span`: what it learns and gives up, and that its rows follow from its config alone."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch

from core.architecture import VARIANTS
from core.experiment import Checkpoint, Progress, Row
from core.experiments import memory_span_run
from core.experiments.memory_span import (
    MEMORY_SPAN,
    RATES,
    AttemptRow,
    LagRow,
    MemorySpanConfig,
    MemorySpanSummary,
    TrainingRow,
)
from core.experiments.memory_span_networks import Classroom, Grades
from core.experiments.memory_span_rows import Attempt, alive, chosen_rate, summarise
from core.experiments.memory_span_training import Lesson
from core.experiments.memory_span_work import lag_work, lags, steps_of, validated_steps
from core.ranks import compare_ranks
from core.settings import BadSetting
from core.statistics import Estimate

TINY: dict[str, Any] = {
    "hidden_size": 8,
    "seeds": 3,
    "training_steps": 30,
    "shortest_lag": 2,
    "longest_lag": 5,
    "batch_size": 8,
    "symbols": 3,
    "validations": 6,
    "tested_sequences": 40,
}
CPU = torch.device("cpu")
ORDERING: dict[str, Any] = {
    **TINY,
    "hidden_size": 16,
    "symbols": 4,
    "shortest_lag": 15,
    "longest_lag": 15,
    "training_steps": 600,
    "learning_rate": 1e-2,
    "batch_size": 16,
    "seeds": 5,
    "validations": 10,
    "tested_sequences": 100,
}


def config(**settings: Any) -> MemorySpanConfig:
    return MemorySpanConfig.from_flat({**TINY, **settings})


def events(**settings: Any) -> list[Any]:
    return list(MEMORY_SPAN.run(config(**settings)))


def of(found: list[Any], kind: type) -> list[Any]:
    return [event for event in found if type(event) is kind]


def rows_of(found: list[Any]) -> list[Row]:
    return [event for event in found if isinstance(event, Row)]


def summary_of(found: list[Any]) -> MemorySpanSummary:
    (summary,) = of(found, MemorySpanSummary)
    assert found[-1] is summary
    return summary


@pytest.mark.parametrize("task", ["recall", "adding", "copy"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_yields_rows_that_agree_with_each_other(variant: str, task: str) -> None:
    asked = config(task=task, learning_rate=1e-2, longest_lag=3, **VARIANTS[variant])
    found = list(MEMORY_SPAN.run(asked))
    summary, attempts, by_lag = summary_of(found), of(found, AttemptRow), of(found, LagRow)
    assert {type(row) for row in rows_of(found)} == set(MEMORY_SPAN.rows)
    reported = [a for a in attempts if a.learning_rate == summary.reported_learning_rate]
    assert [row.lag for row in by_lag] == sorted({a.lag for a in reported})
    for row in by_lag:
        learned = [a.learned for a in reported if a.lag == row.lag]
        assert row.success.value == pytest.approx(100 * sum(learned) / asked.seeds)
        assert row.steps_to_learn.n == sum(learned)
    for attempt in attempts:
        assert attempt.learned == (attempt.steps_to_learn is not None)
        assert (attempt.accuracy is None) == (task == "adding")
        assert attempt.trained_steps == (attempt.steps_to_learn or asked.training_steps)
    best = [max([a.lag for a in reported if a.seed == s and a.learned] or [0]) for s in range(3)]
    assert by_seed(found) == best
    assert summary.span.n == asked.seeds
    readout = asked.architecture.directions * 8 * by_outputs(task) + by_outputs(task)
    assert summary.parameters > readout


def by_outputs(task: str) -> int:
    return {"recall": 3, "adding": 1, "copy": 4}[task]


def test_a_gated_cell_learns_a_lag_that_the_plain_rnn_does_not() -> None:
    spans = {
        name: by_seed(events(**{**ORDERING, **settings}))
        for name, settings in {
            "rnn": {"cell": "rnn"},
            "lstm": {"cell": "lstm", "forget_bias": 2.0},
            "gru": {"cell": "gru", "update_bias": 1.0},
        }.items()
    }
    assert sum(span == 0 for span in spans["rnn"]) > 2
    assert compare_ranks(spans["lstm"], spans["rnn"]).outcome == "better"
    assert compare_ranks(spans["gru"], spans["rnn"]).outcome == "better"


def by_seed(found: list[Any]) -> list[int]:
    return [int(span) for span in summary_of(found).span_by_seed.split(", ")]


def test_the_same_config_gives_the_same_rows_and_another_seed_others() -> None:
    first = rows_of(events(learning_rate=1e-2))
    assert rows_of(events(learning_rate=1e-2)) == first
    assert rows_of(events(learning_rate=1e-2, seed=1)) != first


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_a_seed_alone_comes_to_what_it_comes_to_among_others(cell: str) -> None:
    """To the last bit, although the others stop training one by one."""
    settings = {"cell": cell, "learning_rate": 3e-2, "training_steps": 120, "validations": 24}
    among = events(**settings, longest_lag=2)
    alone = events(**settings, longest_lag=2, seeds=1, seed=1)
    attempts = of(among, AttemptRow)
    assert len({a.trained_steps for a in attempts}) > 1
    assert of(alone, AttemptRow) == [a for a in attempts if a.seed == 1]
    assert of(alone, TrainingRow) == [row for row in of(among, TrainingRow) if row.seed == 1]


def test_a_run_that_goes_on_from_a_checkpoint_ends_the_same() -> None:
    whole = events(cell="lstm")
    checkpoints = of(whole, Checkpoint)
    assert len(checkpoints) == len({(a.lag, a.learning_rate) for a in of(whole, AttemptRow)}) > 3
    assert MEMORY_SPAN.resume is not None
    for checkpoint in (checkpoints[0], checkpoints[3], checkpoints[-1]):
        rest = list(MEMORY_SPAN.resume(config(cell="lstm"), checkpoint.content))
        assert rows_of(rest) == rows_of(whole)
        assert len(of(rest, Checkpoint)) == len(checkpoints) - checkpoints.index(checkpoint) - 1


def test_progress_rises_to_the_whole_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_span_run, "SECONDS_BETWEEN_PROGRESS", -1.0)
    found = events(give_up=1, longest_lag=20)
    told = of(found, Progress)
    assert len(told) > 30
    assert told[0].done == 0
    assert "computing on cpu" in told[0].message
    assert all(a.done <= b.done for a, b in itertools.pairwise(told))
    assert {p.total for p in told} == {MEMORY_SPAN.work(config(give_up=1, longest_lag=20))}
    assert told[-1].done == told[-1].total


def test_networks_that_diverge_leave_fields_empty_and_the_others_alone() -> None:
    settings = {"nonlinearity": "relu", "recurrent_gain": 30.0, "clip": None, "longest_lag": 2}
    found = events(**settings, learning_rate=1.0, shortest_lag=2, training_steps=12, seeds=4)
    attempts = of(found, AttemptRow)
    for row in rows_of(found):
        for name, value in zip(row.header(), row.flat(), strict=True):
            if isinstance(value, float) and not name.startswith("half_life"):
                assert math.isfinite(value), (row.table, name)
    summary = dict(zip(MemorySpanSummary.header(), summary_of(found).flat(), strict=True))
    assert MEMORY_SPAN.sentence(config(**settings), summary).endswith(".")
    assert len(attempts) == 4


def test_a_diverged_network_spoils_no_other() -> None:
    room = Classroom(config(), CPU)
    spoiled, healthy = Lesson(room, 2, 1e-2), Lesson(room, 2, 1e-2)
    with torch.no_grad():
        spoiled.networks.readout_SHC[1] = math.nan
    for lesson in (spoiled, healthy):
        for _ in lesson.steps():
            pass
    ours, theirs = spoiled.attempts(), healthy.attempts()
    assert [ours[0], ours[2]] == [theirs[0], theirs[2]]
    assert (ours[1].loss, ours[1].accuracy, ours[1].learned) == (None, None, False)


class TestExactNetworks:
    def examined(self, task: str, lag: int, **settings: Any) -> tuple[Classroom, Any, Any]:
        room = Classroom(config(task=task, seeds=2, **settings), CPU)
        return room, room.networks(), room.draw(room.generators("test", lag), lag, 200)

    @pytest.mark.parametrize("lag", [1, 30, 300])
    def test_a_hand_set_network_that_keeps_what_was_cued_names_every_symbol(self, lag: int) -> None:
        """Units k detect symbol k with its cue (noise stays below), units 3 + k sum them up."""
        shape = {"hidden_size": 6, "nonlinearity": "relu", "symbols": 3}
        room, networks, asked = self.examined("recall", lag, **shape)
        with torch.no_grad():
            for parameter in networks.parameters():
                parameter.zero_()
            for k in range(3):
                networks.recurrent.weight_ih_l0[:, k, k] = 1
                networks.recurrent.weight_ih_l0[:, k, 3] = 100
                networks.recurrent.bias_ih_l0[:, k] = -100
                networks.recurrent.weight_hh_l0[:, 3 + k, k] = 1
                networks.recurrent.weight_hh_l0[:, 3 + k, 3 + k] = 1
                networks.readout_SHC[:, [k, 3 + k], k] = 20
        grades = room.grade(networks, lag, asked)
        assert grades.accuracies_S == [100.0, 100.0]
        assert max(grades.losses_S) < 1e-6
        assert grades.passed_S == [True, True]

    def test_a_hand_set_network_that_sums_what_is_marked_adds_exactly(self) -> None:
        """relu(number + mark − 1) is the number where it is marked, else 0."""
        shape = {"hidden_size": 2, "nonlinearity": "relu"}
        room, networks, asked = self.examined("adding", 40, **shape)
        with torch.no_grad():
            for parameter in networks.parameters():
                parameter.zero_()
            networks.recurrent.weight_ih_l0[:, 0] = 1
            networks.recurrent.bias_ih_l0[:, 0] = -1
            networks.recurrent.weight_hh_l0[:, 1] = 1
            networks.readout_SHC[:] = 1
        assert max(room.grade(networks, 40, asked).losses_S) < 1e-10

    def test_networks_whose_recurrent_weights_stay_zero_name_as_many_as_chance_has_it(self) -> None:
        lesson = Lesson(Classroom(config(tested_sequences=4000), CPU), 1, 1e-2)
        for _ in lesson.steps():
            with torch.no_grad():
                lesson.networks.recurrent.weight_hh_l0.zero_()
        for one in lesson.attempts():
            assert one.accuracy == pytest.approx(100 / 3, abs=3)
            assert one.loss > math.log(3) - 0.01


def test_grades_do_not_depend_on_how_the_sequences_are_split(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = Classroom(config(cell="gru"), CPU)
    asked = room.draw(room.generators("test", 5), 5, 50)
    whole = room.grade(room.networks(), 5, asked)
    monkeypatch.setattr("core.experiments.memory_span_networks.PASS_BYTES", 1)
    split = room.grade(room.networks(), 5, asked)
    assert split.losses_S == pytest.approx(whole.losses_S)
    assert split.accuracies_S == whole.accuracies_S


def test_what_counts_as_learned() -> None:
    assert Grades([0.1, 0.1, None], [90.0, 89.9, None]).passed_S == [True, False, False]
    assert Grades([0.0099, 0.01, None], [None] * 3).passed_S == [True, False, False]


def test_sequences_of_training_validation_and_test_differ_and_so_do_lags() -> None:
    room = Classroom(config(task="adding"), CPU)
    first = [
        float(room.draw(room.generators(purpose, lag), 5, 1).x_STBI[0, 0, 0, 0])
        for purpose in ("training", "validation", "test", "gradient")
        for lag in (5, 6)
    ]
    assert len(set(first)) == len(first)


def test_half_lives_before_training_are_those_of_gradient_decays_instrument() -> None:
    """In float64, on sequences of the task of 100 steps."""
    room = Classroom(config(task="copy", cell="lstm"), CPU)
    assert room.gradient_STBI.shape[1] == 100
    assert len(room.decay_start) == 3
    assert all(0 < rate < 1 for rate in room.decay_start)
    found = events(task="copy", cell="lstm", learning_rate=1e-2, longest_lag=2)
    (row,) = of(found, LagRow)
    assert row.half_life_start.value != row.half_life_end.value


def attempt(rate: float, lag: int, seed: int, step: int | None, *, test: bool = True) -> Attempt:
    learned = step if test else None
    return Attempt(rate, seed, lag, step, learned, 0.1, 95.0, 0.5, 0.9, step or 30)


def attempts_of(steps: dict[tuple[float, int], list[int | None]]) -> list[Attempt]:
    return [
        attempt(rate, lag, seed, step)
        for (rate, lag), by_seed in steps.items()
        for seed, step in enumerate(by_seed)
    ]


SLOW_RATE, MIDDLE, FAST = RATES


class TestLearningRates:
    def test_all_are_tried_at_the_shortest_lag_and_a_set_one_alone(self) -> None:
        assert alive(config(), []) == RATES
        assert alive(config(learning_rate=0.5), []) == (0.5,)

    def test_one_drops_out_where_another_learns_and_it_does_not(self) -> None:
        made = attempts_of(
            {
                (SLOW_RATE, 2): [30, None, None],
                (MIDDLE, 2): [10, 10, None],
                (FAST, 2): [None, 5, 10],
            }
        )
        assert alive(config(), made) == (MIDDLE, FAST)

    def test_where_none_learns_all_go_on_until_they_give_up(self) -> None:
        failed = {(rate, 2): [None, None, 30] for rate in RATES}
        assert alive(config(give_up=2), attempts_of(failed)) == RATES
        assert alive(config(give_up=1), attempts_of(failed)) == ()
        both = {**failed, **{(rate, 3): [None, None, None] for rate in RATES}}
        assert alive(config(give_up=2), attempts_of(both)) == ()
        assert alive(config(give_up=3), attempts_of(both)) == RATES
        late = {**failed, **{(rate, 3): [30, 30, None] for rate in RATES}}
        assert alive(config(give_up=2), attempts_of(late)) == RATES

    def test_the_longest_span_on_validation_is_chosen_whatever_the_test_says(self) -> None:
        lucky = [attempt(FAST, 3, seed, 30, test=False) for seed in range(3)]
        made = attempts_of({(rate, 2): [10, 10, 10] for rate in RATES})
        made += [*lucky, *attempts_of({(SLOW_RATE, 3): [None] * 3, (MIDDLE, 3): [None] * 3})]
        assert chosen_rate(config(), made) == FAST
        assert summarise(config(), made, 1).span.value == 2

    def test_of_equal_spans_the_quicker_one_is_chosen(self) -> None:
        steps = {SLOW_RATE: [20, 20, 20], MIDDLE: [10, 25, 20], FAST: [None, 10, 25]}
        made = attempts_of({(rate, 2): by_seed for rate, by_seed in steps.items()})
        assert chosen_rate(config(), made) == MIDDLE


class TestSummary:
    def test_the_span_is_the_largest_lag_of_a_majority(self) -> None:
        made = attempts_of(
            {(FAST, 2): [10, 10, 10], (FAST, 3): [20, 20, None], (FAST, 5): [None, 30, None]}
        )
        found = summarise(config(learning_rate=FAST), made, 7)
        assert found.span == Estimate(3, 2, 5, 3)
        assert (found.next_lag, found.longest_lag_tried, found.parameters) == (5, 5, 7)
        assert found.span_by_seed == "3, 5, 2"
        assert found.rates_tried == "0.01: 3"
        assert found.steps_to_learn.value == 20

    def test_half_of_the_seeds_are_no_majority(self) -> None:
        made = attempts_of({(FAST, 2): [10, 10], (FAST, 3): [20, None]})
        assert summarise(config(learning_rate=FAST, seeds=2), made, 1).span.value == 2

    def test_where_nothing_is_learned_the_span_is_zero(self) -> None:
        found = summarise(config(learning_rate=FAST), attempts_of({(FAST, 2): [None] * 3}), 1)
        assert found.span == Estimate(0, 0, 0, 3)
        assert (found.next_lag, found.steps_to_learn.n) == (2, 0)
        assert found.half_life_end.value == pytest.approx(math.log(0.5) / math.log(0.9))

    def test_one_seed_has_no_interval_and_the_last_lag_no_next_one(self) -> None:
        made = attempts_of({(FAST, 2): [10], (FAST, 5): [20]})
        found = summarise(config(learning_rate=FAST, seeds=1), made, 1)
        assert found.span == Estimate(5, None, None, 1)
        assert found.next_lag is None


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ((2, 100), [2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100]),
        ((1, 4), [1, 2, 3, 4]),
        ((12, 500), [12, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500]),
        ((50, 50), [50]),
        ((999, 1001), [999, 1000, 1001]),
    ],
)
def test_lags_grow_by_about_a_half_between_both_ends(
    ends: tuple[int, int], expected: list[int]
) -> None:
    assert lags(config(shortest_lag=ends[0], longest_lag=ends[1])) == expected


@pytest.mark.parametrize("task", ["recall", "adding", "copy"])
def test_steps_are_those_of_the_task(task: str) -> None:
    made = config(task=task)
    assert steps_of(made, 7) == Classroom(made, CPU).task.steps(7)
    assert made.features == Classroom(made, CPU).task.inputs


def test_the_last_step_is_validated() -> None:
    assert validated_steps(config(training_steps=30, validations=6)) == {5, 10, 15, 20, 25, 30}
    assert validated_steps(config(training_steps=2, validations=6)) == {1, 2}


def test_work_grows_with_everything_that_takes_time() -> None:
    base = config()
    for more in (
        {"seeds": 4},
        {"training_steps": 60},
        {"longest_lag": 7},
        {"batch_size": 16},
        {"hidden_size": 16},
        {"layers": 2},
        {"bidirectional": True},
        {"cell": "gru"},
        {"validations": 20},
        {"tested_sequences": 80},
        {"task": "copy"},
    ):
        assert MEMORY_SPAN.work(config(**more)) > MEMORY_SPAN.work(base), more
    assert MEMORY_SPAN.work(config(learning_rate=0.1)) < MEMORY_SPAN.work(base)
    assert lag_work(base, 5) > lag_work(base, 2)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"longest_lag": 1}, "longest_lag is 1, but shortest_lag is 2; give at least that"),
        ({"task": "adding", "shortest_lag": 1}, "adding marks two numbers: give 2"),
        ({"task": "recal"}, "task is 'recal'; give recall, adding or copy"),
        ({"learning_rate": 0}, "learning_rate is 0; give a number from 1e-06 to 1"),
        ({"symbols": 1}, "symbols is 1; give a whole number from 2 to 256"),
        ({"give_up": 0}, "give_up is 0; give a whole number from 1 to 100"),
    ],
)
def test_bad_settings_are_sentences(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadSetting, match=sentence):
        config(**settings)


@pytest.mark.parametrize("preset", MEMORY_SPAN.presets)
def test_presets_are_configs(preset: str) -> None:
    assert MEMORY_SPAN.configs(["rnn", "bi-lstm"], {}, preset)
