"""The Cell explorer from top to bottom: presets, controls, playground, then one step in detail."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from core.explorer.exploration import MAX_STEPS, SHIFT, TRAINING_LENGTH, TRAINING_STEPS
from core.settings import BadSetting, Setting
from core.store.records import RunRecord
from dashboard.navigation import RUNS
from dashboard.ui import controls, jargon
from dashboard.ui.text import plain
from dashboard.views.cell_explorer import cells, computed, figures, playground
from dashboard.views.cell_explorer.cells import Asked
from dashboard.views.cell_explorer.computed import Subject
from dashboard.views.cell_explorer.playground import Callbacks, Slider

USUAL_STEP = 10

FIGURES: Mapping[str, Callable[[Sequence[Subject], int], None]] = {
    "Equations": figures.equations,
    "Norms": figures.norms,
    "Kept": figures.kept,
    "Jacobian": figures.jacobian,
}
"""Title of a tab → the figure that it shows of a step."""

SORTED, NUMBERED = "sorted", "numbered"

METHOD = f"""
The gradient curve is `gradient-decay`'s own measurement: each of eight seeds draws its sequence
from N(0, 1), the direction v of the loss v·h_T, and the weights, in this order, and the same seed
there gives the same numbers (one sample, float64). Every position of the slider is measured before
the page opens: eight seeds each, with the same draws, so only the setting differs. The band is
Student's 95% interval over the seeds. The 1% and the halving distance are where the curve has first
fallen to that share of k = 0, a lower bound if it has not by T − 1; its interval is that of a
median. A straight line through k = T/10 to 6T/10 gives the gradient kept per step and the
asymptotic half-life, unless its R² is below 0.95. Exact zeros are counted and never averaged. The
axis ends 14 powers of ten below the largest curve, or where the selected one does.

**Training** trains the eight networks here, when the slider asks for it, for {TRAINING_STEPS} steps
of Adam on `gradient-decay`'s recall task (name a symbol seen in the first quarter of
{TRAINING_LENGTH} steps), and measures at 21 points. A `gradient-decay` run with the same settings
has the same numbers, and keeps them; this one is not stored.

What a step **keeps** is the mean of the diagonal of its Jacobian, state by state: ∂s_t,i/∂s_t−1,i
over the numbers i of a state. For an LSTM's c it is the mean of the forget gate.

Everything below the curve is **one** network, that of the first seed: an example, not an estimate.
It has no training. Gates and the candidate are recorded as the equations are evaluated; the
calculation of a unit is the equation with its own numbers in it.

Of any cell but RNN, LSTM and GRU the maps are its states, its output and what its step watches,
taken while the step runs; the equations are those that it declares, and without any there is no
drawing. A matrix is shown by the norm of each row, of more than 128 numbers the first 128 are
shown, and places of a cache that are zero throughout are left out: each map says so; calculations
and files have all.

Its slider adds a number to one of its vectors of parameters. **Remembers** is the position at which
the share of the gradient that reaches the first step is nearest to 1 (beyond 1 it explodes),
**Forgets** the one at which it is least.

In the drawing, a box shows every unit's value at the step, upwards from 0 to 1 for a gate, and its
mean as a number. The step Jacobian is ∂s_t/∂s_{{t−1}} of the full state s: (h, c) of an LSTM. Its
singular values are exact, at up to 50 steps. One below 1 at every step makes the gradient vanish;
one above 1 alone does not make it explode. For an LSTM they depend on the units of c (the same
network written for c/2 has others); the spectral radius, the largest modulus of an eigenvalue, does
not.

