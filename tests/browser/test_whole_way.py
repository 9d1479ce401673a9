"""The whole way in a real browser: launch a comparison, wait for it, read the answer, take the CSV.

The tests of this file build on each other: the first measures what the others look at.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest

from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.gradient_decay.declaration import GradientRow
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.parameter_count.declaration import WidthRow
from core.models.registry import usual_variants
from core.runner import execute
from core.store.tracking import Store
from tests.browser.conftest import Visitor

pytestmark = pytest.mark.browser

SEEDS, STEPS = 3, 40

SMALL = (
    "training_steps=40&training_pairs=300&tested_pairs=2&longest_trained=6&longest_tested=8"
    "&hidden_size=16"
)
"""A seq2seq model, trained for a moment."""

WAIT = 90_000


@pytest.fixture(scope="module")
def measured(served_store: Store) -> None:
    """What the first test measures, where only slow ones run."""
    if served_store.runs():
        return
    asked = {"seeds": [SEEDS], "sequence_length": [STEPS]}
    for config in GRADIENT_DECAY.configs(list(usual_variants()), asked):
        run_id = served_store.create(GRADIENT_DECAY, config, sweep="measured", status="RUNNING")
        assert execute(served_store, run_id) == "FINISHED"


def test_from_an_empty_store_to_the_numbers(
    visitor: Visitor, address: str, served_store: Store, tmp_path: Path
) -> None:
    page = visitor.page
    visitor.open(address)
    page.get_by_role("button", name="Measure the first look").wait_for()
    page.get_by_test_id("stSidebarNav").get_by_text("Launch").click()
    visitor.settle()
    for name, value in (("Seeds", SEEDS), ("Sequence length", STEPS)):
        page.get_by_role("spinbutton", name=name).fill(str(value))
        page.keyboard.press("Enter")
        visitor.settle()
    page.get_by_text(re.compile("6 runs of .*unknown until the first")).wait_for()
    page.get_by_role("button", name="Start", exact=True).click(click_count=2, delay=50)
    page.get_by_text("All runs are finished").wait_for(timeout=WAIT)
    assert len(served_store.runs()) == len(usual_variants()), "the second click starts nothing"
    visitor.settle()
    page.get_by_role("link", name="Open Gradient flow").click()
    page.get_by_role("heading", name=re.compile("1% distance")).wait_for()
    visitor.settle()

    open_files(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    file = tmp_path / "gradient.csv"
    download.value.save_as(file)
    lines = list(csv.DictReader(file.open()))
    sides = sum(1 + variant.startswith("bi-") for variant in usual_variants())
    assert len(lines) == sides * SEEDS * STEPS
    recorded = {run.run_id: recorded_lines(served_store, run.run_id) for run in served_store.runs()}
    for line in lines:
        assert {name: line[name] for name in GradientRow.header()} in recorded[line["run_id"]]
    assert {line["label"] for line in lines} == {
        "RNN",
        "LSTM",
        "GRU",
        "bi-RNN",
        "bi-LSTM",
        "bi-GRU",
    }
    assert visitor.problems == []


def open_files(page: Any) -> None:
    """Open what a figure's Download button offers."""
    page.get_by_test_id("stPopover").filter(has_text="Download").get_by_role("button").click()


def recorded_lines(
    store: Store, run_id: str, table: str = GradientRow.table
) -> list[dict[str, str]]:
    with store.artifact(run_id, f"tables/{table}.csv") as path:
        assert path is not None
        return list(csv.DictReader(path.open()))


def test_the_answer_is_the_experiments_own(visitor: Visitor, address: str) -> None:
    visitor.open(f"{address}/gradient-flow")
    visitor.page.get_by_role("heading", name=re.compile("1% distance")).wait_for()
    visitor.page.get_by_text("How this was measured").click()
    visitor.page.get_by_text("All of these runs").wait_for()
    assert visitor.problems == []


@pytest.mark.slow
@pytest.mark.usefixtures("measured")
def test_figures_are_files_too(visitor: Visitor, address: str, tmp_path: Path) -> None:
    visitor.open(f"{address}/gradient-flow")
    open_files(visitor.page)
    for form, start in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        with visitor.page.expect_download() as download:
            visitor.page.get_by_role("button", name=form, exact=True).click()
        download.value.save_as(tmp_path / form)
        assert (tmp_path / form).read_bytes().startswith(start)


