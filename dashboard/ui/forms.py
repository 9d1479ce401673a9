"""The launch form, derived from a Config: a widget for each setting, and the request they make.

A setting that only some cells have appears when a chosen variant has that cell. Values are checked
in one place only, when the configs are built.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.experiment import BUDGETS, COMPARED_AT, WIDTH, Config, Experiment
from core.experiments import all_experiments
from core.models.architecture import variant_title
from core.models.registry import cell_kinds, variants
from core.settings import Setting, Value, settings_of
from dashboard.navigation import page_of
from dashboard.ui import controls
from dashboard.ui.text import plain

MAX_COMMON = 4
"""An experiment's own settings (most important first) that are not under More settings."""

VARIANT_SETTINGS = ("cell", "bidirectional")
"""Settings without a widget of their own: the choice of variants stands for them."""

MODE = "at"
"""The key in the address of what is equal in a comparison."""

USUAL_BUDGETS: Mapping[str, int] = {"parameter_budget": 100_000, "state_budget": 512}
"""What a budget is filled in with when somebody asks for it."""

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


def groups(experiment: Experiment, variants: Sequence[str], size: str = WIDTH) -> Groups:
    """Settings that the variants have, in the order declared.

    `size` is the one setting that decides the hidden size: itself, or a budget in its place.
    """
    cells = {variant.removeprefix("bi-") for variant in variants}
    every = {s.name for s in settings_of(Config) if s.path[0] != "architecture"}
    fitting = [
        s
        for s in experiment.settings
        if s.name not in VARIANT_SETTINGS and cells & set(s.cells or cell_kinds())
    ]
    own = [s for s in fitting if s.path[0] != "architecture" and s.name not in every]
    common = sorted(own, key=lambda s: s is not experiment.replicate)[:MAX_COMMON]
    sizes = {s.name: s for s in fitting if s.name in COMPARED_AT.values()}
    architecture = [sizes[size] if s.name == WIDTH else s for s in fitting if s.of_architecture]
    return Groups(
        architecture=tuple(architecture),
        common=tuple(common),
        more=tuple(s for s in own if s not in common),
        machine=tuple(s for s in fitting if s.name in every - {*BUDGETS}),
    )


def request(experiment: Experiment) -> Request:
    """Draw the form; return what it asks for now."""
    titles = {variant_title(variant): variant for variant in variants()}
    chosen = controls.some_of(
        "Variants",
        list(titles),
        "variants",
        list(titles),
        help="The cells to compare, and their bidirectional forms.",
    )
    chosen_variants = tuple(titles[title] for title in chosen)
    preset = NO_PRESET
    if experiment.presets:
        preset = controls.choice(
            "Preset",
            [NO_PRESET, *experiment.presets],
            "preset",
            then=lambda _: _clear(setting.name for setting in experiment.settings),
            help="Fills the settings in; each can still be changed.",
        )
    usual = {setting.name: setting.default for setting in experiment.settings}
    usual |= {**experiment.presets.get(preset, {}), **USUAL_BUDGETS}
    shown = groups(experiment, chosen_variants, _compared_at())
    varied, values = _vary(experiment, shown)
    settings: dict[str, list[Any]] = {}
    for title, members in (("Architecture", shown.architecture), ("Experiment", shown.common)):
        st.markdown(f"**{title}**")
        settings |= _widgets(members, usual, varied)
    with st.expander("More settings", icon=":material/tune:"):
        settings |= _widgets((*shown.more, *shown.machine), usual, varied)
    if varied:
        settings[varied] = values
    return Request(experiment, chosen_variants, settings)


def request_entry(setting: Setting, value: Value) -> dict[str, list[Any]]:
    """What a widget's value adds to a request: nothing when it is the default."""
    return {} if value == setting.default else {setting.name: [value]}


