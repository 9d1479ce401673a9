"""The page's controls: which cells to explore, with which weights, and the input they read.

What can be set follows from the settings of `Architecture`; the address keeps all of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from core.analysis.groups import cell_of
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.length_quality import LENGTH_QUALITY
from core.explorer.exploration import (
    MAX_STEPS,
    SHIFT,
    Exploration,
    ExplorerConfig,
    Part,
    Shift,
    Start,
    split_letters,
)
from core.explorer.results import Position
from core.formatting import inline_text
from core.models.architecture import Architecture
from core.models.own_cells import NotLoaded
from core.models.registry import cell_kind, cell_kinds, gated_cells, is_cell
from core.settings import Setting, Value, settings_of
from core.store.records import RunRecord
from dashboard.store import cache
from dashboard.store.reader import ACCURACY
from dashboard.ui import controls, jargon, states
from dashboard.ui.text import moment, plain
from dashboard.views.cell_explorer.computed import Subject
from dashboard.views.compare.picking import ID_LETTERS
from dashboard.views.translate import models

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

FRESH, NOTHING = "fresh", "none"

POSITIONS: Mapping[str, Sequence[float]] = {
    "forget_bias": [quarter / 4 for quarter in range(-8, 25)],
    "update_bias": [quarter / 4 for quarter in range(-8, 25)],
    "recurrent_gain": [tenth / 10 for tenth in range(31)],
}
"""The positions of the sliders: the instructive range, not all that is allowed."""

SHIFTS = [half / 2 for half in range(-8, 9)]
"""Those of a slider that adds to a parameter."""

LONG = 50
"""Sequences of more steps have every second position: all are measured before the page opens."""

TRAINING = "training"
"""The slider that moves through the training steps of a cell that is trained here."""

SHARED = ("cell", "bidirectional", "layers", "hidden_size")
"""Settings that both cells have in common, or that do not affect a single step."""

WIDEST = 128

PARTS: tuple[Part, ...] = ("encoder", "decoder")

RANDOM, TYPED = "random", "typed"

VECTORS, ONE_HOT = "vectors", "one-hot"

USUAL_TEXT = "the cat sat on the mat"

MAX_SEED = 9999

MAX_SHIFT = 20.0

ANY_SIZE = (5, 3)
"""Features and units at which a cell is asked which of its parameters are vectors."""

DECODER_READS = "A decoder reads its own output: type in the target language."

SETTINGS = {setting.name: setting for setting in settings_of(ExplorerConfig)}

USUAL_LENGTH = int(str(SETTINGS["sequence_length"].default))

MEASURES = {"Input gradient": "log10_input_gradient", "State gradient": "log10_state_gradient"}

SEEDS = int(str(SETTINGS["seeds"].default))

CHAPTER = GRADIENT_DECAY.presets["chapter"]

PRESETS: Mapping[str, Mapping[str, str]] = {
    "Forgets": {"cell": "LSTM", "forget_bias": "-2", "start": FRESH},
    "Remembers": {"cell": "LSTM", "forget_bias": "4", "start": FRESH},
    "Explodes": {"cell": "RNN", "nonlinearity": "relu", "recurrent_gain": "3", "start": FRESH},
    "The chapter's RNN": {
        "cell": "RNN",
        "start": FRESH,
        "sequence": RANDOM,
        "hidden_size": str(CHAPTER["hidden_size"]),
        "input_size": str(CHAPTER["input_size"]),
        "length": str(CHAPTER["sequence_length"]),
        "loss": str(CHAPTER["loss"]),
    },
}
"""Settings that make a cell do what the name says, on the page's address; nothing is stored."""


def presets_of(title: str) -> Mapping[str, Mapping[str, str]]:
    """The presets that are offered beside a cell: those above for RNN, LSTM and GRU."""
    if title in (kind.title for kind in gated_cells().values()):
        return PRESETS
    drawn = {"cell": title, "start": FRESH}
    return {
        "100 random steps": {**drawn, "sequence": RANDOM, "length": "100"},
        "Beside the LSTM": {**drawn, "second_cell": "LSTM"},
    }


