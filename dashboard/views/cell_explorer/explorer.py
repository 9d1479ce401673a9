"""The Cell explorer from top to bottom: answer, controls, curve, then the steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from core.explorer.exploration import MAX_STEPS
from core.settings import BadSetting
from core.store.records import RunRecord
from dashboard.navigation import RUNS
from dashboard.ui import controls, states
from dashboard.ui.text import plain
from dashboard.views.cell_explorer import cells, computed, figures
from dashboard.views.cell_explorer.cells import InputSequence
from dashboard.views.cell_explorer.computed import Subject

USUAL_STEP = 10

DRAW_SECONDS = 0.15
"""Time for the browser to draw the curve before it gets a dozen maps to draw."""

FIGURES: Mapping[str, Callable[[Sequence[Subject], int], None]] = {
    "Gates and states": figures.maps,
    "Norms": figures.norms,
    "Jacobian": figures.jacobian,
    "Equations": figures.equations,
}
"""Title of a tab → the figure that it shows of a step."""

METHOD = """
The gradient curve is `gradient-decay`'s own measurement: each of eight seeds draws its sequence
from N(0, 1), the direction v of the loss v·h_T, and the weights, in this order, and the same seed
there gives the same numbers (one sample, float64). The band is Student's 95% interval over the
seeds. The halving distance is where the curve has first fallen to half of k = 0, a lower bound (≥)
if it has not by T − 1; a straight line through k = T/10 to 6T/10 gives the asymptotic decay rate
and half-life, unless its R² is below 0.95. Exact zeros are counted and never averaged.

Everything below the curve is **one** network, that of the first seed: an example, not an estimate.
Gates and the candidate are recorded as the equations are evaluated; the calculation of a unit is
the equation with its own numbers in it. The step Jacobian is ∂s_t/∂s_{t−1} of the full state s:
(h, c) of an LSTM. Its singular values are exact, at up to 50 steps. One below 1 at every step makes
the gradient vanish; one above 1 alone does not make it explode. For an LSTM they depend on the
units of c (the same network written for c/2 has others); the spectral radius, the largest modulus
of an eigenvalue, does not.

Typed text is read letter by letter, as people count letters, and at most 200 of them: each letter
has its own vector from N(0, 1), the same in every text and for every seed, or a unit vector. All
seeds then read the same sequence and differ in v and, unless they are a finished run's, in weights.
"""


def explore(offered: Sequence[RunRecord]) -> None:
    """Draw the page below its title."""
    place = st.container()
    sequence = cells.ask_sequence()
    left, right = st.columns([1, 2], gap="medium")
    with left:
        subjects = _subjects(sequence, offered)
    with right:
        computed.load_torch()
        try:
            figures.gradient(subjects)  # first: it follows the sliders
            sentence = figures.answer(subjects)
            steps = computed.shortest(subjects)
        except BadSetting as error:
            _show_error(error, subjects)
            return
    with place:
        states.answer(sentence)
    time.sleep(DRAW_SECONDS)
    _steps(subjects, steps)
    with st.expander("How this was measured", icon=":material/science:"):
        st.markdown(METHOD)


def _subjects(sequence: InputSequence, offered: Sequence[RunRecord]) -> list[Subject]:
    """Ask for one cell or two, each in its own box."""
    subjects: list[Subject] = []
    for prefix in ("", "second_"):
        with st.container(border=True):
            subject = cells.ask(prefix, sequence, offered)
            subjects += [subject] if subject else []
    if not offered:
        cells.no_run_yet()
    return cells.with_unique_labels(subjects)


def _steps(subjects: Sequence[Subject], steps: int) -> None:
    """Ask for a step and show its figures; only the open tab is computed."""
    options = [str(step) for step in range(1, steps + 1)]
    controls.at_most("step", steps, MAX_STEPS)
    st.subheader("Step by step", anchor=False)
    st.caption(f"One network as an example, not an estimate: {computed.example(subjects)}.")
    step = 1
    if steps > 1:
        step = int(controls.position("Step", options, "step", str(min(USUAL_STEP, steps))))
    tabs = controls.tabs(list(FIGURES), "figure")
    for tab, draw in zip(tabs, FIGURES.values(), strict=True):
        if tab.open:
            with tab:
                draw(subjects, step)


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
