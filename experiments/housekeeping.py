"""What people do to recorded runs: name, star, archive, comment, tag, delete, and undo all of it.

An edit is written to MLflow at once, and writing it returns the edits that undo it. Nothing is
ever lost: MLflow keeps deleted runs, which can be restored until somebody calls `mlflow gc`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core.formatting import inline_text, one_line
from core.settings import BadSetting
from core.store.people import current_user
from core.store.records import (
    ACTIVE,
    NOTE,
    TAG_ARCHIVED,
    TAG_COMMENT,
    TAG_DELETED,
    TAG_PINNED,
    TAG_STARRED,
    TAG_SWEEP_NAME,
    RunRecord,
    is_free,
    note_text,
)
from core.store.tracking import Store
from experiments.queue import MAX_NAME

MAX_TEXT = 4000
"""Letters of a comment or of a tag's value."""

TAG_NAME = re.compile(r"[\w\-. ]*\w")

LABEL_VALUE = "yes"
"""The value of a tag that was given without one."""

CONTROL = re.compile(r"[^\S\n\t ]|[\x00-\x08\x0b-\x1f\x7f]")
"""What no comment needs: control characters, and line ends other than `\\n`."""


@dataclass(frozen=True)
class Edit:
    """What is to become of a run; what is None stays as it is."""

    name: str | None = None
    deleted: bool | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tag → its new value; an empty one removes the tag."""


def edit_of(
    *,
    name: str | None = None,
    sweep_name: str | None = None,
    comment: str | None = None,
    star: bool | None = None,
    pin: bool | None = None,
    archive: bool | None = None,
    delete: bool | None = None,
    tags: Mapping[str, str] | None = None,
    user: str = "",
) -> Edit:
    """The edit that these words describe. Raises `BadSetting` for a text that cannot be kept.

    Stars, archiving and deleting record their user, by default that of this process. Empty texts
    remove a sweep's name, a comment or a tag.
    """
    who = user or current_user()
    written = {_tag_name(tag): _text("tag", text) for tag, text in (tags or {}).items()}
    if sweep_name is not None:
        written[TAG_SWEEP_NAME] = _line("sweep_name", sweep_name)
    if comment is not None:
        written[TAG_COMMENT] = _text("comment", comment)
    for tag, on in ((TAG_STARRED, star), (TAG_ARCHIVED, archive), (TAG_DELETED, delete)):
        if on is not None:
            written[tag] = who if on else ""
    if pin is not None:
        # Of several pinned sweeps the last one counts, so this mark says when it was made.
        written[TAG_PINNED] = str(time.time()) if pin else ""
    if name is not None:
        name = _line("name", name)
        if not name:
            raise BadSetting(f"name is empty; give 1 to {MAX_NAME} characters")
    return Edit(name, delete, written)


def parse_tags(parts: Iterable[str]) -> dict[str, str]:
    """Tags as people type them: `noisy`, `paper=figure 2` → `noisy: yes`, `paper: figure 2`."""
    tags = {}
    for part in filter(None, map(str.strip, parts)):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        tags[_tag_name(name)] = value if equals else LABEL_VALUE
    return tags


def can_be_typed(name: str, text: str) -> bool:
    """Whether a list of tags with commas between them can hold this tag: MLflow takes more."""
    return bool(TAG_NAME.fullmatch(name)) and text == one_line(text) and "," not in text


def tags_in_words(tags: Mapping[str, str]) -> str:
    """The tags as people type them: `noisy, paper=figure 2`."""
    return ", ".join(
        name if text == LABEL_VALUE else f"{name}={text}" for name, text in tags.items()
    )


def apply(store: Store, edits: Mapping[str, Edit]) -> dict[str, Edit]:
    """Write edits, run id → edit; return those that undo them.

    Raises `BadSetting` before anything is written if a run is not there, is active and was to be
    deleted, or is not theirs (`NotAllowed`).
    """
    records = [store.run(run_id) for run_id in edits]
    store.require_change(records)
    for record in records:
        deleted = edits[record.run_id].deleted
        if deleted and record.status in ACTIVE:
            raise BadSetting(
                f"run is {inline_text(record.name)!r}, which is {record.status}; cancel it first, "
                "then delete it"
            )
        if record.deleted and deleted is None:
            raise BadSetting(
                f"run is {inline_text(record.name)!r}, which was deleted; restore it first"
            )
    return {record.run_id: _write(store, record, edits[record.run_id]) for record in records}


def _write(store: Store, record: RunRecord, edit: Edit) -> Edit:
    """Write an edit. A deleted run takes none: it is restored first and deleted last."""
    before = {tag: record.tags.get(tag, "") for tag in edit.tags}
    changed = {tag: text for tag, text in edit.tags.items() if text != before[tag]}
    if TAG_COMMENT in changed:
        changed[NOTE] = note_text(record.run_id, record.note, changed[TAG_COMMENT])
    if record.deleted and edit.deleted is False:
        store.restore(record.run_id)
    if written := {tag: text for tag, text in changed.items() if text}:
        store.set_tags(record.run_id, written)
    gone = [tag for tag, text in changed.items() if not text and tag in record.tags]
    store.remove_tags(record.run_id, gone)
    if edit.name not in (None, record.name):
        store.rename(record.run_id, str(edit.name))
    if edit.deleted and not record.deleted:
        store.delete(record.run_id)
    return Edit(
        None if edit.name is None else record.name,
        None if edit.deleted is None else record.deleted,
        before,
    )


def members(runs: Iterable[RunRecord], sweep: str) -> list[RunRecord]:
    """The runs of a sweep, which is named by its id or by what people call it.

    Raises `BadSetting` if it has none, or if several sweeps have that name.
    """
    found: dict[str, list[RunRecord]] = {}
    newest: dict[str, None] = {}
    for run in runs:
        newest[run.sweep] = newest.pop(run.sweep, None)
        if sweep in (run.sweep, run.sweep_name):
            found.setdefault(run.sweep, []).append(run)
    if sweep in found:
        return found[sweep]
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise BadSetting(
            f"sweep is {sweep!r}, the name of {len(found)}; give the id of one: "
            f"{', '.join(map(repr, found))}"
        )
    known = ", ".join(repr(name) for name in list(newest)[:-4:-1] if name)
    raise BadSetting(f"sweep is {sweep!r}; the newest are {known or 'none'}")


def shared(values: Sequence[str]) -> str:
    """The value that all have, or an empty text if they differ."""
    return values[0] if len(set(values)) == 1 else ""


def _tag_name(name: str) -> str:
    if not TAG_NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise BadSetting(
            f"tag is {inline_text(name)!r}; give a name of 1 to {MAX_NAME} letters, digits, spaces "
            "or any of _ - . and maybe a value: noisy, or paper=figure 2"
        )
    if not is_free(name):
        raise BadSetting(
            f"tag is {name!r}, which Unroll or MLflow records itself; choose another name"
        )
    return name


def _line(field: str, text: str) -> str:
    line = one_line(text)
    if len(line) > MAX_NAME:
        raise BadSetting(f"{field} has {len(line):,} characters; give at most {MAX_NAME}")
    return line


def _text(field: str, text: str) -> str:
    clean = CONTROL.sub(" ", text).strip()
    if len(clean) > MAX_TEXT:
        raise BadSetting(f"{field} has {len(clean):,} characters; give at most {MAX_TEXT:,}")
    return clean
