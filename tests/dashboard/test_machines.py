"""Runs of several machines in one store: told apart, put side by side, narrowed down."""

from __future__ import annotations

import pytest

from core.analysis import groups
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.throughput import THROUGHPUT
from core.store.records import RunRecord
from core.store.tracking import Store
from tests.dashboard.conftest import Show, texts
from tests.dashboard.scenes import NOTES, record

GPU = {"device": "cuda", "chip": "NVIDIA H100"}

OTHER_CPU = {"device": "cpu", "chip": "Another chip"}

PAGE = "views/results/throughput.py"


def put(store: Store, sweep: str, machine: dict[str, str] = NOTES, **settings: object) -> str:
    config, *_ = THROUGHPUT.configs(["lstm"], {name: [value] for name, value in settings.items()})
    return record(store, THROUGHPUT, config, sweep, machine=machine)


def by_sweep(store: Store, sweep: str) -> list[RunRecord]:
    return [run for run in store.runs() if run.sweep == sweep]


def test_a_machine_is_named_without_what_tells_nothing_apart(store: Store) -> None:
    put(store, "one")
    assert groups.machine_titles(store.runs()) == {store.runs()[0].run_id: "cpu, Made-up chip"}


@pytest.mark.parametrize(
    ("other", "names"),
    [
        (NOTES, ["LSTM", "LSTM"]),
        (GPU, ["LSTM · cpu, Made-up chip", "LSTM · cuda, NVIDIA H100"]),
        (OTHER_CPU, ["LSTM · Made-up chip", "LSTM · Another chip"]),
    ],
)
def test_labels_name_as_much_of_the_machine_as_differs(
    store: Store, other: dict[str, str], names: list[str]
) -> None:
    put(store, "one")
    put(store, "two", other)
    assert list(groups.labels(THROUGHPUT, store.runs()).values()) == names


def test_a_run_that_waits_for_a_machine_tells_nobody_apart(store: Store) -> None:
    put(store, "one")
    record(store, THROUGHPUT, THROUGHPUT.configs(["gru"], {})[0], "one", "SCHEDULED")
    assert list(groups.labels(THROUGHPUT, store.runs()).values()) == ["LSTM", "GRU"]


def test_machines_are_not_told_apart_where_nothing_is_timed(store: Store) -> None:
    for machine in (NOTES, GPU):
        record(store, GRADIENT_DECAY, GRADIENT_DECAY.config(), "one", machine=machine)
    assert set(groups.labels(GRADIENT_DECAY, store.runs()).values()) == {"RNN"}


def test_the_same_launch_elsewhere_is_put_beside_and_only_the_newest_of_each_machine(
    store: Store,
) -> None:
    put(store, "here")
    put(store, "old", GPU)
    put(store, "new", GPU, seed=7)
    put(store, "third", OTHER_CPU)
    put(store, "longer", GPU, sequence_length=2048)
    put(store, "here too")
    runs = store.runs()
    found = groups.elsewhere(THROUGHPUT, by_sweep(store, "here"), runs)
    assert sorted(run.sweep for run in found) == ["new", "third"]


def test_a_budget_decides_the_width_so_the_width_needs_not_be_the_same(store: Store) -> None:
    put(store, "here", parameter_budget=10_000)
    config, *_ = THROUGHPUT.configs(["gru"], {"parameter_budget": [10_000]})
    record(store, THROUGHPUT, config, "there", machine=GPU)
    found = groups.elsewhere(THROUGHPUT, by_sweep(store, "here"), store.runs())
    assert [run.sweep for run in found] == ["there"]


def test_the_page_shows_them_beside_and_narrows_them_down(store: Store, show: Show) -> None:
    put(store, "there", GPU)
    put(store, "here")
    app = show(PAGE)
    assert not app.exception
    names = ["LSTM · cpu, Made-up chip", "LSTM · cuda, NVIDIA H100"]
    assert list(app.dataframe[-1].value["Variant"]) == names
    assert "with 1 from cuda, NVIDIA H100" in texts(app).replace("\\", "")
    assert "Measured on CPU only" not in texts(app)
    assert " · " not in app.subheader[0].value  # the answer names the machine in its own words
    narrowed = show(PAGE, device="cuda")
    assert list(narrowed.dataframe[-1].value["Variant"]) == ["LSTM"]
    assert narrowed.button_group(key="control device").options == ["cpu", "cuda"]


def test_precisions_are_narrowed_down_where_there_are_several(store: Store, show: Show) -> None:
    for dtype in ("float32", "bfloat16"):
        put(store, "one", dtype=dtype)
    assert len(show(PAGE).dataframe[-1].value) == 2
    app = show(PAGE, dtype="bfloat16")
    assert not app.exception
    assert len(app.dataframe[-1].value) == 1


def test_without_a_gpu_the_page_says_what_one_would_add(store: Store, show: Show) -> None:
    put(store, "here")
    app = show(PAGE)
    assert "Measured on CPU only" in texts(app)
    keys = [group.key for group in app.button_group]
    assert "control device" not in keys
    assert "control dtype" not in keys
