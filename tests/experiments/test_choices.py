"""The command `choose`: the answer, then the evidence and the launch that decides the rest."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from core.analysis.limits import NEEDS, flag_dest, limitable
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.throughput import THROUGHPUT
from core.store.tracking import Store
from experiments.__main__ import main
from experiments.choices import commands, launches_of
from experiments.cli import parse
from experiments.scorecards import launches
from tests.core.analysis.test_choice import APART, KINDS, around, chosen, made_of
from tests.dashboard.scenes import record


@pytest.fixture
def here(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    return store


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["choose", *words])
    out, said = capsys.readouterr()
    return status, out, said


@pytest.mark.parametrize("name", [*limitable(), *NEEDS])
def test_every_limit_that_is_declared_has_a_flag(name: str) -> None:
    flag = f"--{name.replace('_', '-')}"
    args = parse(["choose", flag] if name in NEEDS else ["choose", flag, "10"])
    assert getattr(args, flag_dest(name)) == (True if name in NEEDS else "10")


def test_with_nothing_measured_the_answer_is_what_to_launch_first(
    here: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = asked(capsys, "--span", "20")
    assert status == 0
    assert out.startswith("Choose none yet: no variant surely fits span ≥ 20 steps")
    assert "Based on exact counts; no runs." in out
    assert "python -m experiments run memory-span --variants rnn,lstm,gru" in out
    assert launches_of(None) == []


def test_counts_alone_decide_a_limit_on_counts(
    here: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = asked(capsys, "--parameters", "10k", "--variants", "rnn,lstm,gru")
    assert out.startswith("Choose RNN: it alone fits recurrent parameters ≤ 10,000, at hidden size")
    assert "Ruled out by recurrent parameters ≤ 10,000: LSTM and GRU." in out
    _, out, _ = asked(capsys, "--parameters", "10k", "--both-sides", "--json")
    content: dict[str, Any] = json.loads(out)
    assert content["recommended"] == []
    assert content["answer"].startswith("Choose none: no variant fits both sides and recurrent")
    assert {row["fit"] for row in content["variants"]} == {"does not fit"}
    assert content["proposal"] is None
    _, out, _ = asked(capsys, "--parameter-budget", "100k", "--against", "parameters")
    assert "equal on these terms" in out


def test_files_have_a_row_per_variant_with_its_place_and_runs(
    here: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [
        record(here, PARAMETER_COUNT, config, "one")
        for config in PARAMETER_COUNT.configs(["rnn", "lstm"], {})
    ]
    _, out, _ = asked(capsys, "--limit", "parameters>=1", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["variant"] for row in rows] == ["RNN", "LSTM", "GRU"]
    assert [row["runs"] for row in rows] == [*runs, ""]
    assert {row["fit"] for row in rows} == {"fits"}
    _, out, _ = asked(capsys, "--limit", "parameters>=1", "--json")
    content: dict[str, Any] = json.loads(out)
    assert content["evidence"] == {"parameter-count": runs}
    assert content["proposal"]["why"] == "no quality"


def test_what_is_queued_already_is_said(here: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """Also within the limits of a shared host, which the launch does not ask for."""
    for config in MEMORY_SPAN.configs(["rnn", "lstm"], {"time_limit": [5.0]}):
        here.create(MEMORY_SPAN, config, sweep="one")
    _, _, said = asked(capsys, "--span", "20")
    assert "2 runs of this launch queued or running already" in said


def test_a_command_makes_exactly_the_launch_or_there_is_none() -> None:
    """What is repeated joins its sweep, and knows how often it is looked at."""
    lengths = {kind: around(20) for kind in KINDS}
    undecided = made_of(lengths, {"LSTM": [80, 90, 115], "RNN": around(10), "GRU": around(10)})
    (command,) = commands(chosen(undecided, "p99<=100", "streaming"))
    assert command == "python -m experiments compare run24 run25 run26 --add-seeds 3"
    once = chosen(made_of(APART, {kind: values[:1] for kind, values in APART.items()}))
    assert once.proposal is not None
    assert once.proposal.looks == 1
    assert commands(once) == [], "compare would count a look more"


def test_runs_of_other_seeds_are_another_launch() -> None:
    rnn, lstm = (THROUGHPUT.configs([cell], {"launches": [3]}) for cell in ("rnn", "lstm"))
    found = launches(THROUGHPUT, [*rnn, *lstm[1:]])
    assert [launch.variants for launch in found] == [("rnn",), ("lstm",)]
    assert found[1].settings == {"seed": 1, "launches": 2}
    assert len(launches(THROUGHPUT, [*rnn, *lstm])) == 1


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (["--span", "2ms"], "span is limited to '2ms'; give an amount in steps"),
        (["--quality", "parameters"], "quality is parameters, which is no quality; choose from"),
        (["--against", "span"], "against is span, which is no cost; choose from"),
        (["--device", "tpu"], "device is 'tpu'; choose from cpu, cuda, mps"),
        (["--spam", "2"], "did you mean --span?"),
    ],
)
def test_bad_input_is_refused_in_a_line(
    words: list[str], refusal: str, here: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, said = asked(capsys, *words)
    assert (status, out) == (2, "")
    assert refusal in said