class InputSequence(NamedTuple):
    """The sequence that all cells read, and the sizes of cells with random weights."""

    length: int
    width: int
    input_size: int
    loss: str
    seed: int
    text: str
    one_hot: bool
    typed: str | None
    """What the text field holds; None if the sequence is random."""

    def of(self, architecture: Architecture, shift: Shift | None = None) -> Exploration:
        """The exploration of a cell that reads it."""
        config = ExplorerConfig.model_validate(
            {
                "architecture": architecture,
                "sequence_length": self.length,
                "input_size": self.input_size,
                "loss": self.loss,
                "seed": self.seed,
            }
        )
        return Exploration(config, self.text, self.one_hot, shift)


def ask_preset(title: str) -> tuple[DeltaGenerator, DeltaGenerator]:
    """Offer settings under which a cell forgets, remembers or explodes. Two places are returned:
    for presets that are only known when the slider's curves are, and for what comes beside them."""
    with st.container(horizontal=True, gap="xsmall", key="presets"):
        measured = st.container(horizontal=True, gap="xsmall", width="content")
        for name, settings in presets_of(title).items():
            chosen = all(st.query_params.get(k) == value for k, value in settings.items())
            st.button(
                name,
                key=f"preset {name}",
                type="primary" if chosen else "secondary",
                on_click=controls.replace,
                args=(settings,),
            )
        return measured, st.popover("Compare", icon=":material/compare_arrows:")


def extremes(positions: Sequence[Position]) -> dict[str, int]:
    """Where the share of the gradient that reaches the start is nearest to 1, and where it is
    least; nothing if that is the same. A gradient that grows explodes, and remembers nothing."""
    left = [position.left for position in positions]
    nearest = min(range(len(left)), key=lambda at: abs(left[at]))
    least = left.index(min(left))
    return {} if left[nearest] == left[least] else {"Remembers": nearest, "Forgets": least}


def offer_extremes(place: DeltaGenerator, positions: Sequence[Position], chosen: int) -> None:
    """Offer the two positions of `extremes`."""
    for name, at in extremes(positions).items():
        place.button(
            name,
            key=f"preset {name}",
            type="primary" if at == chosen else "secondary",
            on_click=controls.put,
            args=(SHIFT, controls.digits(positions[at].value), "0"),
        )


class Asked(NamedTuple):
    """What somebody wants to see."""

    subjects: Sequence[Subject]
    """One cell or two."""
    slider: str
    """The setting that the slider moves, `SHIFT`, `TRAINING`, or `NOTHING`."""
    measure: str
    text: str | None
    """The text field's; None without one."""
    measured: DeltaGenerator
    """The place of presets that are only known when the slider's curves are."""
    why_no_slider: str = ""


def ask(offered: Sequence[RunRecord]) -> Asked:
    """Ask for one cell or two, their weights, what they read and what the slider moves."""
    measured, compare = ask_preset(_title_asked(offered))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        cell = _cell("", offered)
        more = st.popover("Weights, input", icon=":material/tune:")
        with more:
            run = _run("", cell, offered)
        names = {s.name: slider_title(s, run is not None) for s in numeric_settings(cell)}
        names |= {name: f"Added to {name}" for name in biases(cell)}
        why = why_no_slider(cell)
        if run is None and not why:
            names[TRAINING] = "Training"
        slider = NOTHING
        if names:
            slider = controls.choice(
                "Slider",
                list(names),
                "slider",
                names=names,
                then=lambda _: controls.drop(SHIFT),
                help=jargon.SLIDER,
            )
    shift = _shift(slider) if slider in biases(cell) else None
    with more:
        sequence = _sequence(run)
        subjects = [_subject("", cell, run, sequence, shift)]
        measure = controls.choice(
            "Gradient", list(MEASURES), "gradient", help=jargon.STATE_GRADIENT
        )
    with compare:
        other = _cell("second_", offered)
        if other != NOTHING:
            chosen = _run("second_", other, offered)
            subjects.append(_subject("second_", other, chosen, sequence))
    return Asked(
        _with_unique_labels(subjects),
        slider if shift is None else SHIFT,
        MEASURES[measure],
        sequence.typed,
        measured,
        why,
    )


