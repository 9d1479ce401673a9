"""The page's controls: which cells to explore, with which weights, and the input they read.

Sliders and menus follow from the settings of `Architecture`; the address keeps all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

from core.analysis.groups import cell_of, value_in_words
from core.experiments.length_quality import LENGTH_QUALITY
from core.explorer.exploration import MAX_STEPS, Exploration, ExplorerConfig, Part, split_letters
from core.formatting import counted, inline_text
from core.models.architecture import Architecture
from core.models.registry import cell_kind, cell_kinds
from core.settings import Setting, Value, settings_of
from core.store.records import RunRecord
from dashboard.store import cache
from dashboard.ui import controls, states
from dashboard.ui.text import moment, plain
from dashboard.views.cell_explorer.computed import Start, Subject
from dashboard.views.compare.picking import ID_LETTERS

AS_DRAWN, FRESH, NOTHING = "as drawn", "fresh", "none"

BIASES = (AS_DRAWN, *(f"{quarter / 4:g}" for quarter in range(-8, 25)))

POSITIONS: dict[str, Sequence[str]] = {
    "recurrent_gain": [f"{twentieth / 20:g}" for twentieth in range(61)],
    "forget_bias": BIASES,
    "update_bias": BIASES,
}
"""The positions of the sliders: the instructive range, not all that is allowed."""

SHARED = ("cell", "bidirectional", "layers", "hidden_size")
"""Settings that both cells have in common, or that do not affect a single step."""

WIDEST = 128

WIDTHS = [str(width) for width in range(8, WIDEST + 1, 8)]

LENGTHS = [str(length) for length in range(1, MAX_STEPS + 1)]

PARTS: tuple[Part, ...] = ("encoder", "decoder")

RANDOM, TYPED = "random", "typed"

VECTORS, ONE_HOT = "vectors", "one-hot"

USUAL_TEXT = "the cat sat on the mat"

MAX_SEED = 9999

DECODER_READS = " A decoder reads its own output: type in the target language."

SETTINGS = {setting.name: setting for setting in settings_of(ExplorerConfig)}

USUAL_LENGTH = int(str(SETTINGS["sequence_length"].default))

SEEDS = int(str(SETTINGS["seeds"].default))


class InputSequence(NamedTuple):
    """The sequence that all cells read, and the width of cells with random weights."""

    length: int
    width: int
    seed: int
    text: str
    one_hot: bool

    def of(self, architecture: Architecture) -> Exploration:
        """The exploration of a cell that reads it."""
        config = ExplorerConfig(
            architecture=architecture, sequence_length=self.length, seed=self.seed
        )
        return Exploration(config, self.text, self.one_hot)


def ask_sequence() -> InputSequence:
    """Ask for the sequence, its length, the width and the seed."""
    with st.grid(4, min_column_width=200):
        kind = controls.choice("Sequence", (RANDOM, TYPED), "sequence")
        with st.container():
            text, length = _text() if kind == TYPED else ("", int(_length()))
        width = controls.position(
            SETTINGS["hidden_size"].title,
            WIDTHS,
            "hidden_size",
            str(SETTINGS["hidden_size"].default),
            help="Of cells with random weights.",
        )
        seed = controls.number(SETTINGS["seed"].title, 0, MAX_SEED, "seed", 0)
    one_hot = kind == TYPED and st.query_params.get("letters") == ONE_HOT
    return InputSequence(length, int(width), seed, text, one_hot)


def ask(prefix: str, sequence: InputSequence, offered: Sequence[RunRecord]) -> Subject | None:
    """Ask for one cell and its weights; None if the second cell is left out."""
    titles = {kind.title: name for name, kind in cell_kinds().items()}
    options = (NOTHING, *titles) if prefix else tuple(titles)
    title = controls.choice(
        "Second cell" if prefix else "Cell",
        options,
        f"{prefix}cell",
        default=NOTHING if prefix else cell_kind("lstm").title,
        then=lambda _: _forget(prefix),
    )
    if title == NOTHING:
        return None
    cell = titles[title]
    run = _run(prefix, [run for run in offered if cell in (cell_of(run), _decoder(run))])
    if run is not None:
        return _trained(prefix, sequence, cell, run)
    chosen = {s.name: _setting(prefix, s) for s in settings_of(Architecture) if _fits(s, cell)}
    architecture = Architecture.from_flat({**chosen, "cell": cell, "hidden_size": sequence.width})
    return Subject(architecture.label, architecture.variant, sequence.of(architecture))


def with_unique_labels(subjects: Sequence[Subject]) -> list[Subject]:
    """Number the second of two cells that have the same label."""
    if len({subject.label for subject in subjects}) == len(subjects):
        return list(subjects)
    first, second = subjects
    return [first, second._replace(label=f"{second.label} (2)")]


def no_run_yet() -> None:
    """Say that no run has a model to load, and link to where one is trained."""
    st.caption(
        f"No finished run has saved a model to step through. “{LENGTH_QUALITY.title}” "
        "trains and saves one."
    )
    states.to_launch(LENGTH_QUALITY, "Train the first model")


def _forget(prefix: str) -> None:
    """Drop the choice of a run, because another cell has other runs."""
    st.query_params.pop(f"{prefix}start", None)
    st.query_params.pop(f"{prefix}part", None)


def _length() -> str:
    return controls.position("Length (steps)", LENGTHS, "length", str(USUAL_LENGTH))


def _text() -> tuple[str, int]:
    """Ask for a text; return it with its number of steps."""
    text = controls.words("Text", "text", default=USUAL_TEXT, placeholder="Type something")
    controls.choice("Letters as", (VECTORS, ONE_HOT), "letters")
    if not text.strip():
        st.caption(f"No text: a random sequence of {USUAL_LENGTH} steps is read.")
        return "", USUAL_LENGTH
    read = split_letters(text)
    if read.remark:
        st.caption(plain(read.remark))
    return text, len(read.letters)


def _fits(setting: Setting, cell: str) -> bool:
    """Whether the cell has the setting and the page has a widget for it."""
    has_widget = setting.name in POSITIONS or bool(setting.choices)
    return setting.name not in SHARED and has_widget and cell in (setting.cells or cell_kinds())


def _setting(prefix: str, setting: Setting) -> Value:
    key = f"{prefix}{setting.name}"
    if setting.choices:
        return controls.choice(setting.title, setting.choices, key)
    default = value_in_words(setting.default)
    chosen = controls.position(
        setting.title, POSITIONS[setting.name], key, default, help=plain(setting.description)
    )
    return None if chosen == AS_DRAWN else float(chosen)


def _run(prefix: str, fitting: Sequence[RunRecord]) -> RunRecord | None:
    """Ask whose weights to load: a finished run's, or None for random weights."""
    by_id = {run.run_id[:ID_LETTERS]: run for run in fitting}
    names = {FRESH: "Random weights (set by the sliders)"}
    names |= {i: f"{inline_text(run.name)} · {moment(run.submitted)}" for i, run in by_id.items()}
    return by_id.get(controls.choice("Weights", list(names), f"{prefix}start", most=0, names=names))


def _trained(prefix: str, sequence: InputSequence, cell: str, run: RunRecord) -> Subject:
    """A part of a finished run's model: those parts that are such a cell."""
    parts = [p for p in PARTS if cell == (cell_of(run) if p == "encoder" else _decoder(run))]
    part = controls.choice("Part", parts, f"{prefix}part")
    st.caption(
        "The trained weights are used unchanged, so there are no sliders. Layer 1 reads forwards "
        "from a zero state; typed text is split into tokens as in the run. "
        f"{counted(SEEDS, 'seed')} vary the sequence and the loss, never the weights."
        + (DECODER_READS if part == "decoder" and sequence.text else "")
    )
    label = f"{cell_kind(cell).title} · {part} {run.run_id[:ID_LETTERS]}"
    start = Start(
        cache.reader().store.uri, run.run_id, "encoder" if part == "encoder" else "decoder"
    )
    return Subject(label, cell, sequence.of(Architecture()), start)


def _decoder(run: RunRecord) -> str:
    """The decoder's cell."""
    cell = str(run.settings.get("decoder", "same"))
    return cell_of(run) if cell == "same" else cell
