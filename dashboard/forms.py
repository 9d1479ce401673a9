"""A launch form, derived from a Config: a widget per setting, and what was asked for.

A setting that only some cells have appears when a chosen variant has that cell. Values are checked
in one place only, when the configs are built.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.architecture import CELL_TITLES, VARIANTS, variant_title
from core.experiment import SEEDS, Config, Experiment
from core.experiments import experiment_named
from core.settings import Setting, Value, settings_of
from dashboard.navigation import page_of
from dashboard.wording import plain

COMMON = 4
"""Of an experiment's own settings, declared most important first; the rest is under More."""
THE_VARIANT = ("cell", "bidirectional")
WIDTH, BUDGET = "hidden_size", "parameter_budget"
DECIDED = "The parameter budget decides it for each variant."
NOTHING = "Nothing"
NO_PRESET = "Defaults"


@dataclass(frozen=True)
class Request:
    """What a form asks for."""

    experiment: Experiment
    variants: tuple[str, ...]
    settings: dict[str, list[Any]]

    def configs(self) -> list[Config]:
        """One validated config per run. Raises `BadSetting`."""
        return self.experiment.configs(self.variants, self.settings)


@dataclass(frozen=True)
class Groups:
    """The settings of an experiment as the form shows them."""

    architecture: tuple[Setting, ...]
    common: tuple[Setting, ...]
    more: tuple[Setting, ...]
    machine: tuple[Setting, ...]


def groups(experiment: Experiment, variants: Sequence[str]) -> Groups:
    """Settings that the variants have, in the order declared."""
    cells = {variant.removeprefix("bi-") for variant in variants}
    every = {s.name for s in settings_of(Config) if s.path[0] != "architecture"}
    fitting = [
        s
        for s in experiment.settings
        if s.name not in THE_VARIANT and cells & set(s.cells or CELL_TITLES)
    ]
    own = [s for s in fitting if s.path[0] != "architecture" and s.name not in every]
    common = sorted(own, key=lambda s: s is not SEEDS)[:COMMON]
    size = [s for s in fitting if s.path[0] == "architecture"]
    after = 1 + [s.name for s in size].index(WIDTH) if size else 0
    size[after:after] = [s for s in fitting if s.name == BUDGET]  # either decides the size
    return Groups(
        architecture=tuple(size),
        common=tuple(common),
        more=tuple(s for s in own if s not in common),
        machine=tuple(s for s in fitting if s.name in every and s.name != BUDGET),
    )


def request(experiment: Experiment) -> Request:
    """Draw the form; return what it asks for now."""
    variants = st.pills(
        "Variants",
        list(VARIANTS),
        selection_mode="multi",
        default=list(VARIANTS),
        format_func=variant_title,
        key="variants",
        bind="query-params",
        wrap=True,
        help="The cells to compare, and their bidirectional forms.",
    )
    _preset(experiment)
    shown = groups(experiment, variants)
    varied, values = _vary(shown)
    settings: dict[str, list[Any]] = {}
    for title, members in (("Architecture", shown.architecture), ("Experiment", shown.common)):
        st.markdown(f"**{title}**")
        settings |= _widgets(members, varied)
    with st.expander("More settings", icon=":material/tune:"):
        settings |= _widgets((*shown.more, *shown.machine), varied)
    if varied:
        settings[varied] = values
    return Request(experiment, tuple(variants), settings)


def asked(setting: Setting, value: Value) -> dict[str, list[Any]]:
    """What a widget's value adds to a request: nothing when it is the default."""
    return {} if value == setting.default else {setting.name: [value]}


