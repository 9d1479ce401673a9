"""Bundles on pages: who may import one, what it is refused for, where imported runs are shown."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.analysis import groups
from core.analysis.across import axes, pivot
from core.analysis.comparison import compare
from core.chapter.cost import LSTM_AND_LINEAR
from core.experiments.throughput import THROUGHPUT
from core.store.bundle import read_bundle
from core.store.tracking import Store
from core.store.transfer import pack, unpack
from dashboard.ui import bundles
from dashboard.ui.text import plain
from dashboard.views.choose.scorecard import MEASURED_ELSEWHERE
from experiments.evidence import Evidence
from experiments.queue import equal_runs
from experiments.scorecards import ScorecardIndex
from tests.core.store.bundles import flipped
from tests.dashboard.conftest import Show, texts
from tests.dashboard.scenes import NOTES, record
from tests.dashboard.test_access import ANA, EVE, forged, shared  # noqa: F401
from tests.dashboard.test_housekeeping import press

RUNS = "views/runs.py"

HERE = {**NOTES, "host": "lab-7"}


@pytest.fixture
def results(new_store: Callable[[Path], Store], tmp_path: Path) -> bytes:
    """Two timed runs of a machine with the same name, device and chip as the one here."""
    there = new_store(tmp_path / "there")
    for config in THROUGHPUT.configs(["lstm", "gru"], {"launches": [1]}):
        record(there, THROUGHPUT, config, "one", machine=HERE)
    return pack(there, there.runs())


def chosen(app: AppTest, content: bytes) -> AppTest:
    """Somebody has chosen a file of this content in the form."""
    app.file_uploader(key="bundle-0").set_value(("results.zip", content, "application/zip"))
    return app.run()


def test_a_bundle_is_imported_and_says_where_it_came_from(
    store: Store, show: Show, results: bytes
) -> None:
    app = press(chosen(show(RUNS), results), "import-it")
    assert len(store.runs()) == 2
    assert "2 runs imported from" in str(app.toast[0].value)
    assert app.file_uploader(key="bundle-1").value is None, "the form is closed and empty"
    run = store.runs()[0]
    shown = texts(show(RUNS, run=run.run_id)).replace("\\", "")
    assert "measured on lab-7 (cpu, Made-up chip)" in shown
    assert f"as run {run.original_id[:8]}" in shown
    assert f"as run {run.original_id[:8]}" in texts(show(RUNS, run=run.original_id[:8]))


@pytest.mark.parametrize("damage", ["flipped", "large"])
def test_what_is_refused_is_refused_in_a_sentence(
    store: Store, show: Show, results: bytes, damage: str
) -> None:
    bad = flipped(results, random.Random(3)) if damage == "flipped" else bytes(17 * 2**20)
    app = press(chosen(show(RUNS), bad), "import-it")
    assert "bundle is 'results.zip', which" in app.error[0].value.replace("\\", "")
    assert not app.get("progress"), "a bar for what has ended"
    assert store.runs() == []


def test_a_viewer_imports_nothing(
    shared: Store,  # noqa: F811
    show: Show,
    results: bytes,
) -> None:
    assert "import-it" not in [button.key for button in show(RUNS, EVE).button]
    forged(chosen(show(RUNS, ANA), results), "import-it", EVE)
    assert shared.runs() == []
    press(chosen(show(RUNS, ANA), results), "import-it")
    assert [run.user for run in shared.runs()] == ["ana@example.org"] * 2


@pytest.fixture
def both(store: Store, results: bytes) -> Store:
    """The same measured here, and imported from a machine of the same name."""
    unpack(store, read_bundle("results.zip", results))
    for config in THROUGHPUT.configs(["lstm", "gru"], {"launches": [1], "seed": [5]}):
        record(store, THROUGHPUT, config, "two", machine=HERE)
    return store


def test_times_of_two_machines_are_never_in_one_group(both: Store) -> None:
    runs = both.runs()
    for by in ("", "variant", "seed", "sweep", "hidden_size", "device", "run"):
        for group in groups.grouped(THROUGHPUT, runs, by):
            assert len({groups.machine_of(run) for run in group.runs}) == 1, by
    names = [group.name for group in groups.grouped(THROUGHPUT, runs)]
    assert names == [
        *("LSTM · on lab-7 (imported)", "LSTM · on lab-7"),
        *("GRU · on lab-7 (imported)", "GRU · on lab-7"),
    ]


def test_a_table_of_two_settings_has_the_times_of_one_machine(both: Store) -> None:
    runs = both.runs()
    comparison = compare(THROUGHPUT, runs, both.table, "variant,hidden_size")
    known = axes(THROUGHPUT, runs)
    laid_out = pivot(comparison, known["variant"], known["variant"])
    assert laid_out is not None
    assert laid_out.machine == "cpu, Made-up chip on lab-7"
    named = {run.run_id: run for run in runs}
    for name in laid_out.names.values():
        (group,) = [group for group in comparison.groups if group.name == name]
        assert not any(named[run.run_id].origin for run in group.runs)
    assert "alone, which ran last" in laid_out.caption()


def test_the_scorecard_names_both(both: Store) -> None:
    snapshot = ScorecardIndex(both.table).at(both.runs())
    timed = {record.machine for record in snapshot.records}
    assert {name.partition(") on ")[2] for name in timed} == {"lab-7", "lab-7 (imported)"}


def test_claims_read_the_times_of_both(
    store: Store, new_store: Callable[[Path], Store], tmp_path: Path
) -> None:
    there = new_store(tmp_path / "there")
    for config in LSTM_AND_LINEAR.configs():
        record(there, THROUGHPUT, config, "one", machine=HERE)
        record(store, THROUGHPUT, config, "two", machine=HERE)
    unpack(store, read_bundle("results.zip", pack(there, there.runs())))
    judged = Evidence(store.table).judge(store.runs(), {})
    assert set(judged.results.runs[THROUGHPUT.name]["host"]) == {"lab-7", "lab-7 (imported)"}


def test_choose_repeats_no_times_of_another_computer_here(both: Store, show: Show) -> None:
    records = ScorecardIndex(both.table).at(both.runs()).records
    machine = next(record.machine for record in records if record.imported)
    kinds = ["RNN", "LSTM", "GRU"]
    app = show(
        "views/choose/page.py",
        machine=machine,
        kinds=kinds,
        limit="p99<=1s",
        width="64",
        question="throughput",
    )
    assert not app.exception
    assert plain("Throughput was measured on another computer; repeat it there.") in texts(app)
    assert MEASURED_ELSEWHERE in texts(app)
    asked = {str(box.key) for box in app.checkbox} | {str(button.key) for button in app.button}
    assert not [key for key in asked if "throughput" in key]
    compared = show("views/compare/page.py", runs=[run.run_id[:8] for run in both.runs()])
    assert "Not decided, and measured on another computer; repeat it there." in texts(compared)


def test_the_list_has_a_column_for_the_machine_where_there_are_several(
    both: Store, show: Show
) -> None:
    frame = show(RUNS).dataframe[0].value
    assert sorted(set(frame["Machine"])) == [
        "cpu, Made-up chip on lab-7",
        "cpu, Made-up chip on lab-7 (imported)",
    ]


def test_runs_are_downloaded_as_a_bundle(both: Store, show: Show) -> None:
    ids = [run.run_id for run in both.runs()]
    app = press(show(RUNS, run=ids[:2]), "bundle-make")
    assert "Download" in [b.label for b in app.get("download_button")]
    _, content = app.session_state[bundles.MADE]
    assert len(read_bundle("results.zip", content).runs) == 2
    app = press(show("views/compare/page.py", runs=[i[:8] for i in ids[:2]]), "take-bundle-make")
    assert "Download" in [b.label for b in app.get("download_button")]


def test_of_what_is_selected_a_bundle_has_the_finished_ones_and_says_so(
    both: Store, show: Show
) -> None:
    config = THROUGHPUT.configs(["rnn"], {"launches": [1]})[0]
    failed = record(both, THROUGHPUT, config, "two", "FAILED")
    done = both.runs()[0].run_id
    app = press(show(RUNS, run=[done, failed]), "bundle-make")
    assert "Without 1 run of these, not finished" in texts(app)
    assert app.session_state[bundles.MADE][0] == (done,)
    alone = press(show(RUNS, run=done), "run-bundle-make")
    assert alone.session_state[bundles.MADE][0] == (done,)
    assert "run-bundle-make" not in [button.key for button in show(RUNS, run=failed).button]


def test_why_a_bundle_cannot_be_made_is_read_on_the_page(
    both: Store, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.store.bundle.MAX_BYTES", 0)
    app = press(show(RUNS, run=[run.run_id for run in both.runs()[:2]]), "bundle-make")
    said = app.error[0].value.replace("\\", "")
    assert said.startswith("these runs cannot be bundled: a bundle would be one which has more")
    assert not app.get("download_button")


def test_a_bundle_that_came_along_and_cannot_be_read_is_left_out(
    store: Store,
    show: Show,
    results: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    along = tmp_path / "along"
    along.mkdir()
    (along / "bad.zip").write_bytes(results[:-100])
    (along / "good.zip").write_bytes(results)
    monkeypatch.setattr(bundles, "REFERENCES", along)
    page = "views/results/throughput.py"
    app = press(show(page), "reference-good.zip")
    assert len(store.runs()) == 2
    assert "bad.zip is left out: bundle is 'bad.zip', which is cut off" in caplog.text
    assert "reference-bad.zip" not in [button.key for button in app.button]
    assert "reference-good.zip" not in [button.key for button in show(page).button]  # it is here


def test_times_that_were_imported_are_still_to_be_measured_here(both: Store) -> None:
    plan = [(THROUGHPUT, config) for config in THROUGHPUT.configs(["lstm"], {"launches": [1]})]
    imported = [run for run in both.runs() if run.origin]
    assert equal_runs(imported, plan) == [None]
