"""Timed subjects as series: each run's own network, and the baselines of recurrence.

The plain RNN, the linear layer and attention are the same network in every run of the same size:
each is one series over all runs. A feed-forward network has as many parameters as its run's
variant: there is one for each. Tables without subjects have one series per run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pandas

from core.analysis.groups import distinctions, labels
from core.models.architecture import variant_title
from dashboard.charts.theme import BASELINE_STYLES, Style, styles
from dashboard.figures.base import Shown
from dashboard.store import cache
from dashboard.ui import controls

AXIS = "subject"

IMPLEMENTATIONS = ("fused", "equations")

BASELINES: Mapping[str, str] = {
    "rnn": "plain RNN",
    "linear": "linear",
    "feed-forward": "feed-forward",
    "attention": "attention",
}
"""Subject → title."""

DEFAULT_BASELINES = ("linear", "attention")

MAX_NETWORKS = 2
"""With more different networks of one baseline, none is drawn by default."""

VARIANT_SETTINGS = (
    "initialisation",
    "recurrent_gain",
    "forget_bias",
    "update_bias",
    "nonlinearity",
)
"""Settings that a variant has and its baselines do not."""

ONE_LAYER = ("linear", "attention")
"""Baselines of one layer, however deep the variant is."""


@dataclass(frozen=True)
class Selection:
    """Which subjects to draw."""

    implementations: tuple[str, ...] = IMPLEMENTATIONS[:1]
    baselines: tuple[str, ...] = ()


def default(shown: Shown, rows: pandas.DataFrame, without: Collection[str] = ()) -> Selection:
    """The fused networks, with linear and attention where these are only a few networks."""
    present = set(rows[AXIS]) if AXIS in rows else set()
    names = _baseline_distinctions(shown, DEFAULT_BASELINES[0], without).values()
    few = len(set(map(tuple, names))) <= MAX_NETWORKS
    baselines = tuple(name for name in DEFAULT_BASELINES if few and name in present)
    own = tuple(name for name in IMPLEMENTATIONS if name in present)
    return Selection(own[:1] or IMPLEMENTATIONS[:1], baselines)


def choose(shown: Shown, rows: pandas.DataFrame, without: Collection[str] = ()) -> Selection:
    """Ask for the implementation and the baselines, where there is a choice."""
    present = set(rows[AXIS]) if AXIS in rows else set()
    selection = default(shown, rows, without)
    implementations, baselines = selection.implementations, selection.baselines
    if present.issuperset(IMPLEMENTATIONS):
        chosen = controls.choice("Implementation", [*IMPLEMENTATIONS, "both"], "implementation")
        implementations = IMPLEMENTATIONS if chosen == "both" else (chosen,)
    offered = {title: name for name, title in BASELINES.items() if name in present}
    if offered:
        usual = [BASELINES[name] for name in baselines]
        titles = controls.some_of("Compared with", list(offered), "compared", usual)
        baselines = tuple(offered[title] for title in titles)
    return Selection(implementations, baselines)


def series(
    shown: Shown, rows: pandas.DataFrame, selection: Selection, *, without: Collection[str] = ()
) -> tuple[pandas.DataFrame, dict[str, Style]]:
    """The selected rows, labelled with their series; and each series' style, variants first.

    Labels leave out the settings in `without`.
    """
    if AXIS in rows:
        rows = rows[rows[AXIS].isin([*selection.implementations, *selection.baselines])]
    subjects = rows[AXIS] if AXIS in rows else ["fused"] * len(rows)
    run_labels = labels(shown.experiment, shown.runs, without)
    distinct = {name: _baseline_distinctions(shown, name, without) for name in BASELINES}
    kinds: dict[str, str] = {}
    series_labels: list[str] = []
    for run_id, variant, subject in zip(rows["run_id"], rows["variant"], subjects, strict=True):
        if subject in BASELINES:
            own = f" as {variant_title(variant)}" if subject == "feed-forward" else ""
            parts = [BASELINES[subject] + own, *distinct[subject][run_id]]
            kind = "plain-rnn" if subject == "rnn" else subject
        else:
            second = subject not in selection.implementations[:1]
            parts, kind = [run_labels[run_id], *[subject] * second], variant
        series_labels.append(" · ".join(parts))
        kinds[series_labels[-1]] = kind
    order = ["", *BASELINE_STYLES]
    rank = {label: order.index(k) if k in BASELINE_STYLES else 0 for label, k in kinds.items()}
    ordered = {label: kinds[label] for label in sorted(kinds, key=rank.__getitem__)}
    return rows.assign(label=series_labels), styles(ordered, dark=cache.dark())


def _baseline_distinctions(
    shown: Shown, name: str, without: Collection[str]
) -> dict[str, list[str]]:
    """Run id → what distinguishes its baseline of that name from the other runs'."""
    depth = ("layers",) if name in ONE_LAYER else ()
    return distinctions(shown.experiment, shown.runs, (*without, *depth, *VARIANT_SETTINGS))
