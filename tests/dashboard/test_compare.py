"""The Compare page: what it opens with, what its address picks, groups and brings out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas
import pytest
from streamlit.testing.v1 import AppTest

from core.analysis.comparison import compare, pairwise_tests
from core.analysis.sentences import answer
from core.experiments import all_experiments
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.stats.aggregation import MEAN
from core.store.tracking import Store
from dashboard.charts import heatmap
from dashboard.ui.text import plain
from dashboard.views.compare import curves
from dashboard.views.compare.picking import ID_LETTERS
from tests.dashboard.conftest import Show, texts
from tests.dashboard.scenes import record

PAGE = "views/compare/page.py"

HOSTILE = '<img src=x onerror=alert(1)> "quoted" \u202ert l\u202c *b* [l](http://x) ' + "y" * 4000

Scene = Callable[[str], Store]


def ids(store: Store, experiment: str) -> list[str]:
    return [run.run_id[:ID_LETTERS] for run in store.runs(experiment, "FINISHED")]


def options(app: AppTest, title: str) -> Any:
    return next(box for box in app.selectbox if box.label == title)


def said(app: AppTest) -> str:
    return texts(app).replace("\\", "")


def test_it_opens_with_the_answer_to_the_newest_comparison(scene: Scene, show: Show) -> None:
    store = scene("full")
    app = show(PAGE)
    runs = store.runs("gradient-decay", "FINISHED")
    expected = answer(compare(GRADIENT_DECAY, runs, store.table))
    assert not app.exception
    assert app.subheader[0].value.replace("\\", "") == expected.split(". ")[0] + "."
    assert "6 finished runs" in said(app)


def test_the_runs_in_the_address_are_those_that_are_compared(scene: Scene, show: Show) -> None:
    store = scene("full")
    app = show(PAGE, runs=ids(store, "throughput")[:2], measure="latency_p50_us")
    assert not app.exception
    assert "2 finished runs, selected by hand" in said(app)
    assert options(app, "Measure").value == "latency_p50_us"
    assert "latency, median" in app.subheader[0].value.lower()
    settings, results = app.dataframe[-2:]
    assert list(results.value["Group"]) == ["RNN", "LSTM"]
    assert list(settings.value["Cell"]) == ["rnn", "lstm"]


def test_runs_of_two_experiments_have_a_part_each(scene: Scene, show: Show) -> None:
    store = scene("full")
    names = ("parameter-count", "memory-span")
    app = show(PAGE, runs=[*ids(store, names[0])[:2], *ids(store, names[1])[:2]])
    assert not app.exception
    assert [header.value for header in app.header] == ["Parameters", "Memory span"]
    assert "within one only" in said(app)


def test_every_experiment_can_be_compared(scene: Scene, show: Show) -> None:
    store = scene("wide")
    app = show(PAGE, runs=[run for e in all_experiments() for run in ids(store, e.name)])
    assert not app.exception
    assert [header.value for header in app.header] == [e.title for e in all_experiments()]
    results = [frame.value for frame in app.dataframe if "Runs" in frame.value]
    assert [len(result) for result in results] == [3] * len(all_experiments())
    assert all(result.shape[1] > 5 for result in results)


def test_one_run_alone_has_its_measures_and_no_verdict(scene: Scene, show: Show) -> None:
    store = scene("full")
    app = show(PAGE, runs=ids(store, "gradient-decay")[:1])
    assert not app.exception
    assert "Only one group is selected" in said(app)
    assert "Is it more than noise" not in said(app)
    assert len(app.dataframe[-1].value) == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("empty", "As soon as two runs have finished"),
        ("coming", "in progress"),
        ("all failed", "failed or was cancelled"),
    ],
)
def test_without_a_finished_run_it_says_what_comes(
    scene: Scene, show: Show, name: str, told: str
) -> None:
    scene(name)
    app = show(PAGE)
    assert not app.exception
    assert told in said(app)
    assert not app.selectbox


def test_a_run_that_was_deleted_is_explained_and_the_others_stay(scene: Scene, show: Show) -> None:
    store = scene("full")
    app = show(PAGE, runs=["00000000", *ids(store, "parameter-count")[:2]])
    assert not app.exception
    assert "it may have been deleted" in said(app)
    assert "2 finished runs, selected by hand" in said(app)


def test_a_run_that_failed_is_explained(scene: Scene, show: Show) -> None:
    store = scene("failed")
    failed = store.runs("gradient-decay", "FAILED")[0]
    app = show(PAGE, runs=[failed.run_id[:ID_LETTERS]])
    assert "it is failed" in said(app)
    assert not app.exception


def test_filters_in_the_address_narrow_what_can_be_picked(scene: Scene, show: Show) -> None:
    scene("full")
    app = show(PAGE, experiment="throughput", variant="bi-lstm")
    assert "1 matching run," in said(app)
    assert list(app.dataframe[0].value["Experiment"]) == ["throughput"]
    app = show(PAGE, text="lstm", until="2000-01-01")
    assert "No finished runs match these filters" in said(app)
    assert "6 finished runs" in said(app), "what is compared stays"
    app = show(PAGE, since="yesterday")
    assert "give a day as 2026-11-23" in said(app)


def test_all_that_fits_is_picked_at_once_and_cleared(scene: Scene, show: Show) -> None:
    store = scene("full")
    app = show(PAGE, experiment="throughput", variant="lstm")
    app.button(key="pick-all").click().run()
    assert app.query_params["runs"] == ids(store, "throughput")[1]
    assert "1 finished run, selected by hand" in said(app)
    app.button(key="pick-none").click().run()
    assert "runs" not in app.query_params


def test_grouping_measure_and_emphasis_are_in_the_address(scene: Scene, show: Show) -> None:
    store = scene("full")
    app = show(PAGE, runs=ids(store, "gradient-decay"), group="bidirectional")
    assert app.dataframe[-1].value.shape[0] == 6, "a direction is part of the variant"
    assert "asks for group" in said(app)
    app = show(PAGE, runs=ids(store, "gradient-decay"), group="cell", highlight="rnn")
    assert list(app.dataframe[-1].value["Group"]) == ["rnn", "lstm", "gru"]
    assert options(app, "Highlight").value == "rnn"
    assert "pools runs that differ" in said(app)
    options(app, "Measure").select("Exact zeros (% of input gradients)").run()
    assert app.query_params["measure"] == "zero_percent"


def test_what_people_typed_is_text(store: Store, show: Show) -> None:
    for variant in ("rnn", "lstm"):
        (config,) = GRADIENT_DECAY.configs([variant], {})
        run_id = record(store, GRADIENT_DECAY, config, HOSTILE + variant)
        store.client.update_run(run_id, name=HOSTILE)
    app = show(PAGE, runs=ids(store, "gradient-decay"), group="sweep", text="onerror")
    assert not app.exception
    groups = list(app.dataframe[-1].value["Group"])
    assert len(set(groups)) == 2, "names that begin alike are told apart"
    assert plain("<img src=x") in texts(app)
    shown = [
        str(e.value) for kind in ("markdown", "subheader", "caption") for e in getattr(app, kind)
    ]
    assert not any("<img" in text.replace(plain("<img"), "") for text in shown)


def test_results_pages_and_runs_link_here(scene: Scene, show: Show) -> None:
    store = scene("full")
    runs = [run.run_id for run in store.runs("throughput")][:2]
    app = show("views/runs.py", run=runs)
    assert not app.exception
    links = [str(element.proto) for element in app.get("page_link")]
    assert any("Compare these 2 runs" in link and runs[0][:ID_LETTERS] in link for link in links)
    links = [str(element.proto) for element in show("views/runs.py", run=runs[0]).get("page_link")]
    assert any("Compare it" in link for link in links)
    links = [str(e.proto) for e in show("views/results/parameters.py").get("page_link")]
    assert any("Compare these runs" in link for link in links)


def test_every_finding_has_a_sign_of_its_own() -> None:
    assert len(set(heatmap.SIGNS.values())) == len(heatmap.SIGNS)
    found = pairwise_tests({"a": [1.0, 1.1], "b": [1.0, 1.1]}, MEAN, "higher")
    assert {one.finding for one in found} <= set(heatmap.SIGNS)


def test_an_axis_of_doubling_sizes_is_logarithmic_and_one_of_steps_is_not() -> None:
    assert curves.logarithmic(pandas.Series([16, 64, 256, 1024]))
    assert not curves.logarithmic(pandas.Series(range(100)))
    assert not curves.logarithmic(pandas.Series([0, 1, 2, 50]))