def _shift(parameter: str) -> Shift:
    """What the address adds to a parameter."""
    asked = controls.amount_in_address(
        SHIFT,
        0.0,
        kind=float,
        low=-MAX_SHIFT,
        high=MAX_SHIFT,
        allowed=f"±{MAX_SHIFT:g} is possible",
    )
    return Shift(parameter, float(asked or 0.0))


def biases(cell: str) -> Sequence[str]:
    """The vectors among the parameters of a cell that is nothing but its step: what is added to
    one moves every unit. Those of the fewest numbers come first, which all units share. None of a
    cell that feeds nothing back: none of them decides what is kept."""
    try:
        kind = cell_kind(cell)
        if kind.load is None or not kind.recurrent:
            return ()
        shapes = kind.parameters(*ANY_SIZE)
        return sorted((n for n, shape in shapes.items() if len(shape) == 1), key=shapes.__getitem__)
    except NotLoaded:  # said where it is stepped
        return ()


def why_no_slider(cell: str) -> str:
    """Why nothing of a cell can be moved; empty where something can."""
    try:
        recurrent = cell_kind(cell).recurrent
    except NotLoaded:
        return ""
    if recurrent:
        return ""
    return (
        "No slider: nothing is fed back, so that no bias decides what is kept; this page trains "
        "recurrent cells only."
    )


def numeric_settings(cell: str) -> list[Setting]:
    """The settings that a slider can move, those that belong to the cell alone first."""
    own = [s for s in settings_of(Architecture) if s.name in POSITIONS and _fits(s, cell)]
    return sorted(own, key=lambda setting: len(setting.cells) != 1)


def slider_title(setting: Setting, trained: bool) -> str:
    """`Forget bias`; of trained weights a bias is added to the trained one."""
    return f"Added {setting.title.lower()}" if trained and setting.optional else setting.title


def label_of(subject: Subject) -> str:
    """The cell with every setting that is not the default."""
    architecture = subject.exploration.config.architecture
    shift = subject.exploration.shift
    shifted = [f"{shift.parameter} {shift.by:+g}"] if shift is not None and shift.by else []
    if subject.start is None:
        return " · ".join([architecture.label, *shifted])
    name = f"Trained {cell_kind(architecture.cell).title} · {subject.start.part} of "
    details = [subject.start.run_id[:ID_LETTERS]]
    if architecture.recurrent_gain != 1:
        details.append(f"gain {architecture.recurrent_gain:g}")
    for setting in numeric_settings(architecture.cell):
        value = getattr(architecture, setting.name)
        if setting.optional and value is not None:
            details.append(f"{setting.title.lower()} {value:+g}")
    return name + " · ".join([*details, *shifted])


def no_run_yet() -> None:
    """Say that no run has a model to load, and link to where one is trained."""
    st.caption(
        f"No finished run has saved a model to step through. “{LENGTH_QUALITY.title}” "
        "trains and saves one."
    )
    states.to_launch(LENGTH_QUALITY, "Train the first model")


def about(subjects: Sequence[Subject]) -> str:
    """What trained weights mean for the figures; empty without any."""
    trained = [subject for subject in subjects if subject.start is not None]
    if not trained:
        return ""
    decoder = any(s.start is not None and s.start.part == "decoder" for s in trained)
    typed = trained[0].exploration.text.strip()
    return (
        "Trained weights: layer 1, forwards, from a zero state; text is split as in the run. "
        f"{SEEDS} seeds vary the {'' if typed else 'sequence and the '}loss, never the weights. "
        f"{DECODER_READS if decoder and typed else ''}"
    )


