"""The hidden size of each variant that fits a budget, and links to launch them there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas
import streamlit as st

from core.analysis.sizes import Size, size_of, sizes_in_words
from core.experiment import BUDGETS, COMPARED_AT, Experiment
from core.experiments import all_experiments, experiment_named
from core.experiments.parameter_count import PARAMETER_COUNT
from core.models.architecture import variant_title
from core.models.registry import usual_variants
from core.settings import BadSetting, settings_of
from dashboard.navigation import LAUNCH, page_of
from dashboard.ui import controls
from dashboard.ui.text import plain

DEFAULT_INPUT = 64

ROW_PIXELS = 35

MODES = [mode for mode, name in COMPARED_AT.items() if name in BUDGETS]

TYPED: Mapping[str, tuple[str, str, str]] = {
    "parameter_budget": ("Parameters", "1 M", "250k, 1 M, 1e6 or 1,000,000"),
    "state_budget": ("Bytes of state", "512", "512, 2k or 2,048"),
}
"""Budget → what is typed: its title, its default and examples."""


def box() -> None:
    """Draw the budget's input, the hidden sizes that fit, and links to launch at equal terms."""
    with st.container(border=True, key="budget"):
        st.subheader("Hidden sizes for a budget", anchor=False)
        with st.grid(2, min_column_width=260):
            mode = controls.choice("Compare at", MODES, "budget_at")
            names = {e.name: e.title for e in all_experiments()}
            name = controls.choice(
                "Experiment",
                list(names),
                "budget_for",
                default=PARAMETER_COUNT.name,
                most=0,
                names=names,
                help=(
                    "What is counted: its whole model where it trains one (the readout, the "
                    "decoder, the embeddings), else the recurrent layers."
                ),
            )
        experiment, budget_name = experiment_named(name), COMPARED_AT[mode]
        title, usual, examples = TYPED[budget_name]
        key = "budget" if budget_name == "parameter_budget" else "budget_state"
        asked: dict[str, Any] = {}
        with st.grid(3, min_column_width=160):
            asked[budget_name] = controls.words(title, key, default=usual, placeholder=examples)
            if any(setting.name == "input_size" for setting in settings_of(experiment.config)):
                size = controls.number("Input size", 1, 65_536, "budget_input", DEFAULT_INPUT)
                asked["input_size"] = size
            asked["layers"] = controls.number("Layers", 1, 8, "budget_layers", 1)
        try:
            sizes = fitting(experiment, asked)
        except BadSetting as error:
            st.error(plain(str(error)), icon=":material/rule:")
            return
        _table(experiment, sizes)
        missed = {title: (size,) for title, size in sizes.items() if size.missed}
        if missed:
            st.warning(plain(sizes_in_words(experiment, missed)), icon=":material/balance:")
        achieved = next(iter(sizes.values()))
        _launch(mode, {**asked, budget_name: achieved.budget})


def fitting(experiment: Experiment, asked: Mapping[str, Any]) -> dict[str, Size]:
    """Variant → the size that comes closest to the budget that is asked for.

    Raises `BadSetting` when a variant cannot be that small or that large.
    """
    settings = {name: [value] for name, value in asked.items()}
    return {
        variant_title(config.architecture.variant): size_of(config)
        for config in experiment.configs(list(usual_variants()), settings)
    }


def frame(experiment: Experiment, sizes: Mapping[str, Size]) -> pandas.DataFrame:
    """One line per variant: hidden size, parameters, state, and how far off the budget it is."""
    of_sizes: Sequence[Size] = list(sizes.values())
    return pandas.DataFrame(
        {
            "Variant": list(sizes),
            "Hidden size": [size.hidden_size for size in of_sizes],
            _counted(experiment): [size.parameters for size in of_sizes],
            "State (bytes)": [size.state_bytes for size in of_sizes],
            "Off the budget": [100 * (size.off or 0.0) for size in of_sizes],
        }
    )


def _counted(experiment: Experiment) -> str:
    return f"Parameters ({experiment.config.counted})"


def _table(experiment: Experiment, sizes: Mapping[str, Size]) -> None:
    number = st.column_config.NumberColumn
    st.dataframe(
        frame(experiment, sizes),
        hide_index=True,
        placeholder="–",
        height=ROW_PIXELS * (len(sizes) + 1) + 3,
        column_config={
            "Hidden size": number(format="%,d", help="Units in each direction's state."),
            _counted(experiment): number(format="%,d", help="As torch.nn counts them."),
            "State (bytes)": number(format="%,d", help="Carried from step to step, per sequence."),
            "Off the budget": number(format="%+.2f%%"),
        },
        alt="The hidden size of each variant that comes closest to the budget",
    )


def _launch(mode: str, asked: Mapping[str, Any]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"Compare them at {mode.lower()}:", width="content")
        for experiment in all_experiments():
            page = page_of(experiment.name)
            has = {setting.name for setting in experiment.settings}
            st.page_link(
                LAUNCH.path,
                label=page.title if page else experiment.title,
                icon=LAUNCH.icon,
                width="content",
                query_params={
                    "experiment": experiment.name,
                    **{name: str(value) for name, value in asked.items() if name in has},
                },
            )
