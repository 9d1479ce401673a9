"""Tables for papers: which measures they have, and what their captions claim."""

from __future__ import annotations

import dataclasses

import pytest

from core.analysis.comparison import Comparison, Result
from core.experiments import experiment_named
from core.stats.estimates import Estimate
from experiments.reports.latex import (
    MAX_COLUMNS,
    comparison_tables,
    escaped,
    estimate_cell,
    table,
)
from tests.core.analysis.test_one_verdict import Measured

LOW = [5.0, 5.5, 6.0, 6.5, 7.0]
HIGH = [value + 13 for value in LOW]


def compared(name: str = "length-quality", **values: list[float]) -> Comparison:
    return Measured(experiment_named(name), values or {"rnn": LOW, "lstm": HIGH}).comparison()


def columns_of(comparison: Comparison) -> list[str]:
    """The table's headings, without that of the groups."""
    text = comparison_tables([comparison]).decode()
    (heading,) = text.partition("\\toprule\n")[2].splitlines()[:1]
    return [cell.strip() for cell in heading.removesuffix("\\\\").split("&")[1:]]


def test_the_headline_is_first_then_what_is_judged_each_once() -> None:
    found = compared()
    headline = found.headline
    assert headline is not None

    def named(name: str, better: str | None = "higher") -> Result:
        column = dataclasses.replace(headline.column, name=name, title=name, better=better)
        return dataclasses.replace(headline, column=column)

    judged = [named(f"m{n}") for n in range(MAX_COLUMNS)]
    several = (named("neither", None), *judged, headline)
    headings = columns_of(dataclasses.replace(found, results=several))
    expected = [headline, *judged[:-1]]
    assert headings == [escaped(result.column.heading) for result in expected]
    for last in (headline, named("neither", None)):
        few, measure = (judged[0], last), last.column.name
        headings = columns_of(dataclasses.replace(found, results=few, measure=measure))
        assert headings == [escaped(result.column.heading) for result in few[::-1]]


def test_without_a_headline_there_are_groups_alone() -> None:
    text = comparison_tables([dataclasses.replace(compared(), results=())]).decode()
    assert "no measure that could be compared" in text
    assert [line for line in text.splitlines() if line.startswith("RNN")] == [r"RNN \\"]


@pytest.mark.parametrize(
    ("values", "interval", "bold"),
    [
        ({"rnn": LOW, "lstm": HIGH}, True, True),
        ({"rnn": [20.0], "lstm": [40.0]}, False, False),
    ],
    ids=["told apart", "one seed each"],
)
def test_a_caption_explains_what_its_table_has(
    values: dict[str, list[float]], interval: bool, bold: bool
) -> None:
    text = comparison_tables([compared(**values)]).decode()
    assert ("In brackets: 95\\% intervals over n = 5." in text) is interval
    assert ("Bold: the best" in text) is bold
    assert (r"\textbf{" in text) is bold
    assert ("{[}" in text.partition("toprule")[2] or " [" in text) is interval


def test_an_estimate_is_as_certain_as_it_is() -> None:
    estimate = Estimate(0.632, 0.624, 0.641, 8)
    assert estimate_cell(estimate, bold=True) == r"\textbf{0.632} [0.624, 0.641]"
    assert estimate_cell(estimate, bold=False) == "0.632 [0.624, 0.641]"
    for low, high in ((None, None), (0.624, None), (None, 0.641)):
        assert estimate_cell(Estimate(0.632, low, high, 1), bold=False) == "0.632"
    assert estimate_cell(Estimate(None, None, None, 0), bold=True) == "--"


def test_every_experiment_has_a_table_of_its_own() -> None:
    text = comparison_tables([compared(), compared("memory-span")]).decode()
    assert text.count("\\begin{table}") == 2


def test_a_heading_may_have_an_exponent() -> None:
    assert "Mean (steps$^{2}$)" in table(["", "Mean (steps²)"], [["RNN", "1"]], "Squares")
