"""Which runs are read side by side, what tells them apart, and their rows as one table."""

from __future__ import annotations

from typing import Any

import pytest

from core.analysis import groups
from core.experiments import all_experiments
from core.store.records import RunRecord
from core.store.tracking import Store
from dashboard.store import sweeps
from dashboard.store.reader import Reader
from tests.dashboard.scenes import POINTS, record

EXPERIMENT = all_experiments()[0]

CURVE = EXPERIMENT.rows[0].table


def runs_of(
    store: Store, variants: list[str], settings: dict[str, list[object]]
) -> list[RunRecord]:
    for config in EXPERIMENT.configs(variants, settings):
        store.create(EXPERIMENT, config, sweep="one")
    return store.runs()


def labels(store: Store, variants: list[str], **settings: list[Any]) -> list[str]:
    return list(groups.labels(EXPERIMENT, runs_of(store, variants, settings)).values())


def test_what_all_runs_share_is_left_out_of_their_labels(store: Store) -> None:
    assert labels(store, ["rnn", "bi-lstm"], hidden_size=[32]) == ["RNN", "bi-LSTM"]


def test_a_label_names_each_setting_that_differs(store: Store) -> None:
    found = labels(store, ["lstm"], hidden_size=[32, 64], initialisation=["torch", "orthogonal"])
    assert found == [
        "LSTM · hidden size 32 · initialisation torch",
        "LSTM · hidden size 32 · orthogonal",
        "LSTM · hidden size 64 · initialisation torch",
        "LSTM · hidden size 64 · orthogonal",
    ]


def test_a_setting_tells_apart_only_the_cells_that_have_it(store: Store) -> None:
    found = labels(store, ["rnn", "lstm"], forget_bias=[None, 1.0])
    assert found == ["RNN", "LSTM · forget bias default", "LSTM · forget bias 1"]


def test_repetitions_with_other_seeds_share_a_label(store: Store) -> None:
    assert labels(store, ["rnn"], seed=[0, 8], threads=[1, 2]) == ["RNN"] * 4


def test_a_budget_is_told_by_the_widths_that_it_decides(store: Store) -> None:
    found = labels(store, ["rnn", "lstm"], parameter_budget=[10_000])
    assert [label.partition(" · ")[0] for label in found] == ["RNN", "LSTM"]
    assert len(set(found)) == 2
    assert all(" · hidden size " in label and "budget" not in label for label in found)


def test_a_setting_can_be_left_out_of_labels(store: Store) -> None:
    runs = runs_of(store, ["lstm"], {"hidden_size": [32, 64], "layers": [1, 2]})
    found = groups.labels(EXPERIMENT, runs, without=["hidden_size"])
    assert sorted(set(found.values())) == ["LSTM · layers 1", "LSTM · layers 2"]


def test_runs_launched_together_are_one_comparison_the_newest_first(store: Store) -> None:
    configs = EXPERIMENT.configs(["rnn", "lstm"], {})
    for sweep in ("first", "second"):
        for config in configs:
            store.create(EXPERIMENT, config, sweep=sweep)
    found = sweeps.sweeps(store.runs())
    assert [(c.name, len(c.runs), len(c.active)) for c in found] == [
        ("second", 2, 2),
        ("first", 2, 2),
    ]


SIDES = 2
"""Of the loss: made-up rows have both."""


@pytest.fixture
def reader(store: Store) -> Reader:
    for config in EXPERIMENT.configs(["rnn", "gru"], {}):
        record(store, EXPERIMENT, config, "one")
    return Reader(store)


def test_results_have_settings_and_every_summary_column(reader: Reader) -> None:
    found = sweeps.results(EXPERIMENT, reader.runs(), reader.table)
    names = {"run_id", "label", "variant", *EXPERIMENT.config().flat()}
    assert names | set(EXPERIMENT.summary.header()) == set(found.columns)
    assert list(found["variant"]) == ["rnn", "gru"]


def test_rows_of_several_runs_are_one_table(reader: Reader) -> None:
    found = sweeps.rows(EXPERIMENT, reader.runs(), CURVE, reader.table)
    assert list(found.columns[:3]) == ["run_id", "label", "variant"]
    assert len(found) == 2 * SIDES * 3 * POINTS


def test_the_same_seed_measured_twice_counts_once(store: Store, reader: Reader) -> None:
    (config,) = EXPERIMENT.configs(["rnn"], {})
    again = record(store, EXPERIMENT, config, "one")
    reader.refresh()
    found = sweeps.rows(EXPERIMENT, reader.runs(), CURVE, reader.table)
    assert len(found) == 2 * SIDES * 3 * POINTS
    assert set(found[found["variant"] == "rnn"]["run_id"]) == {again}


def test_no_rows_make_an_empty_table(store: Store) -> None:
    assert sweeps.rows(EXPERIMENT, [], CURVE, Reader(store).table).empty
    assert sweeps.results(EXPERIMENT, [], Reader(store).table).empty
