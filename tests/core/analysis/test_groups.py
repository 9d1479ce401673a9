"""What groups of runs are called, and how their settings are listed."""

from __future__ import annotations

import pytest

from core.analysis.groups import MAX_VALUES, Group, grouped, labels, mixed, setting_differences
from core.analysis.runs import finished_run
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.throughput import THROUGHPUT
from core.store.records import RunRecord


def made(variant: str = "rnn", device: str = "cpu", **settings: object) -> RunRecord:
    experiment = THROUGHPUT if "repetitions" in settings else GRADIENT_DECAY
    asked = {name: [value] for name, value in settings.items()}
    config, *_ = experiment.configs([variant], asked)
    run_id = f"{variant}-{device}-{settings}"
    return finished_run(run_id, experiment.name, config.flat(), device, "chip", 0)


def names(*runs: RunRecord, by: str = "") -> list[str]:
    return [group.name for group in grouped(GRADIENT_DECAY, runs, by)]


def test_a_name_has_only_what_tells_its_runs_from_the_others() -> None:
    assert names(made("lstm", forget_bias=1)) == ["LSTM"]
    assert names(made("lstm", forget_bias=1), made("rnn")) == ["LSTM", "RNN"]
    assert names(made("lstm", forget_bias=1), made("lstm")) == [
        "LSTM · forget bias 1",
        "LSTM · forget bias default",
    ]
    # A setting in which others differ is named of every run that has it.
    found = names(made("lstm", layers=2), made("bi-gru"), made("bi-gru", seed=3))
    assert found == ["LSTM · layers 2", "bi-GRU · layers 1"]


def test_a_machine_is_named_where_times_are_measured_on_several() -> None:
    one, two = made(repetitions=3), made(device="cuda", repetitions=3)
    assert [*labels(THROUGHPUT, [one]).values()] == ["RNN"]
    assert [*labels(THROUGHPUT, [one, two]).values()] == ["RNN · cpu", "RNN · cuda"]
    assert [*labels(THROUGHPUT, [one, two], without=["machine"]).values()] == ["RNN", "RNN"]
    untimed = made(), made(device="cuda")
    assert [*labels(GRADIENT_DECAY, untimed).values()] == ["RNN", "RNN"]


def test_a_group_is_of_a_variant_only_if_all_of_its_runs_are() -> None:
    assert Group("g", (made("bi-lstm"), made("bi-lstm", seed=1))).variant == "bi-lstm"
    assert Group("g", (made("bi-lstm"), made("lstm"))).variant == ""


def test_a_setting_that_a_cell_has_not_is_a_group_of_its_own() -> None:
    runs = made("lstm", forget_bias=1), made("gru"), made("rnn")
    assert names(*runs, by="forget_bias") == ["forget bias 1", "without forget bias"]


@pytest.mark.parametrize("count", [MAX_VALUES, MAX_VALUES + 1])
def test_values_of_a_setting_are_listed_while_they_are_few(count: int) -> None:
    group = Group("all", tuple(made(seed=seed) for seed in range(count)))
    (line,) = setting_differences(GRADIENT_DECAY, [group])
    few = ", ".join(map(str, range(count)))
    many = f"0, 1, … {count - 1} ({count} values)"
    assert line.values == {"all": few if count == MAX_VALUES else many}


def test_a_group_is_mixed_in_what_is_measured_and_not_in_its_seeds() -> None:
    assert mixed(GRADIENT_DECAY, Group("g", (made(seed=0), made(seed=1)))) == []
    assert mixed(GRADIENT_DECAY, Group("g", (made(), made(layers=2)))) == ["Layers"]
