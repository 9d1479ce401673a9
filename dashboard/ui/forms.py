"""The launch form, derived from a Config: a widget for each setting, and the request they make.

A setting that only some cells have appears when a chosen variant has that cell. A setting that is
varied takes a list of values instead of one. Values are checked in one place only, when the configs
are built.
"""

from __future__ import annotations

import contextlib
import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import streamlit as st

from core import files
from core.experiment import BUDGETS, COMPARED_AT, WIDTH, Config, Experiment
from core.experiments import all_experiments
from core.formatting import counted, listed
from core.models.architecture import variant_title
from core.models.registry import usual_variants, variant_settings, variants
from core.settings import BadSetting, Setting, Value, parse_values, settings_of
from core.tasks.uploads import Uploads
from dashboard import access
from dashboard.navigation import page_of
from dashboard.store import cache
from dashboard.ui import controls
from dashboard.ui.text import moment, plain

MAX_COMMON = 4
"""An experiment's own settings (most important first) that are not under More settings."""

VARIANT_SETTINGS = ("cell", "bidirectional")
"""Settings without a widget of their own: the choice of variants stands for them."""

MODE = "at"
"""The key in the address of what is equal in a comparison."""

VARY = "vary"
"""The key of the titles of the settings that are varied; their values are under their own names."""

USUAL_BUDGETS: Mapping[str, int] = {"parameter_budget": 100_000, "state_budget": 512}
"""What a budget is filled in with when somebody asks for it."""

NO_PRESET = "Defaults"


@dataclass(frozen=True)
class Request:
    """What a form asks for."""

    experiment: Experiment
    variants: tuple[str, ...]
    fixed: Mapping[str, list[Any]]
    """The settings of all runs that are not at their defaults."""
    lists: Mapping[str, str] = field(default_factory=dict)
    """The settings that are varied, and their values as they were typed."""

    @property
    def settings(self) -> dict[str, list[Any]]:
        """Setting → its values, unchecked. Raises `BadSetting` for a list that is none."""
        declared = {setting.name: setting for setting in self.experiment.settings}
        parsed = {name: parse_values(declared[name], text) for name, text in self.lists.items()}
        asked = {**self.fixed, **parsed}
        return {name: asked[name] for name in declared if name in asked}  # as of a command line

    def configs(self) -> list[Config]:
        """One validated config per run. Raises `BadSetting`."""
        return self.experiment.configs(self.variants, self.settings)

    def of_sizes(self) -> Request:
        """The same without the varied settings that leave the sizes of the networks alone."""
        sizing = (*COMPARED_AT.values(), "layers")
        return replace(self, lists={n: text for n, text in self.lists.items() if n in sizing})

    def product(self, number_of_runs: int) -> str:
        """`2 variants × 3 values of forget bias (LSTM only) × 5 seeds = 20 runs`."""
        declared = {setting.name: setting for setting in self.experiment.settings}
        parts = [counted(len(self.variants), "variant")]
        for name in self.lists:
            setting = declared[name]
            values = counted(len(self.settings[name]), "value")
            parts.append(f"{values} of {setting.title.lower()}{self._only(setting)}")
        if (repeats := self.experiment.replicate) is not None:
            (number,) = self.fixed.get(repeats.name, [repeats.default])
            parts.append(counted(int(number), "launch" if self.experiment.timed else "seed"))
        runs = counted(number_of_runs, "run")
        within = next((s for s in settings_of(self.experiment.config) if s.name == "seeds"), None)
        if within is not None and "seeds" not in self.lists:
            (number,) = self.fixed.get("seeds", [within.default])
            runs += f" of {counted(int(number), 'seed')}"
        return runs if len(parts) == 1 else f"{' × '.join(parts)} = {runs}"

    def _only(self, setting: Setting) -> str:
        """` (LSTM only)` where some of the variants do not have a setting."""
        having = [v for v in self.variants if v.removeprefix("bi-") in setting.cells]
        if not setting.cells or len(having) == len(self.variants):
            return ""
        return f" ({listed([variant_title(variant) for variant in having])} only)"

    def command(self, name: str = "") -> str:
        """The command line that queues the same runs."""
        words = ["python -m experiments submit", self.experiment.name]
        if self.variants != tuple(usual_variants()):
            words.append(f"--variants {','.join(self.variants)}")
        given = {n: _as_text(value) for n, (value,) in self.fixed.items()} | {
            n: ",".join(part.strip() for part in text.split(",") if part.strip())
            for n, text in self.lists.items()
        }
        # With an equals sign, because a value may begin with a minus sign.
        words += [f"--{n.replace('_', '-')}={shlex.quote(text)}" for n, text in given.items()]
        if name:
            words.append(f"--name={shlex.quote(name)}")
        return " ".join(words)


