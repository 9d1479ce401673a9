"""Edits are written to MLflow, can be undone, and refuse what cannot be kept."""

from __future__ import annotations

import json

import pytest

from core.experiments.gradient_decay import GRADIENT_DECAY
from core.settings import BadSetting
from core.store.people import current_user
from core.store.records import (
    DASHBOARD_VARIABLE,
    NOTE,
    TAG_ARCHIVED,
    TAG_COMMENT,
    TAG_DELETED,
    TAG_STARRED,
    is_free,
)
from core.store.tracking import Store
from experiments.__main__ import main
from experiments.housekeeping import (
    apply,
    can_be_typed,
    edit_of,
    members,
    parse_tags,
    tags_in_words,
)
from tests.dashboard.hostile import TEXTS

SWEEP = "gradient-decay 2026-11-23 04:30:12 7f3a"


def made(store: Store, *variants: str, status: str = "FINISHED") -> list[str]:
    """Runs of one sweep, which have measured nothing."""
    ids = []
    for variant in variants:
        (config,) = GRADIENT_DECAY.configs([variant], {})
        ids.append(store.create(GRADIENT_DECAY, config, sweep=SWEEP))
        if status == "FINISHED":
            store.set_note(ids[-1], "It fades.")
            store.end(ids[-1], "FINISHED")
    return ids


def contents(store: Store, run_id: str) -> tuple[object, ...]:
    run = store.run(run_id)
    return run.name, run.deleted, run.tags, run.note


def test_every_edit_is_undone_by_what_it_returns(store: Store) -> None:
    (run_id,) = made(store, "lstm")
    apply(store, {run_id: edit_of(tags={"paper": "figure 1"}, comment="before", star=True)})
    before = contents(store, run_id)
    for edit in (
        edit_of(star=False),
        edit_of(archive=True),
        edit_of(pin=True),
        edit_of(delete=True),
        edit_of(name="the best"),
        edit_of(sweep_name="forget bias"),
        edit_of(comment="noisy machine,\ndo not cite"),
        edit_of(tags={"paper": "figure 2", "noisy": "yes"}),
        edit_of(comment="", sweep_name="", tags={"paper": ""}),
    ):
        undo = apply(store, {run_id: edit})
        after = contents(store, run_id)
        assert after != before, edit
        redo = apply(store, undo)
        assert contents(store, run_id) == before, edit
        undo = apply(store, redo)
        assert contents(store, run_id) == after, edit
        apply(store, undo)


def test_what_is_done_stands_in_mlflow_with_who_did_it(store: Store) -> None:
    (run_id,) = made(store, "lstm")
    edit = edit_of(star=True, archive=True, comment="do not cite", name="best", user="ana")
    apply(store, {run_id: edit})
    run = store.client.get_run(run_id)
    assert run.info.run_name == "best"
    tags = run.data.tags
    assert tags[TAG_STARRED] == tags[TAG_ARCHIVED] == "ana"
    assert tags[TAG_COMMENT] == "do not cite"
    assert tags[NOTE].startswith("It fades.")
    assert "do not cite" in tags[NOTE]
    assert store.run(run_id).note == "It fades."
    apply(store, {run_id: edit_of(delete=True, user="ben")})
    assert store.client.get_run(run_id).info.lifecycle_stage == "deleted"
    assert store.runs() == []
    (gone,) = store.runs(deleted=True)
    assert gone.tags[TAG_DELETED] == "ben"
    apply(store, {run_id: edit_of(delete=False)})
    assert [run.comment for run in store.runs()] == ["do not cite"]


def test_a_comment_made_while_it_runs_stays_below_its_result(store: Store) -> None:
    (run_id,) = made(store, "lstm", status="SCHEDULED")
    apply(store, {run_id: edit_of(comment="watch this")})
    store.set_note(run_id, "It fades.")
    assert store.run(run_id).note == "It fades."
    assert "watch this" in store.run(run_id).tags[NOTE]


def test_the_description_in_mlflow_leads_back_to_the_dashboard(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DASHBOARD_VARIABLE, "http://127.0.0.1:8501/")
    waiting, finished = (
        *made(store, "lstm", status="SCHEDULED"),
        *made(store, "gru"),
    )
    for run_id in (waiting, finished):
        link = f"[Open in Unroll](http://127.0.0.1:8501/runs?run={run_id})"
        assert link in store.run(run_id).tags[NOTE]
    assert store.run(waiting).note == ""


def test_an_active_run_is_not_deleted_and_nothing_else_is_either(store: Store) -> None:
    ended, waiting = *made(store, "lstm"), *made(store, "gru", status="SCHEDULED")
    with pytest.raises(BadSetting, match="which is SCHEDULED; cancel it first"):
        apply(store, dict.fromkeys((ended, waiting), edit_of(delete=True)))
    assert len(store.runs()) == 2


def test_a_deleted_run_is_not_edited(store: Store) -> None:
    (run_id,) = made(store, "lstm")
    apply(store, {run_id: edit_of(delete=True)})
    with pytest.raises(BadSetting, match="was deleted; restore it first"):
        apply(store, {run_id: edit_of(star=True)})


