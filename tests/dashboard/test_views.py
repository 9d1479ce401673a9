"""Every page in every state that a store can be in. A new page is tested by being registered."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.experiments import all_experiments
from core.experiments.memory_span import MEMORY_SPAN
from core.store.tracking import Store
from dashboard.navigation import OVERVIEW, PAGES, Page, page_of
from dashboard.ui.text import plain
from tests.dashboard.conftest import APP, Show, texts
from tests.dashboard.scenes import NASTY, SCENES

RESULTS = [page for page in PAGES if page.experiment]

Scene = Callable[[str], Store]

Drawn = Callable[[Page, str], AppTest]

WITHOUT_CHART = {"Samples"}
"""Figures of words."""


def name_of(page: Page) -> str:
    return page.title


@pytest.fixture(scope="module")
def kept() -> dict[tuple[str, str], AppTest]:
    return {}


@pytest.fixture
def drawn(scene: Scene, show: Show, kept: dict[tuple[str, str], AppTest]) -> Drawn:
    """A page as it opens in a scene: drawn once for all tests, which only read it."""

    def of(page: Page, name: str) -> AppTest:
        scene(name)
        if (page.path, name) not in kept:
            kept[page.path, name] = show(page.path)
        return kept[page.path, name]

    return of


def test_every_view_is_a_page() -> None:
    folder = APP.parent / "views"
    parts = {
        "active_runs.py",
        "ahead.py",
        "cards.py",
        "claim_runs.py",
        "news.py",
        "run_details.py",
        "results/frame.py",
        "results/budget.py",
        "results/score_files.py",
    }
    scripts = {
        *folder.glob("[!_]*.py"),
        *folder.glob("results/[!_]*.py"),
        *folder.glob("*/page.py"),
    }
    pages = {path.relative_to(folder).as_posix() for path in scripts} - parts
    assert {page.path for page in PAGES} == {f"views/{path}" for path in pages}


def test_every_results_page_shows_a_registered_experiment() -> None:
    assert {page.experiment for page in RESULTS} <= {e.name for e in all_experiments()}
    assert all(page_of(page.experiment) is page for page in RESULTS)


def _in_any_scene() -> Iterator[Any]:
    """The usual suite looks at three scenes; the results pages' tests look at most of the others,
    and `test_every_state` at stores whose runs have failed."""
    for name in SCENES:
        usual = name in ("empty", "full", "older")
        yield pytest.param(name, marks=[] if usual else [pytest.mark.slow])


@pytest.mark.parametrize("page", PAGES, ids=name_of)
@pytest.mark.parametrize("name", [*_in_any_scene()])  # a scene at a time: few stores are kept open
def test_page_draws(page: Page, name: str, drawn: Drawn) -> None:
    app = drawn(page, name)
    assert not app.exception
    assert len(app.title) == 1


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_corrupt_store_is_a_message_and_no_traceback(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, show: Show
) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"this is no database" * 100)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    app = show(page.path)
    assert not app.exception
    assert "The store cannot be used" in texts(app)
    assert "restore it from a copy" in texts(app)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_senseless_address_of_the_store_is_a_message(
    page: Page, monkeypatch: pytest.MonkeyPatch, show: Show
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense")
    app = show(page.path)
    assert not app.exception
    assert "MLFLOW_TRACKING_URI is 'nonsense'" in texts(app)


def test_the_overview_of_an_empty_store_offers_the_first_step(drawn: Drawn) -> None:
    assert drawn(OVERVIEW, "empty").button(key="first_look").label == "Measure the first look"


@pytest.mark.parametrize("page", RESULTS, ids=name_of)
class TestResultsPages:
    def test_an_empty_one_says_what_comes_and_where_it_starts(
        self, page: Page, drawn: Drawn
    ) -> None:
        assert "Not measured yet" in texts(drawn(page, "empty"))

    def test_a_full_one_opens_with_the_answer(self, page: Page, drawn: Drawn) -> None:
        app = drawn(page, "full")
        experiment = next(e for e in all_experiments() if e.name == page.experiment)
        assert app.title[0].value == experiment.title
        assert app.subheader[0].value.endswith(r"\.")
        assert len(app.dataframe[-1].value) == 6

    def test_one_with_a_failed_run_says_what_is_missing(self, page: Page, drawn: Drawn) -> None:
        app = drawn(page, "failed")
        assert len(app.dataframe[-1].value) == 1
        assert "Not in the figure" in app.warning[0].value
        assert plain(NASTY) in app.warning[0].value

    def test_one_where_all_failed_says_why(self, page: Page, drawn: Drawn) -> None:
        app = drawn(page, "all failed")
        assert "This sweep has no result" in texts(app)
        assert NASTY in app.text[0].value

    def test_one_without_a_finished_run_shows_how_far_they_are(
        self, page: Page, drawn: Drawn
    ) -> None:
        assert "First results are coming" in texts(drawn(page, "coming"))

    @pytest.mark.slow
    def test_every_figure_draws(self, page: Page, drawn: Drawn, show: Show) -> None:
        tabs = [tab.label for tab in drawn(page, "wide").tabs]
        assert len(tabs) > 1
        for tab in tabs:
            app = show(page.path, figure=tab)
            assert not app.exception
            assert app.get("vega_lite_chart") or tab in WITHOUT_CHART, tab

    def test_every_switch_can_be_flipped(self, page: Page, drawn: Drawn, show: Show) -> None:
        for switch in (one for one in drawn(page, "full").toggle if one.key):
            app = show(page.path)
            app.toggle(key=switch.key).set_value(True).run()
            assert not app.exception
            assert app.toggle(key=switch.key).value is True
            assert app.query_params[str(switch.key).removeprefix("control ")] == "true"

    def test_a_link_to_what_is_not_there_is_explained(
        self, page: Page, scene: Scene, show: Show
    ) -> None:
        scene("full")
        app = show(page.path, sweep="gone <b>", runs=["12345678"], figure="none")
        assert not app.exception
        said = [w.value for w in app.warning]
        assert len(said) == 3
        assert all("is shown instead" in sentence for sentence in said)
        assert app.selectbox(key="control sweep").value.endswith("7f3a")
        assert app.query_params["sweep"] in ("gone <b>", ["gone <b>"]), "the page leaves it alone"

    def test_the_address_names_the_runs_that_are_shown(
        self, page: Page, scene: Scene, show: Show
    ) -> None:
        store = scene("full")
        chosen = [run.run_id[:8] for run in store.runs(page.experiment)][:2]
        app = show(page.path, runs=chosen)
        assert len(app.dataframe[-1].value) == 2
        assert "selected by hand" in texts(app)
        assert not app.warning


def test_a_link_that_calls_a_sweep_a_comparison_still_opens_it(scene: Scene, show: Show) -> None:
    store = scene("full")
    first = store.runs("gradient-decay")[0].sweep
    app = show("views/results/gradient_flow.py", comparison=first)
    assert not app.warning
    assert app.selectbox(key="control sweep").value == first


def test_a_run_in_full(scene: Scene, show: Show) -> None:
    store = scene("failed")
    failed = store.runs(status="FAILED")[0]
    app = show("views/runs.py", run=failed.run_id)
    assert not app.exception
    assert app.error[0].value == plain(NASTY)
    said = texts(app)
    assert f"Traceback\n{NASTY}" in said
    again = texts(show("views/runs.py", run=failed.run_id, details="Reproduce"))
    assert "python -m experiments run" in again
    assert [tab.label for tab in app.tabs] == ["Result", "Settings", "Log", "Tables", "Reproduce"]


def test_a_link_to_a_run_that_is_gone_is_explained(scene: Scene, show: Show) -> None:
    scene("full")
    app = show("views/runs.py", run="0" * 32)
    assert "is not in this store" in app.warning[0].value


def test_the_list_of_runs_is_filtered_by_the_address(scene: Scene, show: Show) -> None:
    scene("failed")
    assert len(show("views/runs.py").dataframe[0].value) == 3 * len(all_experiments())
    app = show("views/runs.py", status="✕ failed")
    assert set(app.dataframe[0].value["Run"].str.split(" ").str[0]) == {"LSTM"}
    assert "No runs match" in texts(show("views/runs.py", text="nothing like it"))


def test_a_run_is_opened_by_the_beginning_of_its_id(scene: Scene, show: Show) -> None:
    run = scene("full").runs()[-1]
    app = show("views/runs.py", run=run.run_id[:8])
    assert not app.warning
    assert app.subheader[0].value == plain(run.name)


def test_settings_and_measures_are_columns_of_the_runs(scene: Scene, show: Show) -> None:
    scene("failed")
    app = show("views/runs.py", experiment="memory-span")
    headings = [column.heading for column in MEMORY_SPAN.summary.columns()]
    frame = app.dataframe[0].value
    assert frame.columns[2] == "Cell", "the setting that differs comes first"
    assert frame.columns[3] in headings, "then the headline"
    assert frame[frame.columns[3]].notna().sum() == 1, "of the run that finished"
    chosen = ["hidden_size", "longest_lag", "seconds", "comment"]
    frame = show("views/runs.py", experiment="memory-span", columns=chosen).dataframe[0].value
    titles = {s.name: s.title for s in MEMORY_SPAN.settings}
    expected = [titles["hidden_size"], titles["longest_lag"], "Duration (s)", "Comment"]
    assert list(frame.columns) == ["Status", "Run", *expected]
    assert (frame[titles["hidden_size"]] == MEMORY_SPAN.config().architecture.hidden_size).all()


def test_mlflow_is_linked_when_it_is_known(
    scene: Scene, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = scene("full").runs()[0]
    assert not show("views/runs.py", run=run.run_id).get("link_button")
    monkeypatch.setenv("UNROLL_MLFLOW_URL", "http://127.0.0.1:5000/")
    (link,) = show("views/runs.py", run=run.run_id).get("link_button")
    assert link.proto.url.startswith("http://127.0.0.1:5000/#/experiments/")
    assert f"/runs/{run.run_id}?" in link.proto.url


def test_what_people_typed_is_shown_as_they_typed_it(store: Store, show: Show) -> None:
    (experiment, *_) = all_experiments()
    (config,) = experiment.configs(["rnn"], {})
    run_id = store.create(experiment, config, sweep="a *sweep*")
    store.client.update_run(run_id, name="<b>bold</b> **stars** :material/home:")
    app = show("views/runs.py", run=run_id)
    assert not app.exception
    assert app.dataframe[0].value["Run"][0] == "<b>bold</b> **stars** :material/home:"
    assert app.subheader[0].value == plain("<b>bold</b> **stars** :material/home:")


@pytest.mark.slow
def test_no_page_loads_torch(scene_uri: Callable[[str], str]) -> None:
    code = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        f"app = AppTest.from_file({str(APP)!r}, default_timeout=60).run()\n"
        f"for page in {[p.path for p in PAGES[1:]]!r}:\n"
        "    app.switch_page(page).run(); assert not app.exception\n"
        "sys.exit('torch' in sys.modules or 'vl_convert' in sys.modules)"
    )
    environment = {"MLFLOW_TRACKING_URI": scene_uri("wide"), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=False, cwd=APP.parents[1]
    )
    assert done.returncode == 0