def listed_values(setting: Setting, text: str) -> list[Any]:
    """`0, 1, 3` → the values to compare, unchecked; `none` leaves an optional setting out."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return [None if setting.optional and part.lower() == "none" else part for part in parts]


def widget(setting: Setting, *, disabled: bool = False, why: str = "") -> Value:
    """The widget of a setting; its value. `why` it is disabled stands in its help."""
    common: dict[str, Any] = {
        "key": setting.name,
        "help": plain(" ".join(filter(None, (why, setting.description)))) or None,
        "disabled": disabled,
        "bind": "query-params",
    }
    if setting.choices:
        index = setting.choices.index(str(setting.default))
        return str(st.selectbox(setting.title, setting.choices, index, **common))
    if bool in setting.types:
        return st.toggle(setting.title, value=bool(setting.default), **common)
    if str in setting.types:
        return str(st.text_input(setting.title, value=str(setting.default), **common))
    return _number(setting, common)


def _number(setting: Setting, common: dict[str, Any]) -> Value:
    kind: Any = float if float in setting.types else int
    given = None if setting.default is None else kind(setting.default)
    value: int | float | None = st.number_input(
        setting.title,
        min_value=None if setting.minimum is None else kind(setting.minimum),
        max_value=None if setting.maximum is None else kind(setting.maximum),
        value=given,
        step=kind(step(given)) if kind is float else 1,
        format="%g" if kind is float else "%d",
        placeholder="left out" if setting.optional else None,
        **common,
    )
    return value


def step(default: Value) -> float:
    """What the plus and minus of a number change: a tenth of 1, one thousandth of 0.001."""
    if isinstance(default, int | float) and 0 < default < 1:
        return float(10 ** math.floor(math.log10(default)))
    return 0.5 if default is None else 0.1


def _widgets(settings: Sequence[Setting], varied: str) -> dict[str, list[Any]]:
    """The widgets in a grid, and what they ask for; a budget is asked for before the width."""
    found: dict[str, list[Any]] = {}
    with st.grid(4, min_column_width=160):
        places = {setting.name: st.container() for setting in settings}
    for setting in sorted(settings, key=lambda setting: setting.name == WIDTH):
        decided = setting.name == WIDTH and (BUDGET in found or varied == BUDGET)
        disabled = decided or setting.name == varied
        with places[setting.name]:
            value = widget(setting, disabled=disabled, why=DECIDED if decided else "")
        found |= {} if disabled else asked(setting, value)
    return found


def _vary(shown: Groups) -> tuple[str, list[Any]]:
    """The setting to compare at several values, and those values as they were typed."""
    settings = {s.title: s for s in (*shown.architecture, *shown.common, *shown.more)}
    settings.pop(SEEDS.title if SEEDS in shown.common else "", None)  # one number for a launch
    with st.grid(2, min_column_width=260):
        title = st.selectbox(
            "Vary one setting",
            [NOTHING, *settings],
            key="vary",
            bind="query-params",
            help="One launch then compares every variant at each of these values.",
        )
        setting = settings.get(str(title))
        text = st.text_input(
            "At these values",
            key="values",
            bind="query-params",
            disabled=setting is None,
            placeholder="" if setting is None else f"separated by commas; {setting.allowed}",
        )
    if setting is None or not listed_values(setting, text):
        return "", []
    return setting.name, listed_values(setting, text)


def start_over(name: str) -> None:
    """Fill in the defaults of another experiment: settings of one name have others elsewhere."""
    shared = {setting.name for setting in settings_of(Config)}
    for setting in experiment_named(name).settings:
        if setting.name not in shared:
            st.session_state[setting.name] = setting.default
    page = page_of(name)
    first = page.first if page else {}
    for key, nothing in (("preset", NO_PRESET), ("vary", NOTHING), ("values", "")):
        st.session_state[key] = first.get(key, nothing)


def _preset(experiment: Experiment) -> None:
    """Choosing a preset fills the form in; everything can still be changed."""
    if not experiment.presets:
        return

    def fill() -> None:
        values = experiment.presets.get(st.session_state["preset"], {})
        for setting in experiment.settings:
            if setting.name not in THE_VARIANT:
                st.session_state[setting.name] = values.get(setting.name, setting.default)

    st.segmented_control(
        "Preset",
        [NO_PRESET, *experiment.presets],
        default=NO_PRESET,
        required=True,
        key="preset",
        on_change=fill,
        help="Fills the settings in; each can still be changed.",
    )
