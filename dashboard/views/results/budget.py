"""The hidden size of each variant that fits a parameter budget, and links to launch them there."""

from __future__ import annotations

import pandas
import streamlit as st

from core.experiments import all_experiments
from core.models.architecture import Architecture, variant_title
from core.models.counting import match_parameters
from core.models.registry import variants
from core.settings import BadSetting, parse_amount
from dashboard.navigation import LAUNCH, page_of
from dashboard.ui import controls
from dashboard.ui.text import plain

DEFAULT_INPUT = 64

ROW_PIXELS = 35


def box() -> None:
    """Draw the budget input, a table of what it buys, and links to launch at equal parameters."""
    with st.container(border=True, key="budget"):
        st.subheader("What a budget buys", anchor=False)
        with st.grid(3, min_column_width=160):
            text = controls.words(
                "Recurrent parameters",
                "budget",
                default="1 M",
                placeholder="250k, 1 M, 1e6 or 1,000,000",
            )
            input_size = controls.number("Input size", 1, 65_536, "budget_input", DEFAULT_INPUT)
            layers = controls.number("Layers", 1, 8, "budget_layers", 1)
        try:
            budget = parse_amount(text, "budget")
            fitting = fits(budget, input_size, layers)
        except BadSetting as error:
            st.error(plain(str(error)), icon=":material/rule:")
            return
        _table(fitting)
        _launch(budget, input_size, layers)


def fits(budget: int, input_size: int, layers: int) -> pandas.DataFrame:
    """For each variant the hidden size that comes closest to the budget, and how far off it is.

    Raises `BadSetting` when a variant cannot be that large.
    """
    lines = []
    for variant, kind in variants().items():
        asked = Architecture.from_flat({**kind, "layers": layers})
        match = match_parameters(asked, input_size, budget)
        lines.append(
            {
                "Variant": variant_title(variant),
                "Hidden size": match.architecture.hidden_size,
                "Recurrent parameters": match.parameters,
                "Off the budget": 100 * (match.parameters - budget) / budget,
            }
        )
    return pandas.DataFrame(lines)


def _table(fitting: pandas.DataFrame) -> None:
    number = st.column_config.NumberColumn
    st.dataframe(
        fitting,
        hide_index=True,
        placeholder="–",
        height=ROW_PIXELS * (len(fitting) + 1) + 3,
        column_config={
            "Hidden size": number(format="%,d", help="Units in each direction's state."),
            "Recurrent parameters": number(format="%,d", help="As torch.nn counts them."),
            "Off the budget": number(format="%+.2f%%"),
        },
        alt="The hidden size of each variant that comes closest to the budget",
    )


def _launch(budget: int, input_size: int, layers: int) -> None:
    asked = {"parameter_budget": budget, "input_size": input_size, "layers": layers}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("Compare them at equal parameters:", width="content")
        for experiment in all_experiments():
            page = page_of(experiment.name)
            st.page_link(
                LAUNCH.path,
                label=page.title if page else experiment.title,
                icon=LAUNCH.icon,
                width="content",
                query_params={
                    "experiment": experiment.name,
                    **{name: str(value) for name, value in asked.items()},
                },
            )