def test_whatever_people_type_is_kept_or_refused_in_a_sentence(store: Store) -> None:
    (run_id,) = made(store, "lstm")
    for text in TEXTS.values():
        if len(text) <= 200:
            edit = edit_of(name=text, sweep_name=text, comment=text, tags={"said": text})
            apply(store, {run_id: edit})
            run = store.run(run_id)
            for kept in (run.name, run.sweep_name, run.comment, run.free_tags["said"]):
                assert "\x07" not in kept
                assert kept.split()[0] == text.split()[0]
            continue
        for wrong in ({"name": text}, {"sweep_name": text}):
            with pytest.raises(BadSetting, match=r"name has [\d,]+ characters; give at most 200"):
                edit_of(**wrong)
        with pytest.raises(BadSetting, match=r"comment has [\d,]+ characters; give at most 4,000"):
            edit_of(comment=text)
        with pytest.raises(BadSetting, match=r"tag has [\d,]+ characters; give at most 4,000"):
            edit_of(tags={"said": text})


@pytest.mark.parametrize(
    ("tag", "reason"),
    [
        ("unroll.config", "records itself"),
        ("mlflow.user", "records itself"),
        ("device", "records itself"),
        ("", "give a name of 1 to 200 letters"),
        ("a/b", "give a name"),
        ("..", "give a name"),
        ("x" * 201, "give a name"),
    ],
)
def test_tags_that_something_else_depends_on_are_refused(tag: str, reason: str) -> None:
    with pytest.raises(BadSetting, match=f"tag is .*{reason}"):
        edit_of(tags={tag: "cpu"})


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(BadSetting, match="name is empty; give 1 to 200 characters"):
        edit_of(name=" \n")


def test_tags_are_written_as_they_are_read() -> None:
    text = "noisy, paper=figure 2"
    assert parse_tags(text.split(",")) == {"noisy": "yes", "paper": "figure 2"}
    assert tags_in_words(parse_tags(text.split(","))) == text
    assert can_be_typed("paper", "figure 2")
    assert not can_be_typed("paper", "figures 1, 2")
    assert not can_be_typed("a/b", "yes")


def test_a_sweep_is_found_by_its_id_and_by_its_name(store: Store) -> None:
    made(store, "lstm", "gru")
    assert len(members(store.runs(), SWEEP)) == 2
    apply(store, {run.run_id: edit_of(sweep_name="bias") for run in store.runs()})
    assert len(members(store.runs(), "bias")) == 2
    with pytest.raises(BadSetting, match=f"sweep is 'other'; the newest are '{SWEEP}'"):
        members(store.runs(), "other")


def test_the_command_edits_one_run_or_a_whole_sweep(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = made(store, "lstm", "gru")
    assert main(["edit", first[:8], "--star", "--tag", "noisy", "--comment", "Hm.", "--json"]) == 0
    (data,) = json.loads(capsys.readouterr().out)
    assert (data["starred"], data["tags"], data["comment"]) == (True, {"noisy": "yes"}, "Hm.")
    assert data["user"] == current_user()
    assert main(["edit", "--sweep", SWEEP, "--sweep-name", "bias", "--archive"]) == 0
    assert [(run.sweep_name, run.archived) for run in store.runs()] == [("bias", True)] * 2
    assert main(["edit", "--sweep", "bias", "--unarchive", "--untag", "noisy"]) == 0
    assert [run.free_tags for run in store.runs(archived=False)] == [{}, {}]
    assert main(["edit", "--sweep", "bias", "--pin"]) == 0
    assert all(run.pinned for run in store.runs())
    assert main(["edit", second[:8], "--delete"]) == 0
    assert f"edit {second[:8]} --restore" in capsys.readouterr().err
    assert main(["runs", "--deleted", "--json"]) == 0
    assert [run["run_id"] for run in json.loads(capsys.readouterr().out)] == [second]
    assert main(["edit", second[:8], "--restore"]) == 0
    assert len(store.runs()) == 2


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["7f3a"], "edit is empty; give one of"),
        (["--star"], "name runs or give --sweep"),
        (["7f3a", "--sweep", "x", "--star"], "one of both"),
        (["7f3a", "--sweep-name", "x"], "sweep_name is given for single runs"),
        (["7f3a", "--pin"], "pin is given for single runs; give the sweep"),
        (["7f3a", "--star", "--unstar"], "not allowed with"),
        (["7f3a", "--name", "x" * 201], "name has 201 characters; give at most 200"),
    ],
)
def test_the_command_refuses_in_one_line(
    store: Store, words: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["edit", *words]) == 2
    assert reason in capsys.readouterr().err


def test_no_tag_that_a_run_records_itself_is_free() -> None:
    import torch

    from core.device import describe_device
    from core.runner import provenance

    recorded = {**provenance(), **describe_device(torch.device("cpu"))}
    assert [tag for tag in recorded if is_free(tag)] == []
