"""The results of the runs shown as one table, what its columns mean, and the circumstances."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas
import streamlit as st

from core.experiment import Column, Experiment
from core.names import among
from core.settings import Setting, settings_of
from core.words import listed
from dashboard.declared import whole_numbers
from dashboard.shown import Shown
from dashboard.wording import interval, plain
from experiments import labels

PROVENANCE = ("device", "chip", "host", "torch", "python", "mlflow.source.git.commit")


def results_table(shown: Shown) -> None:
    """One line per run: each summary measure, its interval where it has one, and each note."""
    table = pandas.DataFrame({"Variant": shown.results["label"]})
    config: dict[str, Any] = {"Variant": st.column_config.TextColumn(pinned=True)}
    if shown.experiment.a_run_per_seed and shown.results["seed"].nunique() > 1:
        table["Seed"] = shown.results["seed"]
    for column in shown.experiment.summary.columns():
        if shown.results[column.name].isna().all():
            continue
        table[column.heading] = shown.results[column.name]
        config[column.heading] = _column_config(shown.experiment, column)
        if column.estimate and shown.results[f"{column.name}_low"].notna().any():
            table[f"{column.name} interval"] = list(_intervals(shown.results, column))
            config[f"{column.name} interval"] = st.column_config.TextColumn("95% interval")
    st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
        column_config=config,
        alt=f"Results of {shown.experiment.title}, one line per variant",
    )


def described(experiment: Experiment) -> str:
    """What the columns of the table mean, as they are declared."""
    lines = [
        f"- **{plain(column.heading)}**: {plain(column.description)}"
        for column in experiment.summary.columns()
        if column.description
    ]
    return "\n".join(lines)


def circumstances(shown: Shown) -> str:
    """Settings that all the runs share, and what they ran on."""
    settings = {s.name: s for s in settings_of(shown.experiment.config)}
    shared = [
        _setting(setting, values.pop())
        for name, setting in settings.items()
        if name not in ("cell", "bidirectional")
        and len(values := {run.settings.get(name) for run in shown.runs}) == 1
        and not values & {None, ""}
    ]
    on = []
    for tag in PROVENANCE:
        seen = sorted({among(run.tags[tag]) for run in shown.runs if tag in run.tags})
        if seen:
            on.append(f"{tag.removeprefix('mlflow.source.git.')} {listed(seen)}")
    return "\n".join(
        [f"- All of these runs: {plain(', '.join(shared))}."]
        + ([f"- Measured with {plain(', '.join(on))}."] if on else [])
    )


def _setting(setting: Setting, value: Any) -> str:
    said = labels.in_words(setting, value)
    return said if setting.noun else f"{setting.title.lower()} {labels.shown(value)}"


def _column_config(experiment: Experiment, column: Column) -> Any:
    help_text = column.description or None
    if column.role == "note":
        return st.column_config.TextColumn(help=help_text)
    whole = column.name in whole_numbers(experiment.summary)
    return st.column_config.NumberColumn(help=help_text, format="%,d" if whole else "%,.4g")


def _intervals(results: pandas.DataFrame, column: Column) -> Iterator[str]:
    ends = zip(results[f"{column.name}_low"], results[f"{column.name}_high"], strict=True)
    for low, high in ends:
        yield interval(low, high)
