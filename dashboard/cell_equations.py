"""The equations of a cell, with the values of one unit at one step in them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import address, controls, exploring
from dashboard.cells import WIDEST
from dashboard.exploring import Subject
from dashboard.wording import plain


def equations(subjects: Sequence[Subject], step: int) -> None:
    """Each cell's equations with the values of one unit at the step."""
    widest = max(exploring.stepped(subject).units for subject in subjects)
    options = [str(unit) for unit in range(1, widest + 1)]
    address.at_most("unit", widest, WIDEST)
    unit = int(controls.position("Unit", options, "unit", "1")) if widest > 1 else 1
    with st.grid(2, min_column_width=330):
        for subject in subjects:
            with st.container(border=True):
                _calculations(subject, step, unit)


def _calculations(subject: Subject, step: int, unit: int) -> None:
    from core.exploring.latex import calculations

    stepped = exploring.stepped(subject)
    which = min(unit, stepped.units)
    read = f", which reads {stepped.tokens[step - 1]}" if stepped.tokens[step - 1] else ""
    st.markdown(plain(f"{subject.label}: unit {which} at step {step}{read}"))
    for line in calculations(stepped, step, which):
        st.latex(rf"\small {line}")  # most lines then fit on a phone