def _with_unique_labels(subjects: Sequence[Subject]) -> list[Subject]:
    """Number the second of two cells that have the same label."""
    if len({subject.label for subject in subjects}) == len(subjects):
        return list(subjects)
    first, second = subjects
    return [first, second._replace(label=f"{second.label} (2)")]


def _cell(prefix: str, offered: Sequence[RunRecord]) -> str:
    """Ask for a cell; the first one is that of the best trained model."""
    names = cell_names(offered)
    usual = _usual_title(offered)
    title = controls.choice(
        "Second cell" if prefix else "Cell",
        (NOTHING, *names) if prefix else tuple(names),
        f"{prefix}cell",
        default=NOTHING if prefix else usual,
        then=lambda _: _forget(prefix),
    )
    return names.get(title, NOTHING)


def cell_names(offered: Sequence[RunRecord]) -> dict[str, str]:
    """Title → name of every cell that can be explored: those that can be chosen anywhere, and
    those of finished runs, earlier versions of somebody's own among them."""
    of_runs = {cell for run in offered for cell in (cell_of(run), _decoder(run)) if is_cell(cell)}
    kinds = [*cell_kinds().values(), *map(cell_kind, sorted(of_runs - set(cell_kinds())))]
    return {kind.title: kind.name for kind in kinds}


def _usual_title(offered: Sequence[RunRecord]) -> str:
    """The cell of the best trained model, or the LSTM."""
    best = best_model(offered)
    own = cell_of(best) if best else "lstm"
    return cell_kind(own if is_cell(own) else "lstm").title


def _title_asked(offered: Sequence[RunRecord]) -> str:
    """The first cell's title, before it is asked for."""
    return controls.value("cell", list(cell_names(offered)), _usual_title(offered))


def _forget(prefix: str) -> None:
    """Drop what another cell does not have: its run, and what the slider moves."""
    for key in (f"{prefix}start", f"{prefix}part", "slider", SHIFT):
        controls.drop(key)


MAX_TRIED = 3
"""Models that are tried for the default: a run may have lost its own."""


def best_model(offered: Sequence[RunRecord]) -> RunRecord | None:
    """The trained model that answers most correctly, of the headline sweep if it has any; None
    without one that can be loaded."""
    headline = cache.headline(LENGTH_QUALITY)
    first = {run.run_id for run in headline.finished} if headline else set()
    ordered = sorted(
        offered,
        key=lambda run: (run.run_id in first, run.metrics.get(ACCURACY, 0.0)),
        reverse=True,
    )
    return next((run for run in ordered[:MAX_TRIED] if models.has_model(run)), None)


def _run(prefix: str, cell: str, offered: Sequence[RunRecord]) -> RunRecord | None:
    """Ask whose weights to load: a finished run's, or None for new, random weights."""
    fitting = [run for run in offered if cell in (cell_of(run), _decoder(run))]
    by_id = {run.run_id[:ID_LETTERS]: run for run in fitting}
    names = {FRESH: "new, random"}
    names |= {i: f"{inline_text(run.name)} · {moment(run.submitted)}" for i, run in by_id.items()}
    best = None if prefix else best_model([run for run in fitting if cell == cell_of(run)])
    default = best.run_id[:ID_LETTERS] if best else FRESH
    start = f"{prefix}start"
    return by_id.get(
        controls.choice("Weights", list(names), start, default=default, most=0, names=names)
    )


