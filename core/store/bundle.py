"""The format of a bundle: finished runs in one file, for another store.

A bundle is a zip archive. `bundle.json`, its manifest, says the version of the format and the size
and SHA-256 of every other member; `runs/ID/run.json` has a run's settings, params, tags and metrics
with their history; `runs/ID/files/…` are its artifacts: tables, log, the files of cells of one's
own, and if somebody asked for it the model. The archive's comment is the SHA-256 of all before it.

Whoever reads a bundle trusts nothing in it. It is checked as a whole before any of it is used, and
nothing in it is executed, unpickled or written under a name that it chose.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import posixpath
import re
import socket
import stat
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import Annotated, Any, NamedTuple, NoReturn

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError, with_config

from core.experiments import all_experiments, experiment_named
from core.files import MEBIBYTE
from core.formatting import inline_text, shortened
from core.settings import BadSetting, Value
from core.store.recorder import metric_points
from core.store.records import (
    NOTE,
    RECORDED_TAGS,
    TAG_CELL,
    TAG_COMMENT,
    TAG_LOOKS,
    TAG_OWNER,
    TAG_RETRY_OF,
    TAG_STARRED,
    TAG_STATE,
    TAG_SWEEP,
    TAG_SWEEP_NAME,
    is_free,
)
from core.store.tables import read_table, row_of

FORMAT = 1
"""The version of the format that is written, and the newest that is read."""

MANIFEST = "bundle.json"

MAX_BYTES = 256 * MEBIBYTE
"""Of a bundle."""

MAX_UNPACKED_BYTES = 1024 * MEBIBYTE
"""Of all members together, where nobody allows less."""

MAX_MEMBER_BYTES = 512 * MEBIBYTE
"""Of a file of a model."""

MAX_READ_BYTES = 64 * MEBIBYTE
"""Of a table: in memory it takes ten times that."""

MAX_JSON_BYTES = 4 * MEBIBYTE
"""Of the manifest, or of what is said of a run: the worst takes 350 MiB of memory (measured)."""

JSON_SHARE = 16
"""All JSON together is at most this fraction, 1/16, of all members: every run is kept in memory."""

MAX_COLUMNS = 1000
"""Of a table."""

MAX_RUNS = 10_000
MAX_MEMBERS = 100_000

DIGEST_BYTES = 64
"""Of the archive's comment: a SHA-256 in hexadecimal."""

END_BYTES = 22
"""Of the record that ends a zip archive, before its comment."""

ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""The time of every member, which says nothing: when a bundle was made stands in its manifest."""

CARRIED_TAGS = frozenset(
    (
        *RECORDED_TAGS,
        *(TAG_SWEEP, TAG_SWEEP_NAME, TAG_STARRED, TAG_COMMENT, TAG_CELL, TAG_RETRY_OF, TAG_LOOKS),
        *(TAG_OWNER, TAG_STATE, NOTE, "mlflow.source.name", "mlflow.source.git.commit"),
    )
)
"""The tags that go along, besides those that people gave. Whether a sweep is pinned, or a run is
archived, is decided in each store."""

FILES = re.compile(
    r"(?P<log>log\.txt)|tables/(?P<table>[a-z][a-z0-9_]{0,60})\.csv|cell/[\w@.-]{1,100}\.py"
    r"|(?P<model>model/(?!\.)[\w.-]{1,100})",
    re.ASCII,
)
"""The artifacts that a bundle may have."""

KEY = re.compile(r"[\w\-. /:]{1,250}")

Report = Callable[[float, str], None]
"""Told how far something is: a share, and a few words."""


def _key(name: str) -> str:
    """A name that every version of MLflow takes for a param, a metric or a tag."""
    if not KEY.fullmatch(name) or posixpath.normpath(name) != name or name[0] in "./":
        raise ValueError("is no name that MLflow takes")
    return name


def _text(text: str) -> str:
    """Text that every database takes."""
    text.encode()
    if "\0" in text:
        raise ValueError("has a zero byte")
    return text


Key = Annotated[str, AfterValidator(_key)]
Text = Annotated[str, AfterValidator(_text), Field(max_length=5000)]
Line = Annotated[str, AfterValidator(_text), Field(max_length=500)]
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Milliseconds = Annotated[int, Field(ge=0, le=2**53)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Setting = Annotated[str, AfterValidator(_text)] | bool | int | Number | None

STRICT = ConfigDict(strict=True, extra="forbid")


class Point(NamedTuple):
    """One value of a metric's history."""

    name: Key
    value: Number
    at: Milliseconds
    step: Annotated[int, Field(ge=-(2**53), le=2**53)]