def listed_values(setting: Setting, text: str) -> list[Any]:
    """`0, 1, 3` → the values to compare, unchecked; `none` leaves an optional setting out."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return [None if setting.optional and part.lower() == "none" else part for part in parts]


def widget(setting: Setting, usual: Value, *, disabled: bool = False) -> Value:
    """Draw the widget of a setting, filled in with its `usual` value; return its value."""
    title, key = setting.title, setting.name
    common: dict[str, Any] = {"help": plain(setting.description) or None, "disabled": disabled}
    if setting.choices:
        return controls.choice(title, setting.choices, key, default=str(usual), most=0, **common)
    if bool in setting.types:
        return controls.switch(title, key, default=bool(usual), **common)
    if str in setting.types:
        return controls.words(title, key, default=str(usual), **common)
    whole = float not in setting.types
    given = None if usual is None else float(usual)
    return controls.amount(
        title,
        key,
        given,
        kind=int if whole else float,
        low=setting.minimum,
        high=setting.maximum,
        allowed=setting.allowed,
        step=1 if whole else step(given),
        format="%d" if whole else "%g",
        placeholder="not set" if setting.optional else None,
        **common,
    )


def step(default: Value) -> float:
    """The step of a number's plus and minus buttons, by the size of its default."""
    if isinstance(default, int | float) and 0 < default < 1:
        return float(10 ** math.floor(math.log10(default)))
    return 0.5 if default is None else 0.1


def start_over(name: str) -> None:
    """Fill in another experiment's defaults: settings of the same name have others there."""
    shared = {setting.name for setting in settings_of(Config)}
    every = {setting.name for e in all_experiments() for setting in e.settings}
    _clear([*(every - shared), "preset", "vary", "values"])
    page = page_of(name)
    first = page.first if page else {}
    for key in {"vary", "values"} & set(first):
        st.query_params[key] = first[key]


def _clear(keys: Iterable[str]) -> None:
    for key in keys:
        st.query_params.pop(key, None)


def _compared_at() -> str:
    """Ask what is equal: the hidden size, the parameters or the state; return the setting of it.

    An address may hold a budget alone, as links to this form do.
    """
    titles = {s.title: s.name for s in settings_of(Config)}
    varied = titles.get(st.query_params.get("vary", ""), "")
    asked = [name for name in BUDGETS if name in (*st.query_params, varied)]
    usual = next((mode for mode, name in COMPARED_AT.items() if name in asked[:1]), "")

    def forget(chosen: str) -> None:
        others = [name for mode, name in COMPARED_AT.items() if mode != chosen]
        _clear([*others, *(("vary", "values") if varied in others else ())])

    mode = controls.choice(
        "Compare at",
        list(COMPARED_AT),
        MODE,
        default=usual,
        then=forget,
        help=(
            "Equal width: one hidden size for all. Equal parameters or equal state: each variant "
            "gets the hidden size that comes closest to a budget of parameters, or of the bytes "
            "that a sequence carries from step to step."
        ),
    )
    return COMPARED_AT[mode]


def _widgets(
    settings: Sequence[Setting], usual: Mapping[str, Value], varied: str
) -> dict[str, list[Any]]:
    """The widgets in a grid, and what they ask for."""
    wanted: dict[str, list[Any]] = {}
    with st.grid(4, min_column_width=160):
        for setting in settings:
            disabled = setting.name == varied
            value = widget(setting, usual[setting.name], disabled=disabled)
            wanted |= {} if disabled else request_entry(setting, value)
    return wanted


def _vary(experiment: Experiment, shown: Groups) -> tuple[str, list[Any]]:
    """The setting to compare at several values, and those values as they were typed."""
    settings = {s.title: s for s in (*shown.architecture, *shown.common, *shown.more)}
    if experiment.replicate is not None:
        settings.pop(experiment.replicate.title, None)  # one number for all
    if st.query_params.get("vary") in {s.title for s in experiment.settings} - set(settings):
        _clear(["vary"])  # none of the selected variants has it
    with st.grid(2, min_column_width=260):
        title = controls.choice(
            "Vary one setting",
            [NOTHING, *settings],
            "vary",
            most=0,
            help="One launch then compares every variant at each of these values.",
        )
        setting = settings.get(title)
        text = controls.words(
            "At these values",
            "values",
            disabled=setting is None,
            placeholder="" if setting is None else f"separated by commas; {setting.allowed}",
        )
    if setting is None or not listed_values(setting, text):
        return "", []
    return setting.name, listed_values(setting, text)
