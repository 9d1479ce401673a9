"""A run as everyone but MLflow sees it, and the tags that carry what MLflow has no field for.

Tags can be edited by hand in the MLflow UI, so what they say is checked wherever it is read.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from core.settings import Value

Status = Literal["SCHEDULED", "RUNNING", "FINISHED", "FAILED", "KILLED"]

STATUSES: tuple[Status, ...] = ("SCHEDULED", "RUNNING", "FINISHED", "FAILED", "KILLED")

ACTIVE: tuple[Status, ...] = ("SCHEDULED", "RUNNING")

ENDED: tuple[Status, ...] = ("FINISHED", "FAILED", "KILLED")

# These three hold JSON. How owner and heartbeat decide whether a run is lost is explained in
# experiments/liveness.py.
TAG_CONFIG = "unroll.config"
TAG_OWNER = "unroll.owner"
TAG_STATE = "unroll.state"

TAG_SWEEP = "unroll.sweep"

# What people say of runs. A sweep's name and pin stand on each of its runs. Those that mark a run
# hold who did it.
TAG_SWEEP_NAME = "unroll.sweep_name"
TAG_PINNED = "unroll.pinned"
TAG_STARRED = "unroll.starred"
TAG_ARCHIVED = "unroll.archived"
TAG_COMMENT = "unroll.comment"
TAG_DELETED = "unroll.deleted"
TAG_USER = "mlflow.user"

TAG_HEARTBEAT = "unroll.heartbeat"
TAG_NODE = "unroll.node"
TAG_CANCEL = "unroll.cancel"
TAG_ERROR = "unroll.error"
TAG_TRACEBACK = "unroll.traceback"
TAG_CELL = "unroll.cell"
"""The files of cells that somebody added, with their SHA-256."""
TAG_RETRY_OF = "unroll.retry_of"
TAG_ORIGIN = "unroll.origin"
"""Of a run that was imported, as JSON: its id where it was made, who launched it there, and when it
was imported. It is there before the run is whole, and `TAG_CONFIG` only then."""
TAG_LOOKS = "unroll.looks"
MAX_LOOKS = 100

NOTE = "mlflow.note.content"
NOTE_RULE = "\n\n---\n\n"
"""In a note, what stands above it is the result, below it what people and Unroll add."""

DASHBOARD_VARIABLE = "UNROLL_DASHBOARD_URL"
"""The address of the dashboard over this store; `python -m experiments serve` sets it."""

RECORDED_TAGS = frozenset(
    ("torch", "mlflow", "numpy", "python", "cuda", "platform", "host", "device", "chip", "threads")
)
"""What a run records of itself: analyses read them, so nobody edits them."""

RESERVED_PREFIXES = ("unroll.", "mlflow.")

OWNER_FIELDS = {"host": str, "pid": int, "created": (str, int, float), "started": (int, float)}

RUN_ID = re.compile(r"[0-9a-f]{32}")

MAX_SECONDS = 4e9
"""Since the epoch: times beyond are not ours."""

ORIGIN_FIELDS = {"run_id": str, "user": str, "imported": (int, float)}

STATE_FIELDS = {
    "beat": (int, float),
    "fraction": (int, float),
    "message": str,
    "rows": int,
    "memory": int,
}


@dataclass(frozen=True)
class RunRecord:
    """One run as everyone but MLflow sees it."""

    run_id: str
    experiment_id: str
    """MLflow's number for the experiment."""
    experiment: str
    name: str
    status: Status
    settings: Mapping[str, Value]
    """The flat config."""
    sweep: str
    submitted: float
    """Seconds since the epoch."""
    ended: float | None
    metrics: Mapping[str, float]
    tags: Mapping[str, str] = field(repr=False)
    deleted: bool = False
    """Somebody deleted the run in MLflow: lists leave it out, only its id still finds it."""
    old_budget: int | None = None
    """The parameter budget of an older run, which counted its recurrent layers alone. Its settings
    have none: it stands at the hidden size that it recorded."""

    unreadable: str = ""
    """Why nobody can say what was run, as far as that is so: the settings are empty then."""

    @property
    def note(self) -> str:
        """The result in one sentence, once there is one."""
        return self.tags.get(NOTE, "").partition(NOTE_RULE)[0]

    @property
    def sweep_name(self) -> str:
        """What people call its sweep: the name that somebody gave it, or else its id."""
        return self.tags.get(TAG_SWEEP_NAME, "").strip() or self.sweep

    @property
    def user(self) -> str:
        """Who launched it, as far as that is known."""
        return self.tags.get(TAG_USER, "")

    @property
    def pinned(self) -> bool:
        """Whether somebody chose its sweep as the answer to its question."""
        return bool(self.tags.get(TAG_PINNED))

    @property
    def starred(self) -> bool:
        """Whether somebody marked it as worth finding again."""
        return bool(self.tags.get(TAG_STARRED))

    @property
    def archived(self) -> bool:
        """Whether somebody put it away: lists and answers leave it out unless they are asked."""
        return bool(self.tags.get(TAG_ARCHIVED))

    @property
    def comment(self) -> str:
        """What people wrote about it."""
        return self.tags.get(TAG_COMMENT, "")

    @property
    def free_tags(self) -> dict[str, str]:
        """The tags that people gave it, here or in MLflow."""
        return {name: text for name, text in self.tags.items() if is_free(name)}

    @property
    def error(self) -> str:
        """Why a FAILED or KILLED run ended."""
        return self.tags.get(TAG_ERROR, "")

    @property
    def cancelled(self) -> bool:
        """Whether somebody has asked the run to stop."""
        return TAG_CANCEL in self.tags

    @property
    def retry_of(self) -> str:
        """The run that this one repeats, if any."""
        return self.tags.get(TAG_RETRY_OF, "")

    @cached_property
    def origin(self) -> Mapping[str, Any]:
        """Of an imported run, where it came from: `run_id`, `user`, and when it was `imported`."""
        return origin_of(self.tags)

    @property
    def launched_by(self) -> str:
        """Who launched it where it was made, as far as that is known."""
        return str(self.origin.get("user", self.user))

    @property
    def original_id(self) -> str:
        """Its id where it was made, by which files name it: the same in every store."""
        return str(self.origin.get("run_id", self.run_id))

    def is_called(self, beginning: str) -> bool:
        """Whether its id, here or where it was made, begins with this text."""
        return self.run_id.startswith(beginning) or self.original_id.startswith(beginning)

    @property
    def looks(self) -> int:
        """How often the comparison that it was added to is looked at: see `analysis.more_seeds`."""
        text = self.tags.get(TAG_LOOKS, "1")
        return min(max(1, int(text)), MAX_LOOKS) if text.isascii() and text.isdigit() else 1

    @cached_property
    def searchable(self) -> str:
        """What people read of it, in lower case, a line for each text."""
        settings = (value for value in self.settings.values() if isinstance(value, str))
        people = dict.fromkeys((self.user, self.launched_by))
        texts = (self.name, self.experiment, self.sweep_name, self.sweep, *people, self.note)
        every = (*texts, self.comment, self.error, *settings)
        return "\n".join(" ".join(text.split()) for text in every if text).lower()

    @cached_property
    def owner(self) -> Mapping[str, Any]:
        """The process that executes the run: `host`, `pid`, `created` (see `core.processes`), and
        when it `started`.

        Empty while nobody has started the run, or if the tag cannot be read.
        """
        owner = _json_object(self.tags.get(TAG_OWNER, "{}"), OWNER_FIELDS)
        return owner if len(owner) == len(OWNER_FIELDS) else {}

    def may_be_owned_by(self, owner: Mapping[str, Any]) -> bool:
        """Whether nobody else owns the run than this process; `{}` stands for no process."""
        if not self.owner:
            return True
        same = ("host", "pid", "created")
        return [self.owner.get(name) for name in same] == [owner.get(name) for name in same]

    @cached_property
    def state(self) -> Mapping[str, Any]:
        """The newest progress report: `beat` (time), `fraction`, `message`, `rows`, `memory`
        (the most bytes that it has used).
        """
        return _json_object(self.tags.get(TAG_STATE, "{}"), STATE_FIELDS)

    @property
    def seconds(self) -> float | None:
        """How long it ran, without waiting in the queue; None while unknown."""
        started: float | None = self.owner.get("started")
        if started is None:
            return None
        return max(0.0, (self.ended or time.time()) - started)


