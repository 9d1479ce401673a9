"""Saved views: an address of the dashboard with a title and a few words, for everybody.

Each is a run of the MLflow experiment `saved views`: its name is the title, its description the
words and a link, so that it can be read in MLflow, is in every backup, and can be restored there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from core.formatting import counted, one_line
from core.settings import BadSetting
from core.store.database import StoredRun
from core.store.people import NotAllowed
from core.store.records import DASHBOARD_VARIABLE, NOTE, TAG_USER
from core.store.tracking import Store

EXPERIMENT = "saved views"

NOTE_OF_EXPERIMENT = "Pages of the dashboard that somebody gave a title."

TAG_ADDRESS = "unroll.address"
TAG_WORDS = "unroll.comment"

MAX_VIEWS = 100
"""Of one person."""

MAX_TITLE, MAX_WORDS, MAX_ADDRESS = 100, 500, 4000
"""Characters."""


@dataclass(frozen=True)
class Saved:
    """One saved view."""

    title: str
    words: str
    address: str
    """The page's path and query: `compare?sweep=…`."""
    user: str = ""
    at: float = 0.0
    run_id: str = ""


def save(store: Store, view: Saved) -> str:
    """Keep a view for everybody; its id. Raises `BadSetting` for a text that cannot be kept."""
    store.person.require_launch()
    title, words = one_line(view.title), view.words.strip()
    for name, text, most in (
        ("title", title, MAX_TITLE),
        ("words", words, MAX_WORDS),
        ("address", view.address, MAX_ADDRESS),
    ):
        if len(text) > most:
            raise BadSetting(f"{name} has {counted(len(text), 'character')}; give at most {most:,}")
    own = [kept for kept in saved(store) if kept.user == store.person.name]
    if len(own) >= MAX_VIEWS:
        raise NotAllowed(f"{MAX_VIEWS} views of yours are saved already; remove some first")
    if not title:
        raise BadSetting(f"title is empty; give 1 to {MAX_TITLE} characters")
    dashboard = os.environ.get(DASHBOARD_VARIABLE, "").rstrip("/")
    link = f"[Open in Unroll]({dashboard}/{view.address})" if dashboard else ""
    note = "\n\n".join(filter(None, (words, link)))
    tags = {TAG_ADDRESS: view.address, TAG_WORDS: words, NOTE: note, TAG_USER: store.person.name}
    number = store.experiment_number(EXPERIMENT, NOTE_OF_EXPERIMENT)
    run = store.client.create_run(number, run_name=title, tags=tags)
    store.client.set_terminated(run.info.run_id, "FINISHED")
    return str(run.info.run_id)


def saved(store: Store) -> list[Saved]:
    """Every saved view, the newest first."""
    return [_read(run) for run in store.runs_of(EXPERIMENT) if TAG_ADDRESS in run.tags]


def forget(store: Store, run_id: str) -> None:
    """Delete a saved view, as MLflow deletes runs; only its author and admins may."""
    for view in saved(store):
        if view.run_id == run_id:
            store.person.require_change(view.title, view.user)
            store.client.delete_run(run_id)


def _read(run: StoredRun) -> Saved:
    return Saved(
        title=run.name,
        words=run.tags.get(TAG_WORDS, ""),
        address=run.tags[TAG_ADDRESS],
        user=run.tags.get(TAG_USER, ""),
        at=run.start_ms / 1000,
        run_id=run.run_id,
    )
