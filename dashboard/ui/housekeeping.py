"""What people do to runs on a page: star, name, comment, tag, archive, delete; and undo it."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from core.formatting import counted, inline_text
from core.settings import BadSetting
from core.store.folder import StoreError
from core.store.records import ACTIVE, TAG_ARCHIVED, TAG_DELETED, RunRecord
from dashboard import access
from dashboard.store import cache
from dashboard.store.sweeps import Sweep
from dashboard.ui import actions
from dashboard.ui.text import plain
from experiments.housekeeping import (
    Edit,
    can_be_typed,
    edit_of,
    parse_tags,
    shared,
    tags_in_words,
)

UNDO_SECONDS = 300.0
"""How long an edit can be undone by one click; deleted runs can be restored later, too."""

COMMENT_LETTERS = 500
"""A longer comment is cut on a page of several runs."""

TAGS_HELP = "Labels, or names with values, separated by commas: `noisy, paper=figure 2`."


@dataclass(frozen=True)
class Done:
    """An edit that this person has just made."""

    sentence: str
    undo: Mapping[str, Edit]
    button: str
    at: float


def undo_notice() -> None:
    """Say what has just been done, with a button that undoes it."""
    done: Done | None = st.session_state.get("done")
    if done is None or time.time() - done.at > UNDO_SECONDS:
        return
    if st.session_state.pop("just done", False):  # who scrolled down does not see the top
        st.toast(plain(f"{done.sentence} {done.button}: at the top of the page."))
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="undo-notice"):
        st.markdown(plain(done.sentence), width="content")
        if st.button(done.button, key="undo", icon=":material/undo:"):
            redo = done.button == "Undo"
            sentence, button = ("Undone.", "Redo") if redo else ("Done again.", "Undo")
            _write(done.undo, sentence, button)
        if st.button("Close", key="undo-close", icon=":material/close:", type="tertiary"):
            del st.session_state["done"]
            st.rerun()


def actions_on(runs: Sequence[RunRecord], key: str) -> None:
    """Buttons for everything that can be done to the selected runs."""
    if not runs:
        return
    access.say_who_may_change(runs)
    with st.container(horizontal=True, vertical_alignment="center", key=f"{key}-actions"):
        if all(run.deleted for run in runs):
            _restore_button(runs, key)
            return
        _mark_buttons(runs, key)
        texts = _texts(runs, None)
        with st.popover("Edit", icon=":material/edit:", type="tertiary", key=f"{key}-{texts.key}"):
            _form(runs, texts, None)
        mlflow_link(runs)


def sweep_menu(sweep: Sweep) -> None:
    """A menu with everything that can be done to all runs of a sweep, of every experiment."""
    every = cache.reader().runs(archived=True)
    runs = [run for run in every if run.sweep == sweep.name] or sweep.runs
    texts = _texts(runs, sweep.title)
    with st.popover(
        "Manage", icon=":material/more_horiz:", type="tertiary", key=f"sweep-{texts.key}"
    ):
        st.caption(plain(f"{inline_text(sweep.title)}: {counted(len(runs), 'run')}"))
        access.say_who_may_change(runs)
        with st.container(horizontal=True):
            _mark_buttons(runs, "sweep", sweep.title)
            mlflow_link(runs)
        _form(runs, texts, sweep.title)


def pin_button(sweep: Sweep, *, is_headline: bool) -> None:
    """A button that makes a sweep the answer to its question on every page, or no longer."""
    pin = not sweep.pinned
    if sweep.pinned:
        label, help = "Unpin", "Somebody chose this sweep as the answer to its question."
    elif is_headline:
        label, help = "Keep on the Overview", "Show this sweep first, whatever is measured later."
    else:
        label, help = "Show on the Overview", "Show this sweep first, on every page."
    if st.button(
        label,
        key=f"pin-{sweep.name}",
        icon=":material/keep:" if pin else ":material/keep_off:",
        type="tertiary",
        help=help,
        disabled=not access.may_change(sweep.runs),
    ):
        verb = "pinned to the Overview" if pin else "unpinned"
        _edit(sweep.runs, edit_of(pin=pin), verb, sweep.subject)


def mlflow_link(runs: Sequence[RunRecord]) -> None:
    """A link to a run, or to several side by side, in the MLflow UI, if one is known."""
    link = cache.mlflow_link(runs[0]) if len(runs) == 1 else cache.mlflow_comparison_link(runs)
    if link is not None:
        st.link_button("MLflow", link, icon=":material/open_in_new:", type="tertiary")


def remarks(runs: Sequence[RunRecord]) -> None:
    """Show what people said of these runs: comments, tags, and that they are put away."""

    def part(number: int) -> str:
        return "" if number == len(runs) else f" ({number} of {counted(len(runs), 'run')})"

    for text, number in Counter(run.comment for run in runs if run.comment).items():
        words = f"{inline_text(text, COMMENT_LETTERS)}{part(number)}"
        st.caption(f":material/comment: {plain(words)}")
    tags = Counter(tag for run in runs for tag in _labels(run))
    if tags:
        words = " · ".join(f"{inline_text(tag)}{part(number)}" for tag, number in tags.items())
        st.caption(f":material/label: {plain(words)}")
    if archived := sum(run.archived for run in runs):
        words = f"Archived: lists and answers leave it out.{part(archived)}"
        st.caption(f":material/archive: {plain(words)}")


def done_by(run: RunRecord) -> str:
    """Who archived or deleted a run, if that is known: `archived by ana`."""
    marks = {TAG_DELETED: "deleted"} if run.deleted else {TAG_ARCHIVED: "archived"}
    known = [f"{word} by {run.tags[tag]}" for tag, word in marks.items() if run.tags.get(tag)]
    return inline_text(", ".join(known))


def deleted_runs() -> list[RunRecord]:
    """The deleted runs, the newest first, under a sentence about them."""
    runs = cache.reader().deleted()[::-1]
    if runs:
        text = "Select runs to restore them. `mlflow gc` removes deleted runs for good."
        st.caption(f"{counted(len(runs), 'deleted run')}. {text}")
    else:
        st.info("Nothing is deleted.", icon=":material/delete:")
    return runs


def _mark_buttons(runs: Sequence[RunRecord], key: str, sweep: str | None = None) -> None:
    """Star, archive and delete; active runs have to be cancelled before they can be deleted."""
    star, archive = not all(r.starred for r in runs), not all(r.archived for r in runs)
    active = [run for run in runs if run.status in ACTIVE]
    not_theirs = not access.may_change(runs)
    if st.button(
        "Star" if star else "Unstar",
        key=f"{key}-star",
        icon=":material/star:",
        type="tertiary",
        disabled=not_theirs,
    ):
        _edit(
            runs,
            edit_of(star=star, user=access.person().name),
            "starred" if star else "unstarred",
            sweep,
        )
    if st.button(
        "Archive" if archive else "Unarchive",
        key=f"{key}-archive",
        icon=":material/archive:" if archive else ":material/unarchive:",
        type="tertiary",
        disabled=not_theirs,
        help="Archived runs are left out of lists and answers, unless somebody asks for them."
        if archive
        else None,
    ):
        _edit(
            runs,
            edit_of(archive=archive, user=access.person().name),
            "archived" if archive else "unarchived",
            sweep,
        )
    if active and len(runs) > 1:  # the page of a run has a button for it
        st.button(
            f"Cancel {counted(len(active), 'active run')}",
            key=f"{key}-cancel",
            icon=":material/stop_circle:",
            type="tertiary",
            disabled=not_theirs,
            on_click=actions.cancel_all,
            args=(active,),
        )
    if len(runs) > 1:
        actions.retry_failed_button(runs, key)
    if st.button(
        "Delete",
        key=f"{key}-delete",
        icon=":material/delete:",
        type="tertiary",
        disabled=bool(active) or not_theirs,
        help="Cancel the active runs first." if active else "Deleted runs can be restored.",
    ):
        _edit(runs, edit_of(delete=True, user=access.person().name), "deleted", sweep)


def _restore_button(runs: Sequence[RunRecord], key: str) -> None:
    if st.button(
        "Restore",
        key=f"{key}-restore",
        icon=":material/restore_from_trash:",
        disabled=not access.may_change(runs),
    ):
        _edit(runs, edit_of(delete=False), "restored", None)


@dataclass(frozen=True)
class Texts:
    """What the form shows at first: the texts that all of the runs share."""

    name: str
    comment: str
    tags: str
    key: str
    """Another one once the runs or their texts are others, so that the form starts anew."""


def _texts(runs: Sequence[RunRecord], sweep: str | None) -> Texts:
    name = shared([run.name for run in runs]) if sweep is None else sweep
    comment = shared([run.comment for run in runs])
    first, *others = runs
    tags = tags_in_words(
        {
            name: text
            for name, text in sorted(first.free_tags.items())
            if can_be_typed(name, text) and all(run.tags.get(name) == text for run in others)
        }
    )
    content = repr(([run.run_id for run in runs], name, comment, tags))
    return Texts(name, comment, tags, f"edit-{hashlib.sha256(content.encode()).hexdigest()[:12]}")


def _form(runs: Sequence[RunRecord], texts: Texts, sweep: str | None) -> None:
    """Fields for name, comment and tags; only what somebody changes is written."""
    different = "different for these runs"
    comments = {run.comment for run in runs}
    with st.form(texts.key, border=False):
        name = st.text_input("Name", texts.name, placeholder=different, key=f"{texts.key}-name")
        comment = st.text_area(
            "Comment",
            texts.comment,
            placeholder=different if len(comments) > 1 else "What others should know",
            key=f"{texts.key}-comment",
        )
        tags = st.text_input("Tags", texts.tags, help=TAGS_HELP, key=f"{texts.key}-tags")
        saved = st.form_submit_button(
            "Save",
            icon=":material/save:",
            key=f"{texts.key}-save",
            disabled=not access.may_change(runs),
        )
    if not saved:
        return
    try:
        changed = edit_of(
            name=name if sweep is None and name != texts.name else None,
            sweep_name=name if sweep is not None and name != texts.name else None,
            comment=None if comment == texts.comment else comment,
            tags=_changed_tags(texts.tags, tags),
        )
    except BadSetting as error:
        st.error(plain(str(error)), icon=":material/block:")
        return
    if changed != Edit():
        _edit(runs, changed, "changed", sweep)


def _changed_tags(before: str, after: str) -> dict[str, str]:
    """What turns the tags of the one text into those of the other; an empty value removes one."""
    if before == after:
        return {}
    new = parse_tags(after.split(","))
    return new | {name: "" for name in parse_tags(before.split(",")) if name not in new}


def _labels(run: RunRecord) -> list[str]:
    return [tags_in_words({name: text}) for name, text in run.free_tags.items()]


def _edit(runs: Sequence[RunRecord], edit: Edit, verb: str, sweep: str | None) -> None:
    """Make an edit of all of these runs, and draw the page again with the way back."""
    if sweep is None:
        subject = inline_text(runs[0].name) if len(runs) == 1 else counted(len(runs), "run")
    else:
        subject = f"{inline_text(sweep)} ({counted(len(runs), 'run')})"
    were = "was" if len(runs) == 1 or sweep is not None else "were"
    _write({run.run_id: edit for run in runs}, f"{subject} {were} {verb}.", "Undo")


def _write(edits: Mapping[str, Edit], sentence: str, button: str) -> None:
    try:
        with st.spinner("Saving…"):
            undo = cache.reader().edit(access.person(), edits)
    except (BadSetting, StoreError) as error:
        st.error(plain(str(error)), icon=":material/block:")
        return
    st.session_state["done"] = Done(sentence, undo, button, time.time())
    st.session_state["just done"] = True
    st.rerun()
