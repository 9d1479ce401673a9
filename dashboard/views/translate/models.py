"""The models of finished runs: which ones to ask, and their translations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from core.analysis.groups import labels
from core.analysis.sweeps import Sweep, Table, learned
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.length_quality.translation import Translation
from core.formatting import inline_text, number
from core.settings import BadSetting
from core.store.records import RunRecord
from dashboard.store import cache, sweeps
from dashboard.store.reader import ACCURACY
from dashboard.ui import controls
from dashboard.ui.text import moment
from dashboard.views.compare.picking import ID_LETTERS
from dashboard.views.results.frame import MAX_RUNS

MAX_MODELS = 8
"""Models side by side."""

MAX_TRANSLATIONS, MAX_LOADED = 32, 256
"""Kept in memory: the attention of 200 words to 200 takes a megabyte."""

DEFAULT_MODELS = 4
"""Models side by side, unless the address asks for others."""


def finished() -> list[RunRecord]:
    """Every run that has a model to translate with, the newest first."""
    runs = cache.reader().runs(LENGTH_QUALITY.name)
    return [run for run in reversed(runs) if run.status == "FINISHED"][:MAX_RUNS]


def choose(offered: Sequence[RunRecord]) -> list[RunRecord]:
    """The runs in the address; else the best models of the headline sweep."""
    by_id = {run.run_id[:ID_LETTERS]: run for run in offered}
    names = {short: _name(sweep, label, run) for short, (sweep, label, run) in _labelled(offered)}
    headline = cache.headline(LENGTH_QUALITY)
    best = best_models(headline.finished if headline else (), cache.reader().table)
    default = [run.run_id[:ID_LETTERS] for run in best[:DEFAULT_MODELS]]
    picked = controls.several("Models", names, "runs", [i for i in default if i in by_id])
    return [by_id[short] for short in picked[:MAX_MODELS]]


def _labelled(offered: Sequence[RunRecord]) -> Iterator[tuple[str, tuple[Sweep, str, RunRecord]]]:
    """Short id → sweep, label within it, run: in the order offered."""
    label_of: dict[str, tuple[Sweep, str]] = {}
    for sweep in sweeps.sweeps(offered[::-1]):
        for run_id, label in labels(LENGTH_QUALITY, sweep.runs, without=("task",)).items():
            label_of[run_id] = sweep, label
    for run in offered:
        yield run.run_id[:ID_LETTERS], (*label_of[run.run_id], run)


def _name(sweep: Sweep, label: str, run: RunRecord) -> str:
    """`LSTM · dot attention · grammar · seed 1 · 71% right · chapter: …, 28 Nov`."""
    right = run.metrics.get(ACCURACY)
    facts = [label, str(run.settings["task"]), f"seed {run.settings['seed']}"]
    if right is not None:
        facts.append(f"{number(right)}% right")
    return " · ".join([*facts, f"{inline_text(sweep.subject)}, {moment(sweep.launched)}"])


def best_models(runs: Sequence[RunRecord], table: Table) -> list[RunRecord]:
    """Of each kind of model the run that got most tokens right, in the order of the runs; those
    that are hardly trained only if there is no better one."""
    label_of = labels(LENGTH_QUALITY, runs)
    best: dict[str, RunRecord] = {}
    for run in sorted(runs, key=lambda run: run.metrics.get(ACCURACY, 0.0)):
        best[label_of[run.run_id]] = run
    chosen = [run for run in runs if run in best.values()]
    trained = [run for run in chosen if learned(LENGTH_QUALITY, run, table)]
    return trained or chosen


def quality_in_words(run: RunRecord, table: Table) -> str:
    """`71% of tokens right in its test`, or that it is hardly trained; empty if not known."""
    right = run.metrics.get(ACCURACY)
    if right is None:
        return ""
    if learned(LENGTH_QUALITY, run, table):
        return f"{number(right)}% of tokens right in its test"
    return f"{number(right)}% of tokens right: hardly trained"


def unique_labels(runs: Sequence[RunRecord]) -> dict[str, str]:
    """Run id → label, with the seed where several runs have the same label."""
    label_of = labels(LENGTH_QUALITY, runs)
    if len(set(label_of.values())) == len(runs):
        return label_of
    return {run.run_id: f"{label_of[run.run_id]} · seed {run.settings['seed']}" for run in runs}


class Sample(NamedTuple):
    """A source that models were tested on: its length and its reference translation."""

    words: int
    reference: str


def samples(runs: Sequence[RunRecord]) -> dict[str, Sample]:
    """Sources that the runs were tested on and saved, the shortest first."""
    by_source: dict[str, Sample] = {}
    for run in runs:
        table = cache.reader().table(run, "samples")
        for row in () if table is None else table.to_dict("records"):
            sample = Sample(int(row["length"]), str(row["reference"]))
            by_source.setdefault(str(row["source"]), sample)
    return dict(sorted(by_source.items(), key=lambda pair: pair[1].words))


def translate(run: RunRecord, text: str, width: int) -> Translation:
    """The translation of a source by a run's model. Raises `BadSetting` if it cannot translate."""
    return _translate(fetched(run), run.run_id, text, width)


def has_model(run: RunRecord) -> bool:
    """Whether a run has a model that can be loaded."""
    try:
        return _require_model(fetched(run), run.run_id)
    except BadSetting:
        return False


def fetched(run: RunRecord) -> str:
    """The address of the store, once this machine has a copy of the run's model where it is a
    server's: the calculator, for which others wait, need not ask for it."""
    store = cache.reader().store
    with store.model(run.run_id):
        return store.uri


_translate: Callable[[str, str, str, int], Translation]
_translate = cache.calculated("translate", MAX_TRANSLATIONS)

_require_model: Callable[[str, str], bool]
_require_model = cache.calculated("require_model", MAX_LOADED, "Loading the model…")