def _as_text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool | None) else str(value)


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
    cells = {str((variant_settings(variant) or {}).get("cell")) for variant in variants}
    every = {s.name for s in settings_of(Config) if s.path[0] != "architecture"}
    fitting = [
        s
        for s in experiment.settings
        if s.name not in VARIANT_SETTINGS and any(map(s.belongs_to, cells))
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
    _read_former_address(experiment)
    titles = {variant_title(variant): variant for variant in variants()}
    chosen = controls.some_of(
        "Variants",
        list(titles),
        "variants",
        [title for title, variant in titles.items() if variant in usual_variants()],
        help="The cells to compare, and their bidirectional forms.",
    )
    chosen_variants = tuple(titles[title] for title in chosen)
    preset = NO_PRESET
    if experiment.presets:
        preset = controls.choice(
            "Preset",
            [NO_PRESET, *experiment.presets],
            "preset",
            then=lambda _: _clear({s.name for s in experiment.settings} - _varied()),
            help="Fills the settings in; each can still be changed.",
        )
    usual = {setting.name: setting.default for setting in experiment.settings}
    usual |= {**experiment.presets.get(preset, {}), **USUAL_BUDGETS}
    shown = groups(experiment, chosen_variants, _compared_at())
    lists = _lists(_vary(experiment, shown), usual)
    fixed: dict[str, list[Any]] = {}
    for title, members in (("Architecture", shown.architecture), ("Experiment", shown.common)):
        st.markdown(f"**{title}**")
        fixed |= _widgets([s for s in members if s.name not in lists], usual)
    with st.expander("More settings", icon=":material/tune:"):
        more = (*shown.more, *shown.machine)
        fixed |= _widgets([s for s in more if s.name not in lists], usual)
    return Request(experiment, chosen_variants, fixed, lists)


def request_entry(setting: Setting, value: Value) -> dict[str, list[Any]]:
    """What a widget's value adds to a request: nothing when it is the default."""
    return {} if value == setting.default else {setting.name: [value]}


def widget(setting: Setting, usual: Value) -> Value:
    """Draw the widget of a setting, filled in with its `usual` value; return its value."""
    title, key = setting.title, setting.name
    common: dict[str, Any] = {"help": plain(setting.description) or None}
    if setting.choices:
        return controls.choice(title, setting.choices, key, default=str(usual), most=0, **common)
    if bool in setting.types:
        return controls.switch(title, key, default=bool(usual), **common)
    if str in setting.types:
        words = controls.words(title, key, default=str(usual), **common)
        if setting.reads in ("file", "text") and access.may_launch():
            _uploads(key, any_text=setting.reads == "text")
        return words
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


def _uploads(key: str, *, any_text: bool) -> None:
    """Choose among one's uploaded texts, add one, or remove one."""
    uploads = Uploads(cache.reader().store.folder, access.person().name)
    with st.popover("Upload a text", icon=":material/upload:", type="tertiary", key=f"{key}-up"):
        limit = files.MAX_UPLOAD_BYTES // files.MEBIBYTE
        content = "Any text" if any_text else "Source, tab, target on each line"
        st.caption(f"{content}, in UTF-8; at most {limit} MiB.")
        title = "A text" if any_text else "A file of sentence pairs"
        given = st.file_uploader(title, key=f"{key}-file", label_visibility="collapsed")
        if given is not None and st.button("Use it", type="primary", key=f"{key}-use"):
            try:
                controls.put(key, uploads.keep(given.name, given.getvalue(), any_text=any_text), [])
                st.rerun()
            except BadSetting as error:
                st.error(plain(str(error)), icon=":material/block:")
        for number, upload in enumerate(uploads.files()):
            with st.container(horizontal=True, vertical_alignment="center"):
                size = f"{max(1, upload.size // 1024):,} KiB, {moment(upload.uploaded)}"
                st.text(f"{Path(upload.name).name} · {size}", width="stretch")
                if st.button("Use", key=f"{key}-use-{number}", type="tertiary"):
                    controls.put(key, upload.name, [])
                    st.rerun()
                if st.button("Remove", key=f"{key}-remove-{number}", type="tertiary"):
                    with contextlib.suppress(BadSetting):  # it is gone already
                        uploads.remove(upload.name)
                    st.rerun()


def step(default: Value) -> float:
    """The step of a number's plus and minus buttons, by the size of its default."""
    if isinstance(default, int | float) and 0 < default < 1:
        return float(10 ** math.floor(math.log10(default)))
    return 0.5 if default is None else 0.1


def start_over(name: str) -> None:
    """Fill in another experiment's defaults: settings of the same name have others there."""
    shared = {setting.name for setting in settings_of(Config)} - _varied()
    every = {setting.name for e in all_experiments() for setting in e.settings}
    _clear([*(every - shared), "preset", VARY, "name"])
    page = page_of(name)
    first = page.first if page else {}
    for key in set(first) - {"variants"}:
        controls.put(key, first[key], [])


def _varied() -> set[str]:
    """The names of the settings that the address varies, of any experiment."""
    titles = controls.asked(VARY)
    every = {setting for e in all_experiments() for setting in e.settings}
    return {setting.name for setting in every if setting.title in titles}


def _read_former_address(experiment: Experiment) -> None:
    """Links until November 2026 varied one setting, and held its values apart from it."""
    (text, *_) = controls.asked("values") or [""]
    for setting in experiment.settings:
        if text and setting.title in controls.asked(VARY):
            parts = [part.strip() for part in text.split(",")]
            controls.take_instead(setting.name, parts if _options(setting) else [text])
            controls.take_instead("values", [])


def _clear(keys: Iterable[str]) -> None:
    for key in keys:
        controls.drop(key)


def _compared_at() -> str:
    """Ask what is equal: the hidden size, the parameters or the state; return the setting of it.

    An address may hold a budget alone, as links to this form do.
    """
    asked = [name for name in BUDGETS if controls.asked(name) or name in _varied()]
    usual = next((mode for mode, name in COMPARED_AT.items() if name in asked[:1]), "")

    def forget(chosen: str) -> None:
        others = {name for mode, name in COMPARED_AT.items() if mode != chosen}
        _clear(others)
        titles = [s.title for s in settings_of(Config) if s.name in others]
        kept = [title for title in st.query_params.get_all(VARY) if title not in titles]
        controls.put(VARY, kept, [])

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


def _vary(experiment: Experiment, shown: Groups) -> list[Setting]:
    """Ask which settings are varied; the settings, in the order chosen."""
    settings = {s.title: s for s in (*shown.architecture, *shown.common, *shown.more)}
    if experiment.replicate is not None:
        settings.pop(experiment.replicate.title, None)  # one number for all
    others = {s.title for s in experiment.settings} - set(settings)
    if others & {*controls.asked(VARY)}:  # what none of the selected variants has
        controls.take_instead(VARY, [t for t in controls.asked(VARY) if t not in others])
    before = _varied()

    def forget(chosen: Sequence[str]) -> None:
        _clear(before - {settings[title].name for title in chosen})

    chosen = controls.any_of_many(
        "Vary",
        list(settings),
        VARY,
        then=forget,
        placeholder="Select settings to compare at several values",
        help="The launch compares every variant at each combination of their values.",
    )
    return [settings[title] for title in chosen]


def _lists(varied: Sequence[Setting], usual: Mapping[str, Value]) -> dict[str, str]:
    """The widgets of varied settings; name → the list of values as text."""
    lists = {}
    with st.grid(3, min_column_width=240):
        for setting in varied:
            title, key = setting.title, setting.name
            if options := _options(setting):
                lists[key] = ", ".join(controls.some_of(title, options, key, options))
            else:
                default = "none" if usual[key] is None else f"{usual[key]}"
                allowed = f"{setting.allowed[:1].upper()}{setting.allowed[1:]}"
                several = "Separate values by commas; a range is start:end or start:end:step."
                optional = " “none” leaves it out." if setting.optional else ""
                lists[key] = controls.words(
                    title,
                    key,
                    default=default,
                    placeholder="0, 1, 2 or 0:2:0.5",
                    help=plain(f"{allowed}. {several}{optional}"),
                )
    return lists


def _options(setting: Setting) -> list[str]:
    """All values that a setting can have, if these are few."""
    return ["false", "true"] if bool in setting.types else list(setting.choices)


def _widgets(settings: Sequence[Setting], usual: Mapping[str, Value]) -> dict[str, list[Any]]:
    """The widgets in a grid, and what they ask for."""
    wanted: dict[str, list[Any]] = {}
    with st.grid(4, min_column_width=160):
        for setting in settings:
            wanted |= request_entry(setting, widget(setting, usual[setting.name]))
    return wanted
