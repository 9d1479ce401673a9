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
from dashboard.charts import verdicts
from dashboard.store import cache
from dashboard.ui.text import plain
from dashboard.views.compare import across, curves
from dashboard.views.compare.picking import ID_LETTERS
from tests.dashboard.conftest import Show, texts
from tests.dashboard.scenes import record

PAGE = "views/compare/page.py"

COMPARISONS = "Comparisons"

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
    assert "median latency" in app.subheader[0].value.lower()
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


@pytest.mark.slow
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
    assert "Which differences are significant" not in said(app)
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


def test_the_search_in_the_address_narrows_what_can_be_picked(scene: Scene, show: Show) -> None:
    scene("full")
    app = show(PAGE, pick="throughput", text="variant:bi-lstm")
    assert "1 matching run," in said(app)
    assert list(app.dataframe[0].value["Experiment"]) == ["throughput"]
    app = show(PAGE, text="lstm submitted<2000-01-01")
    assert "No finished runs match this search" in said(app)
    assert "6 finished runs" in said(app), "what is compared stays"
    app = show(PAGE, text="hidden_size=wide")
    assert "hidden_size is 'wide'; give a whole number from 1 to 16,384" in said(app)


def test_ticks_are_compared_when_somebody_asks_for_it(
    scene: Scene, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = scene("full")
    app = show(PAGE, text="experiment:throughput variant:lstm,gru")
    computed: list[str] = []
    compared = cache.comparison
    monkeypatch.setattr(
        cache, "comparison", lambda *args: computed.append("one") or compared(*args)
    )
    app.button(key="pick-all").click().run()
    assert "2 selected" in said(app)
    assert "runs" not in app.query_params, "nothing is compared yet"
    app.button(key="pick-compare").click().run()
    wanted = {ids(store, "throughput")[i] for i in (1, 2)}
    assert set(app.query_params["runs"]) == wanted
    assert "2 finished runs, selected by hand" in said(app)
    assert computed
    app.button(key="pick-none").click().run()
    assert "0 selected" in said(app)


def test_whole_sweeps_are_compared_and_single_runs_are_added(scene: Scene, show: Show) -> None:
    store = scene("full")
    first, second = (f"{e.name} 2026-11-23 04:30:12 7f3a" for e in all_experiments()[:2])
    app = show(PAGE, sweep=[first, second], runs=ids(store, "memory-span")[:1])
    assert not app.exception
    assert "13 finished runs, selected by hand and of" in said(app)
    assert [header.value for header in app.header][:2] == [e.title for e in all_experiments()[:2]]
    app = show(PAGE, sweep=[second])
    assert f"6 finished runs of {all_experiments()[1].title}." in said(app)


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


def grid(store: Store) -> list[str]:
    """Four widths by two forget biases of one variant, and a run of another."""
    settings = {"hidden_size": [8, 16, 32, 64], "forget_bias": [0.0, 1.0]}
    configs = GRADIENT_DECAY.configs(["lstm"], settings)
    configs += GRADIENT_DECAY.configs(["rnn"], {"hidden_size": [8]})
    return [record(store, GRADIENT_DECAY, c, "a grid")[:ID_LETTERS] for c in configs]


def test_a_grid_has_every_view_across_its_settings(store: Store, show: Show) -> None:
    runs = grid(store)
    drawn = {}
    for view in (across.LINE, across.TABLE, across.PARALLEL, across.TRADEOFF):
        app = show(PAGE, runs=runs, view=view)
        assert not app.exception, view
        assert "asks for" not in said(app)
        drawn[view] = [str(e.proto) for e in app.get("vega_lite_chart")]
    assert len({str(charts) for charts in drawn.values()}) == 4
    app = show(PAGE, runs=runs, view=across.TABLE, rows="forget_bias", columns="hidden_size")
    assert "by forget bias (rows) and hidden size (columns)." in said(app)
    assert options(app, "Variant").value == "lstm"
    app = show(PAGE, runs=runs, view=across.LINE, x="forget_bias", colour="hidden_size")
    assert not app.exception
    app = show(PAGE, runs=runs, group=["forget_bias", "variant"])
    assert list(app.dataframe[-1].value["Group"]) == [
        "forget bias 0 · LSTM",
        "forget bias 1 · LSTM",
        "without forget bias · RNN",
    ]


def test_every_comparison_is_found_by_who_launched_it_and_is_one_click_away(
    scene: Scene, show: Show
) -> None:
    store = scene("failed")
    app = show(PAGE, show=COMPARISONS)
    assert not app.exception
    assert f"{len(all_experiments())} of {len(all_experiments())} comparisons" in said(app)
    links = [str(link.proto) for link in app.get("page_link")]
    assert all(any(e.name in link and "sweep" in link for link in links) for e in all_experiments())
    assert "3 runs (1 finished, 2 failed)" in said(app)
    assert all(e.question in said(app) for e in all_experiments())
    run = store.runs("gradient-decay", "FINISHED")[0]
    assert answer(compare(GRADIENT_DECAY, [run], store.table)).split(". ")[0] in said(app)
    app = show(PAGE, show=COMPARISONS, text="experiment:memory-span status:failed")
    assert f"1 of {len(all_experiments())} comparisons" in said(app)
    assert "No comparison matches" in said(show(PAGE, show=COMPARISONS, text="user:nobody"))


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
    assert len(set(verdicts.SIGNS.values())) == len(verdicts.SIGNS)
    found = pairwise_tests({"a": [1.0, 1.1], "b": [1.0, 1.1]}, MEAN, "higher")
    assert {one.finding for one in found} <= set(verdicts.SIGNS)


def test_an_axis_of_doubling_sizes_is_logarithmic_and_one_of_steps_is_not() -> None:
    assert curves.logarithmic(pandas.Series([16, 64, 256, 1024]))
    assert not curves.logarithmic(pandas.Series(range(100)))
    assert not curves.logarithmic(pandas.Series([0, 1, 2, 50]))