@pytest.mark.slow
@pytest.mark.usefixtures("measured")
def test_a_link_reopens_the_exact_view(visitor: Visitor, address: str, phone: Visitor) -> None:
    page = visitor.page
    visitor.open(f"{address}/gradient-flow")
    page.get_by_role("tab", name="Jacobians").click()
    page.wait_for_url("**figure=Jacobians**")
    visitor.settle()
    page.get_by_role("radio", name="Product norm").click()
    page.wait_for_url("**jacobian=Product+norm**")
    visitor.settle()
    page.get_by_text("Single seeds").click()
    page.wait_for_url("**single_seeds=true**")
    phone.open(page.url)
    assert phone.page.url == page.url
    for window in (page, phone.page):
        assert window.get_by_role("tab", selected=True).inner_text() == "Jacobians"
        assert window.get_by_role("radio", name="Product norm").is_checked()
        assert window.get_by_role("switch", name="Single seeds").is_checked()


@pytest.mark.slow
@pytest.mark.usefixtures("measured")
def test_a_chart_has_a_name_and_shows_numbers_under_the_pointer(
    visitor: Visitor, address: str
) -> None:
    visitor.open(f"{address}/gradient-flow")
    chart = visitor.page.get_by_test_id("stVegaLiteChart").first
    chart.wait_for()
    assert visitor.page.get_by_label(GRADIENT_DECAY.question).count() >= 1
    box = chart.bounding_box()
    assert box is not None
    for step in range(12):
        visitor.page.mouse.move(box["x"] + 300 + step, box["y"] + 200)
    shown = visitor.page.locator("#vg-tooltip-element")
    shown.get_by_text("95% interval").wait_for(timeout=5_000)


@pytest.mark.slow
def test_a_budget_leads_to_a_comparison_at_equal_parameters(
    visitor: Visitor, address: str, served_store: Store, tmp_path: Path
) -> None:
    page = visitor.page
    visitor.open(f"{address}/parameters")
    page.get_by_role("textbox", name="Parameters").fill("20k")
    page.keyboard.press("Enter")
    page.wait_for_url("**budget=20k**")
    visitor.settle()
    page.get_by_test_id("stMain").get_by_role("link", name="Parameters").click()
    page.wait_for_url("**parameter_budget=20000**")
    visitor.settle()
    assert page.get_by_role("spinbutton", name="Parameter budget").input_value() == "20000"
    assert page.get_by_role("spinbutton", name="Hidden size").count() == 0
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_text("All runs are finished").wait_for(timeout=WAIT)
    visitor.settle()
    page.get_by_role("link", name="Open Parameters").click()
    page.get_by_role("heading", name=re.compile("backward pass")).wait_for()
    page.get_by_text("At 20,000 parameters (recurrent layers): RNN").wait_for()
    visitor.settle()

    open_files(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    file = tmp_path / "widths.csv"
    download.value.save_as(file)
    lines = list(csv.DictReader(file.open()))
    runs = served_store.runs(PARAMETER_COUNT.name)
    assert {run.settings["parameter_budget"] for run in runs} == {20_000}
    assert {line["run_id"] for line in lines} == {run.run_id for run in runs}
    for run in runs:
        mine = [line for line in lines if line["run_id"] == run.run_id]
        recorded = recorded_lines(served_store, run.run_id, WidthRow.table)
        assert [{name: line[name] for name in WidthRow.header()} for line in mine] == recorded
    assert visitor.problems == []


@pytest.mark.slow
def test_a_sentence_is_translated_by_models_launched_from_the_page(
    visitor: Visitor, address: str, served_store: Store
) -> None:
    page = visitor.page
    visitor.open(f"{address}/length-quality")
    page.get_by_role("link", name="Launch a comparison").click()
    page.wait_for_url("**vary=Attention**")
    visitor.open(f"{page.url}&{SMALL}")
    page.get_by_role("spinbutton", name="Seeds").fill("1")
    page.keyboard.press("Enter")
    visitor.settle()
    page.get_by_text(re.compile("2 values of attention .* = 2 runs, ")).wait_for()
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_text("All runs are finished").wait_for(timeout=WAIT)
    visitor.settle()
    page.get_by_role("link", name="Open Length and quality").click()
    page.get_by_role(
        "heading", name=re.compile("trained length|beyond|ottleneck length")
    ).wait_for()
    visitor.settle()
    assert {run.status for run in served_store.runs(LENGTH_QUALITY.name)} == {"FINISHED"}

    page.get_by_role("link", name="Translate").click()
    page.get_by_role("textbox", name="Source").wait_for()
    visitor.settle()
    page.get_by_role("textbox", name="Source").fill("the dog sees <b>the zebra</b>")
    page.keyboard.press("Enter")
    page.get_by_text("Unknown to this model: <b>the and zebra</b>").nth(1).wait_for(timeout=WAIT)
    visitor.settle()
    assert "source=the+dog" in page.url
    page.get_by_text("LSTM · dot attention", exact=True).wait_for()
    assert page.get_by_label(re.compile("^Highest attention: ")).count() >= 1
    assert visitor.problems == []