@with_config(STRICT)
@dataclass(frozen=True)
class BundledRun:
    """A finished run as a bundle has it."""

    run_id: Id
    """Its id where it was made, however often it was carried on."""
    experiment: Line
    name: Line
    user: Line
    """Who launched it there."""
    submitted: Milliseconds
    ended: Milliseconds
    settings: dict[Key, Setting]
    params: dict[Key, Text]
    tags: dict[Key, Text]
    metrics: list[Point]
    files: list[str] = field(default_factory=list)
    """Its artifacts, in order."""


@with_config(STRICT)
@dataclass(frozen=True)
class Member:
    """What the manifest says of a member."""

    bytes: Annotated[int, Field(ge=0)]
    sha256: Digest


@with_config(STRICT)
@dataclass(frozen=True)
class Manifest:
    """What a bundle has, and where it was made."""

    format: int
    made: Line
    host: Line
    versions: dict[Line, Line]
    runs: Annotated[list[Id], Field(min_length=1, max_length=MAX_RUNS)]
    members: dict[str, Member]


class BadBundle(BadSetting):
    """A bundle that is refused. The message is one sentence."""


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle that has been checked as a whole."""

    manifest: Manifest
    runs: tuple[BundledRun, ...]
    """Oldest first."""
    _archive: zipfile.ZipFile

    def file(self, run: BundledRun, name: str) -> bytes:
        """The content of one of a run's files."""
        return self._archive.read(member_name(run.run_id, name))


def member_name(run_id: str, file: str) -> str:
    """The member that holds a run's file."""
    return f"runs/{run_id}/files/{file}"


def write_bundle(runs: Sequence[tuple[BundledRun, Mapping[str, bytes]]]) -> bytes:
    """Runs with their files as a bundle. Raises `BadBundle` for what could not be read again."""
    contents: dict[str, bytes] = {}
    for run, files in sorted(runs, key=lambda pair: (pair[0].submitted, pair[0].run_id)):
        contents[f"runs/{run.run_id}/run.json"] = _json(RUN_TYPE.dump_python(run))
        contents |= {member_name(run.run_id, name): files[name] for name in run.files}
    manifest = {
        "format": FORMAT,
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "host": socket.gethostname(),
        "versions": {name: metadata.version(name) for name in ("torch", "mlflow", "numpy")},
        "runs": [run.run_id for run, _ in runs],
        "members": {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in contents.items()
        },
    }
    return sealed({MANIFEST: _json(manifest), **contents})


