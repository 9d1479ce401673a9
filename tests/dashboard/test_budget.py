"""The budget box: what a person types, what it buys, and the way on."""

from __future__ import annotations

import pandas
import pytest

from core.experiment import Experiment
from core.experiments import all_experiments
from core.experiments.parameter_count import PARAMETER_COUNT
from core.models.architecture import Architecture, variant_title
from core.models.counting import count_parameters
from core.models.registry import usual_variants
from core.store.tracking import Store
from dashboard.ui.text import plain
from dashboard.views.results import budget
from tests.dashboard.conftest import Show, texts

PAGE = "views/results/parameters.py"


def fits(experiment: Experiment, **asked: object) -> pandas.DataFrame:
    return budget.frame(experiment, budget.fitting(experiment, asked))


def test_every_variant_gets_the_width_that_comes_closest() -> None:
    found = fits(PARAMETER_COUNT, parameter_budget=1_000_000, input_size=64, layers=1)
    assert len(found) == len(usual_variants())
    for (_, kind), line in zip(usual_variants().items(), found.to_dict("records"), strict=True):
        sizes = [line["Hidden size"] + step for step in (-1, 0, 1)]
        made = [Architecture.from_flat({**kind, "hidden_size": size}) for size in sizes]
        counts = [count_parameters(a, 64).core for a in made]
        assert counts[1] == line["Parameters (recurrent layers)"]
        assert min(counts, key=lambda count: abs(count - 1_000_000)) == counts[1]
        assert line["Off the budget"] == pytest.approx((counts[1] - 1_000_000) / 10_000)


@pytest.mark.parametrize("text", ["250k", "250 K", "0.25 M", "2.5e5", "250,000"])
def test_amounts_are_read_as_people_type_them(store: Store, show: Show, text: str) -> None:
    app = show(PAGE, budget=text, budget_input="32", budget_layers="2")
    assert not app.exception
    wanted = fits(PARAMETER_COUNT, parameter_budget=250_000, input_size=32, layers=2)
    assert app.dataframe[0].value.equals(wanted)


def test_a_state_is_a_budget_too(store: Store, show: Show) -> None:
    app = show(PAGE, budget_at="Equal state", budget_state="1k", budget_layers="2")
    assert not app.exception
    wanted = fits(PARAMETER_COUNT, state_budget=1000, input_size=64, layers=2)
    assert app.dataframe[0].value.equals(wanted)
    assert list(wanted["State (bytes)"]) == [1000, 992, 1000, 992, 992, 992]
    links = [link.proto.query_string for link in app.get("page_link")]
    assert sum("state_budget=1000" in link for link in links) == len(all_experiments())


@pytest.mark.parametrize("experiment", all_experiments(), ids=lambda e: e.name)
def test_it_counts_what_the_chosen_experiment_compares(
    store: Store, show: Show, experiment: Experiment
) -> None:
    app = show(PAGE, budget="60k", budget_for=experiment.name)
    assert not app.exception
    found = app.dataframe[0].value
    settings = {"parameter_budget": [60_000]}
    if "input_size" in experiment.config.model_fields:
        settings["input_size"] = [budget.DEFAULT_INPUT]
    configs = experiment.configs(list(usual_variants()), settings)
    counted = {variant_title(c.architecture.variant): c.parameters for c in configs}
    title = f"Parameters ({experiment.config.counted})"
    assert dict(zip(found["Variant"], found[title], strict=True)) == counted


def test_what_is_far_off_is_a_warning(store: Store, show: Show) -> None:
    app = show(PAGE, budget="700")
    assert "more than 5% off the budget" in app.warning[0].value


@pytest.mark.parametrize("text", ["", "a lot", "-5", "1e12", "5"])
def test_what_cannot_be_used_is_a_sentence(store: Store, show: Show, text: str) -> None:
    app = show(PAGE, budget=text)
    assert not app.exception
    assert "budget" in app.error[0].value
    assert not app.dataframe


def test_what_is_typed_is_in_the_address(store: Store, show: Show) -> None:
    app = show(PAGE)
    assert "budget" not in app.query_params
    app.text_input(key="control budget").set_value("2 M").run()
    app.number_input(key="control budget_layers").set_value(3).run()
    assert (app.query_params["budget"], app.query_params["budget_layers"]) == ("2 M", "3")
    size = budget.DEFAULT_INPUT
    wanted = fits(PARAMETER_COUNT, parameter_budget=2_000_000, input_size=size, layers=3)
    assert app.dataframe[0].value.equals(wanted)


def test_a_senseless_address_is_explained(store: Store, show: Show) -> None:
    app = show(PAGE, budget_layers="many")
    assert not app.exception
    assert "which is not available" in app.warning[0].value
    assert app.number_input(key="control budget_layers").value == 1


def test_it_works_before_anything_is_measured_and_leads_to_a_launch(
    store: Store, show: Show
) -> None:
    app = show(PAGE)
    assert "Not measured yet" in texts(app)
    assert plain("Compare them at equal parameters:") in texts(app) or "equal parameters" in texts(
        app
    )
    links = [link.proto for link in app.get("page_link")]
    asked = [link.query_string for link in links if "parameter_budget=1000000" in link.query_string]
    assert len(asked) == len(all_experiments())
    for experiment, query in zip(all_experiments(), asked, strict=True):
        assert f"experiment={experiment.name}" in query
        has = "input_size" in {setting.name for setting in experiment.settings}
        assert ("input_size=64" in query) == has
