"""Which width fits a budget of parameters, for each variant; and the way to compare them there."""

from __future__ import annotations

import pandas
import streamlit as st

from core.amounts import parse_amount
from core.architecture import VARIANTS, Architecture, variant_title
from core.experiments import EXPERIMENTS
from core.parameters import match_parameters
from core.settings import BadSetting
from dashboard import controls
from dashboard.navigation import LAUNCH, page_of
from dashboard.wording import plain

USUAL_BUDGET = "1 M"
USUAL_INPUT = 64
LARGEST_INPUT = 65_536
MOST_LAYERS = 8
ROW_PIXELS = 35


def box() -> None:
    """What is asked for, the answer as a table, and a launch at equal parameters."""
    with st.container(border=True, key="budget"):
        st.subheader("What a budget buys", anchor=False)
        with st.grid(3, min_column_width=160):
            text = controls.words(
                "Recurrent parameters",
                "budget",
                default=USUAL_BUDGET,
                placeholder="250k, 1 M, 1e6 or 1,000,000",
            )
            input_size = controls.number(
                "Input size", 1, LARGEST_INPUT, "budget_input", USUAL_INPUT
            )
            layers = controls.number("Layers", 1, MOST_LAYERS, "budget_layers", 1)
        try:
            budget = parse_amount(text, "budget")
            fitting = fits(budget, input_size, layers)
        except BadSetting as error:
            st.error(plain(str(error)), icon=":material/rule:")
            return
        _table(fitting)
        _launch(budget, input_size, layers)


def fits(budget: int, input_size: int, layers: int) -> pandas.DataFrame:
    """Per variant: the hidden size that comes closest, what it achieves and how far off that is.

    Raises `BadSetting` when a variant cannot be that large.
    """
    lines = []
    for variant, kind in VARIANTS.items():
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
        for experiment in EXPERIMENTS:
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