def sealed(contents: Mapping[str, bytes]) -> bytes:
    """A zip archive of these members, in order, whose comment is the SHA-256 of the rest."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in contents.items():
            member = zipfile.ZipInfo(name, ZIP_TIME)
            member.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(member, content, zipfile.ZIP_DEFLATED)
        archive.comment = bytes(DIGEST_BYTES)
    return seal(buffer.getvalue())


def seal(archive: bytes) -> bytes:
    """The archive with its comment, of `DIGEST_BYTES` bytes, made right."""
    rest = archive[:-DIGEST_BYTES]
    return rest + hashlib.sha256(rest).hexdigest().encode()


def read_bundle(
    name: str,
    content: bytes,
    report: Report = lambda share, words: None,
    *,
    unpacked: int = MAX_UNPACKED_BYTES,
    tables: bool = True,
) -> Bundle:
    """The bundle with that content, of which everything has been checked; without `tables` all but
    what these say, which takes most of the time and is not needed to list a bundle's runs.

    Raises `BadBundle`, in a sentence that names the file, for whatever is not as `write_bundle`
    makes it, for runs that this version of Unroll cannot read, and for one that would
    take more than so many bytes when it is unpacked.
    """
    try:
        return _read(content, report, unpacked, tables)
    except BadBundle as error:
        shown = shortened(repr(inline_text(name)), 100)
        raise BadBundle(f"bundle is {shown}, {error}; nothing was imported") from None


def _read(content: bytes, report: Report, unpacked: int, with_tables: bool) -> Bundle:
    _require_whole(content)
    archive = _opened(content)
    members = _members(archive, unpacked)
    manifest = _manifest(_content(archive, members[MANIFEST]))
    listed, there = {*manifest.members}, {*members} - {MANIFEST}
    if listed != there:
        odd = sorted(listed ^ there)[0]
        missing = "lacks" if odd in listed else "has"
        listed_or_not = "its manifest lists" if odd in listed else "its manifest does not list"
        refuse(f"which {missing} {_shown(odd)}, which {listed_or_not}")
    for number, (name, expected) in enumerate(manifest.members.items()):
        report(number / (len(listed) + 1), "checking")
        found = _content(archive, members[name])
        if (len(found), hashlib.sha256(found).hexdigest()) != (expected.bytes, expected.sha256):
            refuse(f"whose member {_shown(name)} does not match the SHA-256 of its manifest")
    if len({*manifest.runs}) != len(manifest.runs):
        refuse("whose manifest lists a run twice")
    wanted, runs = set(), []
    for run_id in manifest.runs:
        place = f"runs/{run_id}/run.json"
        if place not in members:
            refuse(f"which lacks {place}")
        run = _run(place, run_id, _content(archive, members[place]))
        names = {file: member_name(run_id, file) for file in run.files}
        wanted |= {place, *names.values()}
        if lacking := [name for name in names.values() if name not in members]:
            refuse(f"which lacks {_shown(lacking[0])}")
        if with_tables:
            _require_tables(
                run,
                {
                    file: _content(archive, members[name])
                    for file, name in names.items()
                    if file.startswith("tables/")
                },
            )
        runs.append(run)
    if unwanted := sorted(there - wanted):
        refuse(f"which has {_shown(unwanted[0])}, a file of no run")
    runs.sort(key=lambda run: (run.submitted, run.run_id))
    return Bundle(manifest, tuple(runs), archive)


def refuse(reason: str) -> NoReturn:
    """Raise `BadBundle`; the reason goes on after `bundle is '…', `."""
    raise BadBundle(reason)


def _shown(name: str) -> str:
    return shortened(repr(inline_text(name)), 120)


def _require_whole(content: bytes) -> None:
    """Everything is as it was written, to the last bit, or made anew by somebody who can."""
    if len(content) > MAX_BYTES:
        refuse(f"which has more than {MAX_BYTES // MEBIBYTE} MiB")
    if not content:
        refuse("which is empty; get it again")
    if not content.startswith(b"PK\x03\x04"):
        refuse("which is no bundle: python -m experiments bundle writes them")
    end = content[-DIGEST_BYTES - END_BYTES : -DIGEST_BYTES]
    if not (end.startswith(b"PK\x05\x06") and end.endswith(DIGEST_BYTES.to_bytes(2, "little"))):
        refuse("which is cut off, or no bundle: it does not end as one; get it again")
    digest = hashlib.sha256(content[:-DIGEST_BYTES]).hexdigest().encode()
    if content[-DIGEST_BYTES:] != digest:
        refuse("which is damaged or no bundle: its SHA-256 does not match; get it again")


def _opened(content: bytes) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError) as error:
        refuse(f"which is no zip archive ({str(error).lower()})")
    if len(archive.infolist()) > MAX_MEMBERS:
        refuse(f"which has more than {MAX_MEMBERS:,} members")
    return archive


def _members(archive: zipfile.ZipFile, unpacked: int) -> dict[str, zipfile.ZipInfo]:
    """Name → member, all of which are plain files that a bundle may have."""
    members: dict[str, zipfile.ZipInfo] = {}
    in_json = 0
    for member in archive.infolist():
        # What stands in the archive: zipfile cuts a name at a zero byte, and turns separators.
        name = member.orig_filename
        kind = stat.S_IFMT(member.external_attr >> 16)
        place = re.fullmatch(r"runs/[0-9a-f]{32}/(run\.json|files/(?P<file>.+))", name)
        file = place["file"] if place else None
        if name in members:
            refuse(f"which has {_shown(name)} twice")
        if name != MANIFEST and (place is None or (file and not FILES.fullmatch(file))):
            refuse(f"which has {_shown(name)}, which does not belong in a bundle")
        if kind not in (0, stat.S_IFREG) or member.is_dir():
            refuse(f"whose member {_shown(name)} is no plain file")
        if member.flag_bits & 1 or member.compress_type not in (0, zipfile.ZIP_DEFLATED):
            refuse(f"whose member {_shown(name)} is encrypted or compressed in another way")
        most = MAX_JSON_BYTES
        if file:
            most = MAX_MEMBER_BYTES if file.startswith("model/") else MAX_READ_BYTES
        else:
            in_json += member.file_size
        if member.file_size > most:
            refuse(f"whose member {_shown(name)} has more than {most // MEBIBYTE} MiB")
        members[name] = member
    if sum(member.file_size for member in members.values()) > unpacked:
        refuse(f"which has more than {unpacked // MEBIBYTE:,} MiB when it is unpacked")
    if in_json > unpacked // JSON_SHARE:
        most = unpacked // JSON_SHARE // MEBIBYTE
        refuse(f"which describes its runs in more than {most:,} MiB; bundle fewer runs")
    if MANIFEST not in members:
        refuse(f"which is no bundle: it has no {MANIFEST}")
    return members


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """What a member holds; no more of it is unpacked than it says that it has."""
    try:
        with archive.open(member) as file:
            content = file.read(member.file_size + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        refuse(f"whose member {_shown(member.filename)} cannot be unpacked ({_reason(error)})")
    if len(content) != member.file_size:
        refuse(f"whose member {_shown(member.filename)} ends too early")
    return content


def _manifest(content: bytes) -> Manifest:
    found = _parsed(MANIFEST, content)
    version = found.get("format") if isinstance(found, dict) else None
    if type(version) is int and version > FORMAT:
        refuse(
            f"which is of format {version}, and this version of Unroll reads format {FORMAT}; "
            "update Unroll"
        )
    manifest: Manifest = _validated(MANIFEST, MANIFEST_TYPE, content)
    if manifest.format != FORMAT:
        refuse(f"which is of format {manifest.format}; there is only format {FORMAT}")
    return manifest


def _run(place: str, run_id: str, content: bytes) -> BundledRun:
    """A run whose settings this version of Unroll can read."""
    _parsed(place, content)
    run: BundledRun = _validated(place, RUN_TYPE, content)
    if run.run_id != run_id:
        refuse(f"whose {place} is of another run")
    known = [experiment.name for experiment in all_experiments()]
    if run.experiment not in known:
        refuse(
            f"whose run {run_id[:8]} is of the experiment {_shown(run.experiment)}, which this "
            f"version of Unroll does not have: {', '.join(known)}"
        )
    if reason := experiment_named(run.experiment).config.unreadable(run.settings):
        refuse(f"whose run {run_id[:8]} cannot be read: {reason}")
    if run.ended < run.submitted:
        refuse(f"whose run {run_id[:8]} ended before it was submitted")
    if odd := [tag for tag in run.tags if not is_carried(tag)]:
        refuse(f"whose run {run_id[:8]} has the tag {_shown(odd[0])}, which no bundle carries")
    for tag in (TAG_OWNER, TAG_STATE):
        if tag in run.tags and not isinstance(_parsed(place, run.tags[tag].encode()), dict):
            refuse(f"whose run {run_id[:8]} has a tag {tag} that is no JSON object")
    points = [(point.name, point.at, point.step, point.value) for point in run.metrics]
    if len({*points}) != len(points):
        refuse(f"whose run {run_id[:8]} has a value of a metric twice")
    if len({*run.files}) != len(run.files) or not all(map(FILES.fullmatch, run.files)):
        refuse(f"whose run {run_id[:8]} lists a file twice, or one that no bundle has")
    return run


def is_carried(tag: str) -> bool:
    """Whether a bundle has this tag of a run."""
    return tag in CARRIED_TAGS or is_free(tag)


def _require_tables(run: BundledRun, tables: Mapping[str, bytes]) -> None:
    """The tables are those of the run's experiment, and have what its metrics say."""
    experiment, summary = experiment_named(run.experiment), None
    first = int(run.settings.get("seed") or 0)
    last = first + max(1, int(run.settings.get("seeds") or 1)) - 1
    in_time = sorted(run.metrics, key=lambda point: (point.at, point.value))
    latest = {(point.name, point.step): point.value for point in in_time}
    for file, content in tables.items():
        where = f"{file} of run {run.run_id[:8]}"
        match = FILES.fullmatch(file)
        row = row_of(run.experiment, match["table"] if match else "")
        try:
            _require_rows(content.decode())
            table = read_table(content, row)
        except (ValueError, OverflowError, csv.Error) as error:
            refuse(f"whose {where} is no table ({_reason(error)})")
        if row is None:
            continue  # of an earlier version
        columns = [column for column in row.columns() if column.name in table]
        axes = [column.name for column in row.columns() if column.is_axis and column.older is None]
        if lacking := [name for name in axes if name not in table]:
            refuse(f"whose {where} has no column {lacking[0]}")
        if not any(column.role in ("measure", "note") for column in columns):
            refuse(f"whose {where} has nothing that {experiment.name} measures")
        for column in columns:
            text = table[column.name].dtype.kind not in "iufb"
            if column.role in ("measure", "seed") and text and len(table):
                refuse(f"whose {where} has text where {column.name} is a number")
        seeds = [table[column.name] for column in columns if column.role == "seed"]
        if any(not of_run.dropna().between(first, last).all() for of_run in seeds):
            refuse(f"whose {where} has seeds of another run")
        if row is experiment.summary:
            summary = table
        try:
            points = list(metric_points(row, table))
        except (ValueError, TypeError, OverflowError) as error:
            refuse(f"whose {where} is no table ({_reason(error)})")
        for name, value, step in points:
            recorded = latest.get((name, step), value)
            if not math.isclose(value, recorded, rel_tol=1e-9, abs_tol=1e-300):
                refuse(f"whose {where} has another {_shown(name)} than the metrics of the run")
    if summary is None or summary.empty:
        refuse(f"whose run {run.run_id[:8]} has no result: its summary is missing")