Typed text is read letter by letter, as people count letters, and at most 200 of them: each letter
has its own vector from N(0, 1), the same in every text and for every seed, or a unit vector. All
seeds then read the same sequence and differ in v and, unless they are a finished run's, in weights.
A trained run's weights are used as they are, times the recurrent gain, with a bias added, if the
slider asks for it.
"""


def explore(offered: Sequence[RunRecord]) -> None:
    """Draw the page below its title."""
    asked = cells.ask(offered)
    subjects = asked.subjects
    try:
        steps = computed.shortest(subjects)
        controls.at_most("step", steps, MAX_STEPS)
        step = _step(steps)
        _playground(asked, step)
        sentence = figures.answer(subjects) if len(subjects) > 1 else ""
        st.markdown(plain(sentence))
        if note := cells.about(subjects):
            st.caption(plain(note))
        _details(subjects, step, asked.measure)
    except BadSetting as error:
        _show_error(error, subjects)
        return
    if not offered:
        cells.no_run_yet()
    with st.expander("How this was measured", icon=":material/science:"):
        st.markdown(METHOD)


def _step(steps: int) -> int:
    """The step that is shown: the browser moves it, the address keeps it."""
    usual = min(USUAL_STEP, steps)
    asked = controls.amount_in_address(
        "step", usual, kind=int, low=1, high=steps, allowed=f"1 to {steps} is possible"
    )
    return int(asked or usual)


def _playground(asked: Asked, step: int) -> None:
    """The slider with its curves, the drawing of the cell, and the maps of its steps."""
    first, measure = asked.subjects[0], asked.measure
    if asked.slider == cells.TRAINING:
        slider = _training(first, measure)
    elif asked.slider == cells.NOTHING:
        slider = _nothing_to_move(first, measure, asked.why_no_slider)
    elif asked.slider == SHIFT:
        slider = _of_parameter(first, measure)
        cells.offer_extremes(asked.measured, slider.positions, slider.chosen)
    else:
        by_name = {s.name: s for s in cells.numeric_settings(first.variant)}
        slider = _of_setting(first, by_name[asked.slider], measure)
    usual = min(USUAL_STEP, computed.shortest(asked.subjects))

    def moved(to: Mapping[str, Any]) -> None:
        moved_to_0 = to["setting"] in (cells.TRAINING, SHIFT)
        usual = 0.0 if moved_to_0 else cells.SETTINGS[to["setting"]].default
        controls.put(
            str(to["setting"]),
            controls.digits(to["value"]),
            controls.digits(None if usual is None else float(str(usual))),
        )

    def stepped(to: Mapping[str, Any]) -> None:
        controls.put("step", str(to["step"]), str(usual))
        if "unit" in to:
            controls.put("unit", str(to["unit"]), "1")

    playground.show(
        slider,
        asked.subjects,
        figures.styles_of(asked.subjects),
        measure,
        step,
        text=asked.text,
        sort=controls.value("units", (SORTED, NUMBERED), SORTED) == SORTED,
        callbacks=Callbacks(
            moved,
            stepped,
            lambda on: controls.put("units", SORTED if on else NUMBERED, SORTED),
            cells.keep_text,
        ),
    )


def _of_setting(subject: Subject, setting: Setting, measure: str) -> Slider:
    """The cell at every position of a setting; one that the address asks for is added."""
    now = getattr(subject.exploration.config.architecture, setting.name)
    asked = None if now is None else float(now)
    default = None if setting.default is None else float(str(setting.default))
    every = 2 if computed.stepped(subject).steps > cells.LONG else 1
    positions = cells.POSITIONS[setting.name][::every]
    numbers = sorted({*positions, *([] if asked is None else [asked])})
    values = [*numbers, *([None] if default is None else [])]
    trained = subject.start is not None
    unset = "unchanged" if trained else "PyTorch default"
    signed = trained and setting.optional
    names = [unset if v is None else f"{v:+g}" if signed else f"{v:g}" for v in values]
    labels = [cells.label_of(subject.at(setting.name, value)) for value in values]
    return Slider(
        setting=setting.name,
        title=cells.slider_title(setting, trained),
        positions=computed.family(subject, setting.name, values, measure),
        names=[name.replace("-", "−") if name != unset else name for name in names],
        labels=labels,
        chosen=values.index(asked),
        reset=values.index(default),
        reset_title="As trained" if trained else "PyTorch default",
        reset_help=(
            "PyTorch draws this bias around 0, a different number for each unit."
            if default is None and not trained
            else f"Back to {names[values.index(default)]}."
        ),
        reset_at=None if default is not None else numbers.index(0.0),
    )


def _of_parameter(subject: Subject, measure: str) -> Slider:
    """The cell with a number added to one of its parameters, at every position."""
    shift = subject.exploration.shift
    assert shift is not None
    every = 2 if computed.stepped(subject).steps > cells.LONG else 1
    values = sorted({*cells.SHIFTS[::every], shift.by})
    names = [f"{value:+g}".replace("-", "−") if value else "0" for value in values]
    return Slider(
        setting=SHIFT,
        title=f"Added to {shift.parameter}",
        positions=computed.family(subject, SHIFT, values, measure),
        names=names,
        labels=[cells.label_of(subject.at(SHIFT, value)) for value in values],
        chosen=values.index(shift.by),
        reset=values.index(0.0),
        reset_title="Back to 0",
        reset_help="The parameter as it is.",
    )


def _nothing_to_move(subject: Subject, measure: str, why: str) -> Slider:
    """The one curve of a cell that has nothing to move."""
    return Slider(
        setting="",
        title="",
        positions=computed.family(subject, "recurrent_gain", [1.0], measure),
        names=[""],
        labels=[cells.label_of(subject)],
        chosen=0,
        reset=0,
        reset_title="",
        reset_help="",
        note=why or "No slider: this cell has no bias that could be moved.",
    )


def _training(subject: Subject, measure: str) -> Slider:
    """The cell while it is trained here."""
    positions = computed.snapshots(subject, measure)
    steps = [position.value for position in positions]
    last = float(steps[-1] or 0)
    asked = controls.amount_in_address(
        cells.TRAINING, 0, kind=int, low=0, high=last, allowed=f"0 to {last:g} is possible"
    )
    chosen = min(range(len(steps)), key=lambda i: abs(float(steps[i] or 0) - float(asked or 0)))
    return Slider(
        setting=cells.TRAINING,
        title="Training step",
        positions=positions,
        names=[f"step {step:g}" for step in steps],
        labels=[f"{subject.label} · trained {step:g} steps" for step in steps],
        chosen=chosen,
        reset=0,
        reset_title="Untrained",
        reset_help="Back to the weights as they were drawn.",
        returns=False,
    )


def _details(subjects: Sequence[Subject], step: int, measure: str) -> None:
    """Show the step's figures; only the open tab is computed."""
    st.subheader(f"Step {step} in numbers", anchor=False, help=jargon.JACOBIAN)
    st.caption(f"One network as an example, not an estimate: {computed.example(subjects)}.")
    tabs = controls.tabs(list(FIGURES), "figure")
    for tab, draw in zip(tabs, FIGURES.values(), strict=True):
        if tab.open:
            with tab:
                draw(subjects, step)
    figures.files(subjects, measure)


def _show_error(error: BadSetting, subjects: Sequence[Subject]) -> None:
    """Say why a run's model cannot be stepped, and link to the run."""
    st.error(plain(str(error)), icon=":material/block:")
    for subject in subjects:
        if subject.start is not None:
            st.page_link(
                RUNS.path,
                label="Open this run",
                icon=RUNS.icon,
                query_params={"run": subject.start.run_id},
            )
