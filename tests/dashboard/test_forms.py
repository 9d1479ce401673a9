"""The launch form against the declarations that it is derived from."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.experiment import BUDGETS, COMPARED_AT, SEEDS, Experiment
from core.experiments import all_experiments
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.parameter_count import PARAMETER_COUNT
from core.models.registry import cell_kinds, usual_variants
from core.settings import settings_of
from dashboard.ui import forms
from experiments.cli import parse
from experiments.commands import configs_of

EVERY = pytest.mark.parametrize("experiment", all_experiments(), ids=lambda e: e.name)


def shown(experiment: Experiment, variants: list[str]) -> list[str]:
    groups = forms.groups(experiment, variants)
    members = (*groups.architecture, *groups.common, *groups.more, *groups.machine)
    return [setting.name for setting in members]


@EVERY
def test_every_setting_is_in_the_form_once(experiment: Experiment) -> None:
    left_out = (*forms.VARIANT_SETTINGS, *BUDGETS)  # budgets stand in place of the width
    names = [s.name for s in experiment.settings if s.name not in left_out]
    assert sorted(shown(experiment, list(usual_variants()))) == sorted(names)


@EVERY
@pytest.mark.parametrize("cell", cell_kinds())
def test_a_setting_is_hidden_when_no_chosen_variant_has_its_cell(
    experiment: Experiment, cell: str
) -> None:
    others = {s.name for s in settings_of(experiment.config) if s.cells and cell not in s.cells}
    assert not others & set(shown(experiment, [cell]))
    assert not others & set(shown(experiment, [f"bi-{cell}"]))


@EVERY
def test_the_default_request_makes_the_default_config_of_each_variant(
    experiment: Experiment,
) -> None:
    request = forms.Request(experiment, tuple(usual_variants()), {})
    configs = request.configs()
    assert list(dict.fromkeys(c.architecture.variant for c in configs)) == list(usual_variants())
    assert configs[0] == experiment.config()
    seeds = int(str(SEEDS.default)) if experiment.one_run_per_seed else 1
    assert [c.seed for c in configs] == list(range(seeds)) * len(usual_variants())


def form(name: str) -> None:
    from core.experiments import experiment_named
    from dashboard.ui import forms

    forms.request(experiment_named(name))


@EVERY
def test_widgets_take_titles_defaults_bounds_and_choices_from_the_declaration(
    experiment: Experiment,
) -> None:
    app = AppTest.from_function(form, args=(experiment.name,)).run()
    assert not app.exception
    for setting in experiment.settings:
        if setting.name in (*forms.VARIANT_SETTINGS, *BUDGETS):
            continue
        if setting.choices:
            box = app.selectbox(key=f"control {setting.name}")
            assert (box.label, box.value) == (setting.title, setting.default)
            assert tuple(box.options) == setting.choices
        elif bool in setting.types:
            assert app.toggle(key=f"control {setting.name}").value is setting.default
        elif str in setting.types:
            text = app.text_input(key=f"control {setting.name}")
            assert (text.label, text.value) == (setting.title, setting.default)
        else:
            number = app.number_input(key=f"control {setting.name}")
            assert (number.label, number.value) == (setting.title, setting.default)
            assert (number.min, number.max) == (setting.minimum, setting.maximum)


@EVERY
def test_what_is_equal_decides_the_one_size_that_is_asked_for(experiment: Experiment) -> None:
    for size in COMPARED_AT.values():
        shown = forms.groups(experiment, list(usual_variants()), size)
        names = [s.name for part in vars(shown).values() for s in part]
        assert [name for name in names if name in COMPARED_AT.values()] == [size]
        assert size in [s.name for s in shown.architecture]


def asking(name: str) -> None:
    import streamlit as st

    from core.experiments import experiment_named
    from dashboard.ui import forms

    st.json(forms.request(experiment_named(name)).settings)


def asked_for(app: AppTest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(app.json[0].value)
    return found


@EVERY
def test_at_equal_parameters_or_state_the_width_is_not_asked_for(experiment: Experiment) -> None:
    app = AppTest.from_function(asking, args=(experiment.name,)).run()
    app.number_input(key="control hidden_size").set_value(32).run()
    assert asked_for(app) == {"hidden_size": [32]}
    app.segmented_control(key="control at").set_value("Equal parameters").run()
    assert asked_for(app) == {"parameter_budget": [100_000]}
    app.number_input(key="control parameter_budget").set_value(60_000).run()
    assert asked_for(app) == {"parameter_budget": [60_000]}
    app.segmented_control(key="control at").set_value("Equal state").run()
    assert asked_for(app) == {"state_budget": [512]}
    app.number_input(key="control state_budget").set_value(256).run()
    assert asked_for(app) == {"state_budget": [256]}
    with pytest.raises(KeyError):
        app.number_input(key="control hidden_size")
    app.segmented_control(key="control at").set_value("Equal width").run()
    assert asked_for(app) == {}


@EVERY
@pytest.mark.parametrize(("mode", "name"), list(COMPARED_AT.items())[1:])
def test_several_budgets_can_be_compared(experiment: Experiment, mode: str, name: str) -> None:
    app = AppTest.from_function(asking, args=(experiment.name,)).run()
    app.segmented_control(key="control at").set_value(mode).run()
    title = next(s.title for s in settings_of(experiment.config) if s.name == name)
    app.multiselect(key="control vary").set_value([title]).run()
    app.text_input(key=f"control {name}").set_value("10000, 20000").run()
    assert asked_for(app) == {name: ["10000", "20000"]}
    with pytest.raises(KeyError):
        app.number_input(key=f"control {name}")


@EVERY
def test_a_link_that_holds_a_budget_alone_compares_at_it(experiment: Experiment) -> None:
    for query, mode, settings in (
        ({"parameter_budget": "70000"}, "Equal parameters", {"parameter_budget": [70_000]}),
        ({"state_budget": "128"}, "Equal state", {"state_budget": [128]}),
        (
            {"vary": "State budget", "state_budget": "64, 128"},
            "Equal state",
            {"state_budget": ["64", "128"]},
        ),
    ):
        app = AppTest.from_function(asking, args=(experiment.name,))
        for key, value in query.items():
            app.query_params[key] = value
        app.run()
        assert app.segmented_control(key="control at").value == mode
        assert asked_for(app) == settings


def test_only_what_differs_from_the_default_is_asked_for() -> None:
    seeds = next(s for s in settings_of(all_experiments()[0].config) if s.name == "hidden_size")
    assert forms.request_entry(seeds, seeds.default) == {}
    assert forms.request_entry(seeds, 7) == {"hidden_size": [7]}


@EVERY
def test_the_command_line_of_a_form_makes_the_same_configs(experiment: Experiment) -> None:
    """Lists, ranges, negative numbers, choices, switches, texts that a shell would take apart."""
    fixed: dict[str, list[Any]] = {"learning_rate": [0.003], "device": ["cpu"], "layers": [2]}
    lists = {"forget_bias": "none, -1:1:0.5", "hidden_size": "8, 16"}
    for setting in experiment.settings:
        if setting.choices and setting.name not in (*forms.VARIANT_SETTINGS, "device"):
            lists[setting.name] = ", ".join(setting.choices[:2])
            break
    switch = next(
        (s for s in experiment.settings if bool in s.types and not s.of_architecture), None
    )
    if switch is not None:
        fixed[switch.name] = [not switch.default]
    known = {setting.name for setting in experiment.settings}
    asked = forms.Request(
        experiment,
        ("lstm", "bi-rnn"),
        {name: value for name, value in fixed.items() if name in known},
        lists,
    )
    command = asked.command("two: 'biases' & $more")
    args = parse(shlex.split(command)[3:])
    _, configs = configs_of(args)
    assert configs == asked.configs()
    assert len(configs) >= 16
    assert args.name == "two: 'biases' & $more"
    assert forms.Request(experiment, tuple(usual_variants()), {}).command() == (
        f"python -m experiments submit {experiment.name}"
    )


def test_the_product_of_a_form_says_how_many_values_seeds_and_runs_it_has() -> None:
    lists = {"forget_bias": "-1:3", "hidden_size": "16, 32"}
    asked = forms.Request(LENGTH_QUALITY, ("rnn", "lstm"), {"seeds": [5]}, lists)
    assert asked.product(len(asked.configs())) == (
        "2 variants × 5 values of forget bias (LSTM only) × 2 values of hidden size × 5 seeds = "
        "60 runs"
    )
    assert forms.Request(PARAMETER_COUNT, ("rnn",), {}).product(1) == "1 run"


def test_several_settings_are_varied_at_once_each_under_its_own_name() -> None:
    app = AppTest.from_function(asking, args=(LENGTH_QUALITY.name,)).run()
    app.multiselect(key="control vary").set_value(["Forget bias", "Attention"]).run()
    app.text_input(key="control forget_bias").set_value("0:2").run()
    app.button_group(key="control attention").set_value(["none", "dot"]).run()
    assert asked_for(app) == {"forget_bias": ["0", "1", "2"], "attention": ["none", "dot"]}
    app.button_group(key="control attention").set_value(["none"]).run()
    assert asked_for(app)["attention"] == ["none"], "which is a kind of attention, not nothing"
    app.multiselect(key="control vary").set_value(["Attention"]).run()
    assert asked_for(app) == {"attention": ["none"]}
    assert app.number_input(key="control forget_bias").value is None


@pytest.mark.parametrize(("default", "step"), [(0.001, 0.001), (0.5, 0.1), (1.0, 0.1), (None, 0.5)])
def test_the_step_of_a_number_fits_its_size(default: float | None, step: float) -> None:
    assert forms.step(default) == pytest.approx(step)