def _require_rows(text: str) -> None:
    """A heading, and rows of as many cells. Raises `ValueError` or `csv.Error`."""
    rows = csv.reader(io.StringIO(text), strict=True)
    heading = next(rows, [])
    if not 0 < len(heading) == len({*heading}) <= MAX_COLUMNS:
        raise ValueError(f"its heading is no list of 1 to {MAX_COLUMNS:,} names")
    for row in rows:
        if len(row) != len(heading):
            raise ValueError(f"line {rows.line_num:,} has {len(row):,} cells, not {len(heading)}")


def _parsed(place: str, content: bytes) -> Any:
    """Strict JSON: no name twice, and no number that is not finite."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in items}) != len(items):
            raise ValueError("a name stands there twice")
        return dict(items)

    def constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is no number of JSON")

    try:
        return json.loads(content, object_pairs_hook=pairs, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        refuse(f"whose {place} is no JSON ({_reason(error)})")


def _validated(place: str, kind: TypeAdapter[Any], content: bytes) -> Any:
    try:
        return kind.validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "content"
        came = shortened(repr(first["input"]), 60)
        refuse(f"whose {place} has {inline_text(where, 80)} {came}: {inline_text(first['msg'])}")


def _reason(error: Exception) -> str:
    return inline_text(str(error) or type(error).__name__, 100)


def _json(content: Any) -> bytes:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return f"{text}\n".encode()


def flat_settings(text: str) -> dict[str, Value]:
    """The settings that a run's tag records. Raises `BadBundle`."""
    found = _parsed("settings", text.encode())
    if not isinstance(found, dict):
        refuse("whose settings are no JSON object")
    return found


RUN_TYPE = TypeAdapter(BundledRun)
MANIFEST_TYPE = TypeAdapter(Manifest)
