"""What is timed, as series: each run's own network, and what recurrence is compared with.

The plain RNN, the linear layer and attention are the same net in every run of the same size: they
are one series over all runs. A feed-forward net has as many parameters as its run's variant: there
is one for each. Tables without subjects have one series per run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pandas

from core.architecture import variant_title
from dashboard import controls, data
from dashboard.palette import BASELINE_STYLES, Style, styles
from dashboard.shown import Shown
from experiments.labels import distinctions, labels

AXIS = "subject"
IMPLEMENTATIONS = ("fused", "equations")
BASELINES: Mapping[str, str] = {
    "rnn": "plain RNN",
    "linear": "linear",
    "feed-forward": "feed-forward",
    "attention": "attention",
}
"""Subject → how people read it."""
USUAL = ("linear", "attention")
MOST_NETS = 2
"""Of one baseline: of more, none is drawn unless somebody asks."""
HOW_IT_STARTS = (
    "initialisation",
    "recurrent_gain",
    "forget_bias",
    "update_bias",
    "nonlinearity",
)
"""Settings of the variant alone: what it is compared with does not have them."""

WITHOUT_LAYERS = ("linear", "attention")
"""Baselines of one layer, however deep the variant is."""

Styles = Mapping[str, Style]


@dataclass(frozen=True)
class Asked:
    """Which subjects to draw."""

    implementations: tuple[str, ...] = IMPLEMENTATIONS[:1]
    baselines: tuple[str, ...] = ()


def default(shown: Shown, rows: pandas.DataFrame, without: Collection[str] = ()) -> Asked:
    """The fused networks, with linear and attention where those are only few different nets."""
    there = _there(rows)
    nets = {tuple(words) for words in _circumstances(shown, USUAL[0], without).values()}
    usual = tuple(name for name in USUAL if name in there) if len(nets) <= MOST_NETS else ()
    own = tuple(name for name in IMPLEMENTATIONS if name in there)
    return Asked(own[:1] or IMPLEMENTATIONS[:1], usual)


def ask(shown: Shown, rows: pandas.DataFrame, without: Collection[str] = ()) -> Asked:
    """Which implementation and which baselines, where there is a choice."""
    there = _there(rows)
    usual = default(shown, rows, without)
    kept, baselines = usual.implementations, usual.baselines
    if there.issuperset(IMPLEMENTATIONS):
        chosen = controls.choice("Implementation", [*IMPLEMENTATIONS, "both"], "implementation")
        kept = IMPLEMENTATIONS if chosen == "both" else (chosen,)
    offered = {BASELINES[name]: name for name in BASELINES if name in there}
    if offered:
        usually = [BASELINES[name] for name in usual.baselines]
        picked = controls.some_of("Compared with", list(offered), "compared", usually)
        baselines = tuple(offered[title] for title in picked)
    return Asked(kept, baselines)


def series(
    shown: Shown, rows: pandas.DataFrame, asked: Asked, *, without: Collection[str] = ()
) -> tuple[pandas.DataFrame, Styles]:
    """The rows of what was asked for, with the label of its series; and each series' style.

    Labels leave out the settings in `without`.
    """
    named = labels(shown.experiment, shown.runs, without)
    around = {name: _circumstances(shown, name, without) for name in BASELINES}
    kinds: dict[str, str] = {}
    found: list[str] = []
    kept = rows
    if AXIS in rows:
        kept = rows[rows[AXIS].isin([*asked.implementations, *asked.baselines])]
    subjects = kept[AXIS] if AXIS in kept else ["fused"] * len(kept)
    for run_id, variant, subject in zip(kept["run_id"], kept["variant"], subjects, strict=True):
        parts = [named[run_id]]
        if subject in BASELINES:
            parts = [_baseline(subject, variant), *around[subject][run_id]]
        elif subject not in asked.implementations[:1]:
            parts.append(subject)
        found.append(" · ".join(parts))
        kinds[found[-1]] = _kind(subject, variant)
    order = sorted(kinds, key=lambda label: _rank(kinds[label]))
    return kept.assign(label=found), styles({n: kinds[n] for n in order}, dark=data.dark())


def _there(rows: pandas.DataFrame) -> set[str]:
    return set(rows[AXIS]) if AXIS in rows else set()


def _circumstances(shown: Shown, name: str, without: Collection[str]) -> dict[str, list[str]]:
    """Run id → what tells its baseline of that name from those of the other runs."""
    shallow = ("layers",) if name in WITHOUT_LAYERS else ()
    return distinctions(shown.experiment, shown.runs, (*without, *shallow, *HOW_IT_STARTS))


def _baseline(subject: str, variant: str) -> str:
    own = f" as {variant_title(variant)}" if subject == "feed-forward" else ""
    return BASELINES[subject] + own


def _kind(subject: str, variant: str) -> str:
    """What the palette knows it by."""
    if subject == "rnn":
        return "plain-rnn"
    return subject if subject in BASELINES else variant


def _rank(kind: str) -> int:
    """The variants first, in their order; then the baselines."""
    baselines = list(BASELINE_STYLES)
    return 1 + baselines.index(kind) if kind in baselines else 0
