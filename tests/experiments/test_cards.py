"""A report card: every question at equal parameters, told from the side of one cell."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from core.analysis.scorecard import Terms, scorecard
from core.experiments import all_experiments
from core.experiments.length_quality import LENGTH_QUALITY
from core.models import own_cells
from core.models.architecture import Architecture
from core.models.own_cells import CELLS_VARIABLE
from core.settings import BadSetting
from core.store.tracking import Store
from experiments.__main__ import main
from experiments.cards import Card, card_suite, cell_named
from experiments.suites import CARD_BUDGET, CARD_CELL, suite_named
from tests.core.analysis.test_scorecard import Made, quality
from tests.house import PROJECT

EXAMPLES = sorted((PROJECT / "examples").glob("*.py"))


def of_lengths(lengths: Mapping[str, float]) -> Made:
    """Five seeds of each cell, with bottlenecks near these."""
    made = Made()
    for seed in range(5):
        for cell, length in lengths.items():
            measured = quality(length + seed / 2)
            made.add(LENGTH_QUALITY, cell, measured=measured, seed=seed, parameter_budget=50_000)
    return made


def card(made: Made, cell: str = "min-gru") -> Card:
    kinds = [Architecture(cell=name) for name in ("rnn", "lstm", "gru", cell)]
    shown = scorecard(made.records, kinds, Terms(parameter_budget=50_000), made.table)
    return Card(Architecture(cell=cell).kind, shown, "")


def test_its_suite_asks_every_question_of_four_cells_at_one_budget() -> None:
    suite = card_suite("min-gru", 50_000)
    asked = suite.configs()
    assert {experiment.name for experiment, _ in asked} == {e.name for e in all_experiments()}
    for experiment in all_experiments():
        mine = [config for asked_of, config in asked if asked_of is experiment]
        assert {c.architecture.cell for c in mine} == {"rnn", "lstm", "gru", "min-gru"}
        assert {c.parameter_budget for c in mine} == {50_000}
    assert suite.name == "card-min-gru-50000"


@pytest.mark.parametrize("name", ["first-look", "chapter"])
def test_a_suite_answers_a_question_of_the_card_that_opens_first(name: str) -> None:
    card = card_suite(CARD_CELL, CARD_BUDGET).configs()
    shared = [run for run in suite_named(name).configs() if run in card]
    assert len(shared) == 4, "of the cell and each usual one: equal to the last setting"


def test_the_card_of_a_usual_cell_has_three_columns() -> None:
    cells = {config.architecture.cell for _, config in card_suite("gru", 50_000).configs()}
    assert cells == {"rnn", "lstm", "gru"}


def test_a_cell_is_told_against_each_other_one_as_the_tests_say() -> None:
    made = of_lengths({"rnn": 5.0, "lstm": 20.0, "gru": 30.0, "min-gru": 20.5})
    told = {q.experiment.name: sentences for q, sentences in card(made).sentences}
    assert told["length-quality"][0] == (
        "Bottleneck length: better than RNN; not distinguishable from LSTM; worse than GRU."
    )
    assert told["memory-span"] == []


@pytest.mark.parametrize(("length", "word"), [(25.0, "better"), (1.0, "worse")])
def test_the_answer_names_what_it_is_best_and_worst_at(length: float, word: str) -> None:
    made = of_lengths({"rnn": 5.0, "lstm": 10.0, "gru": 15.0, "min-gru": length})
    answer = card(made).answer
    assert re.search(rf"{word} than the others in (state and )?bottleneck length", answer)
    assert answer.startswith("At a budget of 50,000 parameters, ")


def test_nothing_measured_is_said() -> None:
    sentences = card(Made(), "lru").sentences
    assert card(Made(), "lru").answer == "LRU is not measured at a budget of 50,000 parameters yet."
    assert all(said == [] or said[0].startswith("State") for _, said in sentences)


@pytest.mark.parametrize("text", ["no-such-cell", "bi-min-gru", "", "leaky@12345678"])
def test_an_unknown_cell_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(BadSetting, match=r"^cell is .*; give a Python file with a cell, or the"):
        cell_named(text)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["card", "nothing.py"], "cell_file is 'nothing.py', which does not exist"),
        (["card", "min-gru", "--parameters", "many"], "parameter_budget is 'many'; give an amount"),
        (["cells", "nothing.py"], "cell_file is 'nothing.py', which does not exist"),
        (
            ["run", "gradient-decay", "--cell-file", "nothing.py"],
            "cell_file is 'nothing.py', which does not exist",
        ),
    ],
)
def test_bad_words_are_one_line_before_anything_is_recorded(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str], store: Store
) -> None:
    assert main(words) in (1, 2)
    said = capsys.readouterr().err.strip()
    assert said.removeprefix("error: ").startswith(sentence)
    assert "\n" not in said
    assert store.runs() == []


PROGRAM = """
import sys
from experiments import cards
from experiments.__main__ import main
from tests.bench.copies import SMALL

cards.SETTINGS = [
    (e, {name: (value,) for name, value in SMALL[e.name].items()}) for e, _ in cards.SETTINGS
]
sys.exit(main(sys.argv[1:]))
"""
"""The command with every question asked in a few seconds; in a process of its own, because runs are
forked from a process that keeps the environment it was started in."""


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_goes_the_whole_way(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    store: Store,
) -> None:
    monkeypatch.setenv(CELLS_VARIABLE, str(tmp_path / "cells"))
    own_cells._listed.cache_clear()
    output = tmp_path / "card.html"
    words = ["card", str(path), "--parameters", "40k", "--json", "--output", str(output)]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    content = json.loads(done.stdout)
    (version,) = own_cells.offered().values()
    assert content["cell"] == version.shown
    assert set(content["sentences"]) == {experiment.name for experiment in all_experiments()}
    assert content["missing"] == []
    finished = [run for run in store.runs() if run.settings["cell"] == version.name]
    assert {run.experiment for run in finished} == {e.name for e in all_experiments()}
    for run in finished:
        assert run.status == "FINISHED", run.error
        with store.artifact(run.run_id, f"cell/{version.name}.py") as kept:
            assert kept is not None
            assert kept.read_bytes() == path.read_bytes()
        assert version.sha256 in store.run(run.run_id).tags["unroll.cell"]
    assert version.shown in output.read_text()
    assert "Not measured yet" not in output.read_text()
    _reads_without_its_file(version.name, content, capsys)


def _reads_without_its_file(
    name: str, content: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs whose file is gone are exported and compared all the same."""
    own_cells.file_of(name).unlink()
    own_cells._listed.cache_clear()
    assert main(["export", "memory-span", "--format", "json"]) == 0
    assert name in capsys.readouterr().out
    assert main(["compare", "--experiment", "memory-span", "--format", "json"]) == 0
    assert content["cell"].partition(" (")[2] in capsys.readouterr().out
