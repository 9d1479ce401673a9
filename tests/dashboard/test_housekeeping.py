"""What people do to runs on the pages, and that they can undo it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.experiments import all_experiments
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.store.people import current_user
from core.store.records import TAG_CONFIG, TAG_STARRED
from core.store.tracking import Store
from dashboard import access
from dashboard.navigation import COMPARE, page_of
from dashboard.store import cache
from experiments.housekeeping import apply, edit_of
from experiments.queue import retry
from tests.dashboard.conftest import Show, texts
from tests.dashboard.hostile import MARKUP, QUOTES
from tests.dashboard.scenes import record

EXPERIMENT = all_experiments()[0]

SWEEP = "gradient-decay 2026-11-23 04:30:12 7f3a"


@pytest.fixture
def runs(store: Store) -> list[str]:
    configs = EXPERIMENT.configs(["rnn", "lstm"], {})
    return [record(store, EXPERIMENT, config, SWEEP) for config in configs]


def press(app: AppTest, key: str) -> AppTest:
    app.button(key).click()
    app.run()
    assert not app.exception
    return app


def field(app: AppTest, kind: str, name: str) -> Any:
    """A field of the form for name, comment and tags, whose keys are new once these are."""
    return next(field for field in app.get(kind) if str(field.key).endswith(f"-{name}"))


def test_a_run_is_starred_archived_and_deleted_and_each_is_undone(
    store: Store, runs: list[str], show: Show
) -> None:
    app = show("views/runs.py", run=runs[0])
    press(app, "details-star")
    assert store.run(runs[0]).tags[TAG_STARRED] == current_user()
    press(app, "undo")
    for key, change in (
        ("details-star", lambda run: run.starred),
        ("details-archive", lambda run: run.archived),
        ("details-delete", lambda run: run.deleted),
    ):
        press(app, key)
        assert change(store.run(runs[0])), key
        press(app, "undo")
        assert not change(store.run(runs[0])), key
    press(app, "undo")  # now it says Redo
    assert store.run(runs[0]).deleted
    assert "details-restore" in {button.key for button in app.button}
    press(app, "details-restore")
    assert not store.run(runs[0]).deleted


def test_the_only_run_can_be_deleted_and_restored_where_it_is_shown(
    store: Store, show: Show
) -> None:
    (config,) = GRADIENT_DECAY.configs(["lstm"], {})
    run_id = record(store, GRADIENT_DECAY, config, "one")
    app = show("views/runs.py", run=run_id)
    press(app, "details-delete")
    assert "There are no runs yet." in texts(app)
    press(app, "details-restore")
    assert not store.run(run_id).deleted


def test_several_runs_are_deleted_together_and_restored_from_the_deleted_ones(
    store: Store, runs: list[str], show: Show
) -> None:
    app = show("views/runs.py", run=runs)
    press(app, "selected-delete")
    assert store.runs() == []
    assert "2 runs were deleted" in texts(app)
    app = show("views/runs.py", run=runs, deleted="true")
    press(app, "selected-restore")
    assert len(store.runs()) == 2


def test_name_comment_and_tags_are_changed_in_one_form(
    store: Store, runs: list[str], show: Show
) -> None:
    app = show("views/runs.py", run=runs[0])
    field(app, "text_input", "tags").set_value("noisy, unroll.config=x")
    press(app, field(app, "button", "save").key)
    assert "tag is 'unroll.config'" in texts(app).replace("\\", "")
    assert store.run(runs[0]).free_tags == {}
    field(app, "text_input", "name").set_value(MARKUP)
    field(app, "text_area", "comment").set_value(QUOTES)
    field(app, "text_input", "tags").set_value("noisy, paper=figure 2")
    press(app, field(app, "button", "save").key)
    run = store.run(runs[0])
    assert (run.name, run.comment) == (MARKUP, QUOTES)
    assert run.free_tags == {"noisy": "yes", "paper": "figure 2"}
    assert MARKUP not in texts(app)
    press(app, "undo")
    run = store.run(runs[0])
    assert (run.comment, run.free_tags) == ("", {})


def test_an_active_run_is_cancelled_before_it_can_be_deleted(store: Store, show: Show) -> None:
    (config,) = EXPERIMENT.configs(["rnn"], {})
    waiting = record(store, EXPERIMENT, config, SWEEP, "SCHEDULED")
    app = show("views/runs.py", run=waiting)
    assert app.button("details-delete").disabled
    press(app, f"cancel-{waiting}")
    press(app, "details-delete")
    assert store.run(waiting).deleted


def test_a_comparison_is_named_commented_and_archived_from_its_page(
    store: Store, runs: list[str], show: Show
) -> None:
    page = page_of(EXPERIMENT.name)
    assert page is not None
    apply(store, {runs[0]: edit_of(comment="noisy machine, do not cite", tags={"draft": "yes"})})
    app = show(page.path)
    said = texts(app).replace("\\", "")
    assert "noisy machine, do not cite (1 of 2 runs)" in said
    assert "draft (1 of 2 runs)" in said
    field(app, "text_input", "name").set_value("Forget bias")
    press(app, field(app, "button", "save").key)
    assert [run.sweep_name for run in store.runs()] == ["Forget bias"] * 2
    cache.reader().edit(access.person(), {run_id: edit_of(archive=True) for run_id in runs})
    assert "Not measured yet" in texts(show(page.path))
    for place in (page.path, COMPARE.path):  # a link to it still opens it
        app = show(place, sweep=SWEEP)
        assert not app.exception
        assert "Archived" in texts(app)
        assert "noisy machine, do not cite" in texts(app).replace("\\", "")


def test_a_sweep_has_a_search_in_mlflow(
    store: Store, runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    records = store.runs()
    monkeypatch.delenv("UNROLL_MLFLOW_URL", raising=False)
    assert cache.mlflow_comparison_link(records) is None
    monkeypatch.setenv("UNROLL_MLFLOW_URL", "http://127.0.0.1:5000/")
    link = cache.mlflow_comparison_link(records)
    assert link is not None
    terms = "tags.%22unroll.sweep%22%20%3D%20%27gradient-decay%202026-11-23%2004%3A30%3A12%207f3a"
    assert f"experiments/{records[0].experiment_id}/runs?" in link
    assert f"searchFilter={terms}%27" in link
    alone = [replace(run, sweep="") for run in records]
    assert runs[0] in (cache.mlflow_comparison_link(alone) or "")
    found = store.client.search_runs(
        [records[0].experiment_id], f"tags.\"unroll.sweep\" = '{SWEEP}'"
    )
    assert len(found) == 2


def test_pages_keep_working_when_the_runs_that_they_show_are_deleted(
    store: Store, runs: list[str], show: Show
) -> None:
    app = show("views/compare/page.py", runs=[run_id[:8] for run_id in runs])
    cache.reader().edit(access.person(), {runs[0]: edit_of(delete=True)})
    app.run()
    assert not app.exception
    assert "may have been deleted" in texts(app)


def test_a_run_that_cannot_be_read_is_listed_with_the_reason_and_opens(
    store: Store, runs: list[str], show: Show
) -> None:
    store.set_tags(runs[0], {TAG_CONFIG: '{"cell": "rnn", "threads": "many"}'})
    app = show("views/runs.py")
    assert "1 run cannot be read" in [expander.label for expander in app.expander]
    assert "threads is" in texts(app)
    assert f"run={runs[0]}" in [link.proto.query_string for link in app.get("page_link")]
    app = show("views/runs.py", run=runs[0])
    assert "This run cannot be read" in app.error[0].value
    app = show("views/runs.py", run=runs[1])
    assert not app.error


def test_a_run_is_run_again_once_and_leads_to_the_run_that_does(
    store: Store, runs: list[str], show: Show
) -> None:
    again = retry(store, runs[0])
    app = show("views/runs.py", run=runs[0])
    assert not [button for button in app.button if button.key == "retry"]
    app = show("views/runs.py", run=again)
    assert "waiting in the queue" in app.get("progress")[0].proto.text
