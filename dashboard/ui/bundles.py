"""Bundles on pages: finished runs as a file for another store, and the form that imports one."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.analysis.groups import MEASURED_WHERE, machine_title
from core.experiments import experiment_named
from core.experiments.throughput.answers import limits
from core.files import MAX_UPLOAD_BYTES, MEBIBYTE
from core.formatting import counted, inline_text
from core.settings import BadSetting
from core.store.bundle import BadBundle, Report, read_bundle
from core.store.folder import StoreError
from core.store.records import RunRecord
from core.store.transfer import Imported, pack, unpack
from dashboard import access
from dashboard.store import cache
from dashboard.ui import downloads
from dashboard.ui.text import day, plain
from experiments.suites import REFERENCES

LOG = logging.getLogger("unroll.dashboard")

UNPACKED_BYTES = 16 * MAX_UPLOAD_BYTES
"""Of an upload, when it is unpacked: the process serves everybody's pages meanwhile."""

HELP = (
    "For another Unroll: settings, tables, metrics, notes and where it was measured, in one file "
    "that is checked when it is imported. With trained models: "
    "`python -m experiments bundle --models`"
)

IMPORTED = "imported"
"""Where a session keeps what the last import did, for the page that follows."""

IMPORTS = "imports"
"""Where it keeps how many bundles were imported."""

MADE = "bundle-made"
"""Where it keeps the last bundle that was made, with the ids of its runs."""


def offer(runs: Sequence[RunRecord], key: str) -> None:
    """Make a bundle of the finished ones of these runs, and download it. It is made before the
    download begins: at a download button nobody could read why it cannot be made."""
    finished = [run for run in runs if run.status == "FINISHED" and not run.deleted]
    if not finished:
        return
    ids = tuple(run.run_id for run in finished)
    with st.popover("Bundle", icon=":material/package_2:", key=f"{key}-bundle"):
        st.caption(HELP)
        if left_out := len(runs) - len(finished):
            st.caption(f"Without {counted(left_out, 'run')} of these, not finished or deleted.")
        if st.button(f"Make a bundle of {counted(len(ids), 'run')}", key=f"{key}-make"):
            st.session_state.pop(MADE, None)
            try:
                with _bar() as report:
                    content = pack(cache.reader().store, finished, report=report)
            except (BadSetting, StoreError) as error:
                st.error(plain(str(error)), icon=":material/block:")
            else:
                st.session_state[MADE] = (ids, content)
        made, content = st.session_state.get(MADE, ((), b""))
        if made == ids:
            downloads.offer("Download", "results.zip", lambda: content, key, "secondary")


def upload() -> None:
    """The form that imports a bundle, for those who may record runs; and what it did."""
    if not access.person().may_launch:
        return
    imports = st.session_state.get(IMPORTS, 0)  # another key: the form is closed and empty again
    with st.popover("Import", icon=":material/upload:", key=f"import-{imports}"):
        limit = MAX_UPLOAD_BYTES // MEBIBYTE
        st.caption(
            f"Runs of another machine: a bundle of at most {limit} MiB, as the pages Compare and "
            "Runs download it and `python -m experiments bundle` writes it. Larger ones: "
            "`python -m experiments import`."
        )
        given = st.file_uploader("A bundle", type="zip", key=f"bundle-{imports}")
        pressed = st.button("Import", type="primary", key="import-it", disabled=given is None)
        if pressed and given is not None:
            try:
                imported = _import(given.name, given.getvalue())
            except (BadSetting, StoreError) as error:
                st.error(plain(str(error)), icon=":material/block:")
            else:
                st.session_state[IMPORTED] = imported.sentence
                st.session_state[IMPORTS] = imports + 1
                st.rerun()
    _say_imported()


@dataclass(frozen=True)
class Reference:
    """A bundle that comes along with Unroll: how fast a machine is."""

    name: str
    machine: str
    measured: float
    """When, in seconds since the epoch."""
    run_ids: tuple[str, ...]
    experiments: tuple[str, ...]
    limits: str
    """What may be read of its times; empty where its runs say nothing against them."""


@st.cache_data(show_spinner=False)
def _references(folder: str) -> list[Reference]:
    """Those that can be read; of the others the log says why."""
    found = []
    for path in sorted(Path(folder).glob("*.zip")):
        try:
            runs = read_bundle(path.name, path.read_bytes(), tables=False).runs
        except (BadBundle, OSError) as error:
            LOG.warning("%s is left out: %s", path.name, error)
            continue
        tags = runs[-1].tags
        machine = machine_title(*(inline_text(tags.get(tag, "")) for tag in MEASURED_WHERE))
        ids = tuple(run.run_id for run in runs)
        experiments = tuple({run.experiment: None for run in runs})
        measured = [
            {point.name: point.value for point in run.metrics}
            for run in runs
            if experiment_named(run.experiment).timed
        ]
        found.append(
            Reference(path.name, machine, runs[-1].ended / 1000, ids, experiments, limits(measured))
        )
    return found


def offer_references() -> None:
    """A button for each machine whose times come along and are not here yet, for those who may
    record runs: imported, they stand beside one's own."""
    if not access.person().may_launch:
        return
    references = _references(str(REFERENCES))
    here = {
        run.original_id
        for name in {name for reference in references for name in reference.experiments}
        for run in cache.reader().runs(name, archived=True)
    }
    missing = [r for r in references if not here.issuperset(r.run_ids)]
    if not missing:
        return
    with st.popover("Other machines", icon=":material/devices_other:", type="tertiary"):
        st.caption(
            "Times that were measured on other machines and come along with Unroll. Imported, they "
            "stand beside yours and are never pooled with them."
        )
        for one in missing:
            label = f"{one.machine}, {day(one.measured)}"
            if st.button(plain(label), key=f"reference-{one.name}", icon=":material/download:"):
                try:
                    imported = _import(one.name, (REFERENCES / one.name).read_bytes())
                except (BadSetting, StoreError) as error:
                    st.error(plain(str(error)), icon=":material/block:")
                else:
                    st.session_state[IMPORTED] = imported.sentence
                    st.rerun()
            if one.limits:
                st.caption(plain(one.limits))
    _say_imported()


@contextlib.contextmanager
def _bar() -> Iterator[Report]:
    """A bar on the page that shows how far something is, and goes when it ends or fails."""
    bar = st.progress(0.0)

    def report(share: float, words: str) -> None:
        bar.progress(share, plain(words))

    try:
        yield report
    finally:
        bar.empty()


def _say_imported() -> None:
    if sentence := st.session_state.pop(IMPORTED, None):
        st.toast(plain(sentence), icon=":material/inventory_2:")


def _import(name: str, content: bytes) -> Imported:
    """Check a bundle, then import it; a bar shows how far that is."""
    if len(content) > MAX_UPLOAD_BYTES:
        raise BadSetting(
            f"bundle is {name!r}, which has {len(content):,} bytes; a page takes at most "
            f"{MAX_UPLOAD_BYTES:,}, python -m experiments import more"
        )
    with _bar() as report:
        bundle = read_bundle(name, content, report, unpacked=UNPACKED_BYTES)
        imported = unpack(cache.store(), bundle, report)
    cache.reader().reload([*imported.run_ids, *imported.restored])
    return imported