def _subject(
    prefix: str,
    cell: str,
    run: RunRecord | None,
    sequence: InputSequence,
    shift: Shift | None = None,
) -> Subject:
    """The cell as the address describes it."""
    values: dict[str, Value] = {}
    for setting in settings_of(Architecture):
        if not _fits(setting, cell) or (run is not None and setting.choices):
            continue
        values[setting.name] = _setting(prefix, setting)
    start = None
    if run is not None:
        parts = [p for p in PARTS if cell == (cell_of(run) if p == "encoder" else _decoder(run))]
        part: Part = parts[0]
        if len(parts) > 1:
            asked = controls.choice("Part", parts, f"{prefix}part")
            part = "decoder" if asked == "decoder" else "encoder"
        start = Start(models.fetched(run), run.run_id, part)
    width = sequence.width if run is None else Architecture().hidden_size
    architecture = Architecture.from_flat({**values, "cell": cell, "hidden_size": width})
    subject = Subject("", architecture.variant, sequence.of(architecture, shift), start)
    return subject._replace(label=label_of(subject))


def _setting(prefix: str, setting: Setting) -> Value:
    """The first cell's numbers are the slider's; those of the second are typed."""
    key = f"{prefix}{setting.name}"
    if setting.choices:
        return controls.choice(setting.title, setting.choices, key)
    default = None if setting.default is None else float(str(setting.default))
    if not prefix:
        return controls.amount_in_address(
            key,
            default,
            kind=float,
            low=setting.minimum,
            high=setting.maximum,
            allowed=setting.allowed,
        )
    return controls.amount(
        setting.title,
        key,
        default,
        kind=float,
        low=setting.minimum,
        high=setting.maximum,
        allowed=setting.allowed,
        step=0.25,
        placeholder="PyTorch default",
        help=plain(setting.description),
    )


def usual_text(run: RunRecord | None) -> str:
    """A text that the model was tested on, of middle length; any text for random weights."""
    tested = list(models.samples([run])) if run is not None else []
    return tested[len(tested) // 2] if tested else USUAL_TEXT


def keep_text(typed: str) -> None:
    """Keep what somebody types in the address, an empty text too."""
    controls.put("text", typed, [])


def _sequence(run: RunRecord | None) -> InputSequence:
    """Ask for the sequence, its length, the sizes and the seed; the text is typed elsewhere."""
    kind = controls.choice("Sequence", (TYPED, RANDOM), "sequence")
    text, length, one_hot = "", USUAL_LENGTH, False
    if kind == TYPED:
        text = st.query_params.get("text", usual_text(run))
        one_hot = controls.choice("Letters as", (VECTORS, ONE_HOT), "letters") == ONE_HOT
        if not text.strip():
            st.caption(f"No text: a random sequence of {USUAL_LENGTH} steps is read.")
        elif remark := split_letters(text).remark:
            st.caption(plain(remark))
    if text.strip():
        length = len(split_letters(text).letters)
    elif kind == RANDOM:
        length = controls.number("Length (steps)", 1, MAX_STEPS, "length", USUAL_LENGTH)
    width, input_size = SETTINGS["hidden_size"], SETTINGS["input_size"]
    return InputSequence(
        length=length,
        width=controls.number(width.title, 1, WIDEST, "hidden_size", int(str(width.default))),
        input_size=controls.number(
            input_size.title, 1, WIDEST, "input_size", int(str(input_size.default))
        ),
        loss=controls.choice("Loss", SETTINGS["loss"].choices, "loss"),
        seed=controls.number(SETTINGS["seed"].title, 0, MAX_SEED, "seed", 0),
        text=text if text.strip() else "",
        one_hot=one_hot,
        typed=text if kind == TYPED else None,
    )


def _fits(setting: Setting, cell: str) -> bool:
    """Whether the cell has the setting and the page has a widget for it."""
    has_widget = setting.name in POSITIONS or bool(setting.choices)
    return setting.name not in SHARED and has_widget and setting.belongs_to(cell)


def _decoder(run: RunRecord) -> str:
    """The decoder's cell."""
    cell = str(run.settings.get("decoder", "same"))
    return cell_of(run) if cell == "same" else cell