def origin_of(tags: Mapping[str, str]) -> Mapping[str, Any]:
    """What the tags of a run say of its origin: see `RunRecord.origin`."""
    if TAG_ORIGIN not in tags:
        return {}
    origin = _json_object(tags[TAG_ORIGIN], ORIGIN_FIELDS)
    whole = len(origin) == len(ORIGIN_FIELDS) and RUN_ID.fullmatch(origin["run_id"])
    return origin if whole and 0 <= origin["imported"] < MAX_SECONDS else {}


def is_free(tag: str) -> bool:
    """Whether people may set a tag of that name."""
    return tag not in RECORDED_TAGS and not tag.startswith(RESERVED_PREFIXES)


def note_text(run_id: str, result: str, comment: str = "") -> str:
    """What MLflow shows as a run's description: the result, the comment, and the way back."""
    dashboard = os.environ.get(DASHBOARD_VARIABLE, "").rstrip("/")
    link = f"[Open in Unroll]({dashboard}/runs?run={run_id})" if dashboard else ""
    added = "\n\n".join(filter(None, [comment, link]))
    return f"{result}{NOTE_RULE}{added}" if added else result


def _json_object(text: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a JSON object that have the expected type; none if the text is not one."""
    try:
        values = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(values, dict):
        return {}
    return {
        name: values[name] for name, kind in fields.items() if isinstance(values.get(name), kind)
    }
