"""A store's scorecard on the command line and in files: the numbers of the runs, as text."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape

from core.analysis.limits import scored
from core.chapter.cost import COUNTS
from core.experiments import all_experiments
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.parameter_count import PARAMETER_COUNT
from core.formatting import shortened
from core.settings import BadSetting
from core.store.tracking import Store, open_store
from experiments.__main__ import main
from experiments.cli import parse
from experiments.commands import configs_of
from experiments.scorecards import ScorecardIndex, find_machine, launches
from tests.conftest import Once
from tests.dashboard.scenes import record

HOSTILE = "<img src=x onerror=alert(1)> \"'&\u202e </title><script>alert(2)</script>"


@pytest.fixture
def measured(
    once: Once, new_store: Callable[[Path], Store], monkeypatch: pytest.MonkeyPatch
) -> Store:
    """The plain RNN in every experiment; two LSTMs that are counted, one of a hostile name. It is
    made once and only read."""

    def make(folder: Path) -> None:
        store = new_store(folder)
        for experiment in all_experiments():
            (config, *_) = experiment.configs(["rnn"], {})
            record(store, experiment, config, "one")
        for config in PARAMETER_COUNT.configs(["lstm"], {"forget_bias": [None, 1]}):
            run_id = record(store, PARAMETER_COUNT, config, "one")
        store.client.update_run(run_id, name=HOSTILE)

    uri = f"sqlite:///{once('scorecard', make) / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return open_store(uri)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_a_line_per_cell_with_the_numbers_of_the_store(
    measured: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["scorecard", "--variants", "rnn,lstm,lstm · FORGET bias 1", "--format", "csv"]
    assert main(asked) == 0
    out, said = capsys.readouterr()
    found = rows(out)
    assert len(found) == 3 * sum(len(scored(e)) for e in all_experiments())
    by_run = {row["runs"]: row for row in found if row["measure"] == "parameters"}
    assert [row["variant"] for row in by_run.values()] == ["RNN", "LSTM", "LSTM · forget bias 1"]
    for run_id, row in by_run.items():
        table = measured.table(measured.run(run_id), "summary")
        assert table is not None
        assert float(row["value"]) == table["parameters"].iloc[-1]
        assert row["hidden_size"] == "64"
    absent = [r for r in found if r["variant"].endswith("1") and r["experiment"] == "memory-span"]
    assert [(r["value"], r["runs"]) for r in absent] == [("", "")]
    assert "not measured yet: python -m experiments run memory-span --variants lstm" in said


def test_json_has_the_answer_the_pairs_the_table_and_what_is_missing(
    measured: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scorecard", "--json"]) == 0
    content: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert content["terms"] == {"hidden_size": 64}
    assert content["variants"] == ["RNN", "LSTM", "GRU"]
    assert "RNN has the fewest parameters" in content["answer"]
    exact = next(pair for pair in content["pairs"] if pair["measure"] == "parameters")
    assert (exact["first"], exact["second"], exact["finding"]) == ("RNN", "LSTM", "better")
    assert content["properties"]["verdict"].startswith("Not measured yet.")
    assert len(content["properties"]["lines"]) == 5
    assert len(content["missing"]) == len(all_experiments())


def test_the_property_table_is_filled_from_the_store(store: Store) -> None:
    for config in COUNTS.configs():
        record(store, PARAMETER_COUNT, config, "one")
    shelved = ScorecardIndex(store.table).at(store.runs())
    verdict = shelved.properties
    lines = {line.title: line for line in verdict.table}
    assert not lines["Gates"].missing
    assert lines["Long range"].missing
    assert verdict.outcome == "not measured yet"
    assert set(verdict.evidence) == set(shelved.runs)


def test_limits_and_verdicts_are_in_every_file(
    measured: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(*words: str) -> str:
        limits = ["--limit", "parameters <= 20k", "--limit", "p99<=1 s"]
        assert main(["scorecard", "--variants", "rnn,lstm,gru", *limits, *words]) == 0
        return capsys.readouterr().out

    content: dict[str, Any] = json.loads(ask("--json"))
    assert content["fits"] == {"RNN": "not decided", "LSTM": "not measured", "GRU": "does not fit"}
    assert [limit["limit"] for limit in content["limits"]] == [
        "parameters<=20000",
        "latency_p99_us<=1000000",
    ]
    gru = next(row for row in rows(ask("--format", "csv")) if row["variant"] == "GRU")
    assert gru["measure"] == "percent_distance_steps"
    assert (gru["limit"], gru["all_limits_fit"]) == ("", "does not fit")
    counted = [row for row in rows(ask("--format", "csv")) if row["measure"] == "parameters"]
    assert [row["limit_fits"] for row in counted] == ["fits", "fits", "does not fit"]
    assert r"does not fit" in ask("--format", "latex")
    page = ask("--format", "html")
    assert "within recurrent parameters ≤ 20,000 and p99 latency ≤ 1,000,000 µs" in page
    assert "✕ does not fit: recurrent parameters 24,960" in page
    assert "✕ does not fit" in ask()


def test_html_is_one_file_in_which_text_stays_text(
    measured: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "card.html"
    assert main(["scorecard", "--variants", "lstm,LSTM · forget bias 1", "--format", "html",
                 "--output", str(file)]) == 0  # fmt: skip
    out, said = capsys.readouterr()
    assert out == ""
    assert str(file) in said
    page = file.read_text()
    assert HOSTILE not in page
    assert escape(shortened(HOSTILE)) in page
    assert "<script" not in page
    assert "default-src 'none'" in page
    for run in measured.runs():
        assert run.run_id in page or run.settings["cell"] == "rnn"


def test_latex_escapes_and_has_a_line_per_measure(
    measured: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scorecard", "--format", "latex", "--variants", "rnn,lstm"]) == 0
    out = capsys.readouterr().out
    assert r"Accuracy ahead (\%)" in out
    assert out.count(r" \\") == 1 + sum(len(scored(e)) for e in all_experiments())
    assert r"\textbf{" in out


def test_a_table_says_what_its_runs_share(
    measured: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scorecard", "--hidden-size", "64"]) == 0
    out = capsys.readouterr().out
    assert "At hidden size 64" in out
    assert "Memory span: every setting at its default; measured on cpu" in out
    assert main(["scorecard", "--parameter-budget", "100k"]) == 0
    out, said = capsys.readouterr()
    assert "Nothing is measured at a budget of 100,000 parameters yet." in out
    assert "--parameter-budget=100000" in said
    assert "--hidden-size" not in said, "the budget decides it"
    assert main(["scorecard", "--state-budget", "512"]) == 0
    out, said = capsys.readouterr()
    assert "8 of 9 questions are not measured yet." in out
    assert "--state-budget=512" in said
    assert "--hidden-size" not in said


def test_a_bad_value_is_one_line_that_names_the_field(
    measured: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = (
        (["--variants", "lstmm"], "variants has 'lstmm'; choose from"),
        (["--hidden-size", "many"], "hidden_size is 'many'; give a whole number from 1 to 16,384"),
        (["--hidden-size", "1M"], "hidden_size is '1M'; give a whole number from 1 to 16,384"),
        (
            ["--hidden-size", "8", "--parameter-budget", "1k"],
            "--parameter-budget: not allowed with argument --hidden-size",
        ),
        (
            ["--state-budget", "512", "--parameter-budget", "1k"],
            "--parameter-budget: not allowed with argument --state-budget",
        ),
        (["--state-budget", "few"], "state_budget is 'few'; give an amount such as"),
        (["--format", "xml"], "format is 'xml'; choose from table, csv, json, latex, html"),
        (["--limit", "parameters=few"], "limit is 'parameters=few'; give a measure, <= or >=,"),
        (["--limit", "span>=far"], "span is limited to 'far'; give an amount in steps"),
        (["--machine", "cray"], "machine is 'cray', which fits 0 of CPU (Made-up(R)"),
        (["--format", "csv", "--output", "/nowhere/x.csv"], "output is '/nowhere/x.csv'"),
        (["--output", "x.csv"], "output is 'x.csv', but the format is table"),
    )
    for words, complaint in cases:
        assert main(["scorecard", *words]) == 2, words
        out, err = capsys.readouterr()
        assert out == "", words
        assert err.startswith("error: "), words
        assert complaint in err
        assert err.count("\n") == 1, words


def test_a_machine_is_named_by_a_part_that_only_it_has() -> None:
    there = ["CPU (one)", "CUDA (two)"]
    assert find_machine("cuda", there) == "CUDA (two)"
    with pytest.raises(BadSetting, match="fits 2 of CPU"):
        find_machine("", there)


def test_a_launch_makes_exactly_the_runs_that_it_is_for() -> None:
    asked: tuple[dict[str, list[Any]], ...] = ({}, {"seeds": [5], "clip": [None]}, {"seed": [7]})
    budgets = ({}, {"parameter_budget": [100_000]}, {"state_budget": [512]})
    for settings, budget in itertools.product(asked, budgets):
        configs = LENGTH_QUALITY.configs(["rnn", "bi-gru"], {**settings, **budget})
        (launch,) = launches(LENGTH_QUALITY, configs)
        words = launch.command.removeprefix("python -m experiments ").split()
        assert configs_of(parse(words))[1] == configs


def test_kinds_of_other_settings_are_launched_apart() -> None:
    configs = [
        *PARAMETER_COUNT.configs(["rnn", "lstm"], {}),
        *PARAMETER_COUNT.configs(["lstm"], {"forget_bias": [1]}),
    ]
    found = [launch.command for launch in launches(PARAMETER_COUNT, configs)]
    assert found == [
        "python -m experiments run parameter-count --variants rnn,lstm",
        "python -m experiments run parameter-count --variants lstm --forget-bias=1.0",
    ]
