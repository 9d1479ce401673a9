"""What is printed on a terminal, and what is said beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.analysis.runs import finished_run
from core.experiments import experiment_named
from core.settings import BadSetting
from core.stats.estimates import Estimate
from core.store.records import NOTE, TAG_ERROR, TAG_OWNER, TAG_STATE, RunRecord
from experiments import terminal
from experiments.terminal import print_comparison, print_runs, with_interval, write
from tests.core.analysis.test_one_verdict import Measured

Captured = pytest.CaptureFixture[str]

VALUES = {
    "rnn": [10.0, 11.0, 10.0, 11.0, 10.0, 11.0],
    "gru": [10.0, 11.0, 11.0, 10.0, 11.0, 10.0],
    "lstm": [20.0, 21.0, 20.5, 21.5, 20.2, 20.8],
}
"""By exact ranks six seeds a side decide three pairs."""


def record(**changes: object) -> RunRecord:
    settings = experiment_named("gradient-decay").config().flat()
    made = finished_run("0123456789abcdef", "gradient-decay", settings, "cpu", "chip", 0)
    return replace(made, name="RNN 64", **changes)


def line_of(run: RunRecord, capsys: Captured) -> list[str]:
    """The cells of the run's line."""
    print_runs([run])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "RNN 64" in line]
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_a_run_that_is_running_says_how_far_it_is(capsys: Captured) -> None:
    state = json.dumps({"beat": 1.0, "fraction": 0.256, "message": "x", "rows": 1})
    for status, shown in (("RUNNING", "running 26%"), ("FINISHED", "finished")):
        cells = line_of(record(status=status, tags={TAG_STATE: state}), capsys)
        assert cells[:4] == ["01234567", "gradient-decay", "RNN 64", shown]
    assert line_of(record(status="RUNNING", tags={}), capsys)[3] == "running 0%"


def test_a_run_has_its_seconds_and_its_result_or_what_went_wrong(capsys: Captured) -> None:
    owner = json.dumps({"host": "h", "pid": 1, "created": 1.0, "started": 100.0})
    tags = {TAG_OWNER: owner, NOTE: "It keeps half."}
    assert line_of(record(ended=112.34, tags=tags), capsys)[-2:] == ["12.3", "It keeps half."]
    failed = {**tags, TAG_ERROR: "out of memory"}
    assert line_of(record(ended=112.34, tags=failed), capsys)[-1] == "out of memory"
    assert line_of(record(tags={}), capsys)[-2:] == ["", ""]


@pytest.mark.parametrize(("limit", "left"), [(3, 0), (2, 1), (1, 2)])
def test_verdicts_that_are_not_listed_are_counted(
    limit: int, left: int, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "MAX_PAIRS", limit)
    print_comparison(Measured(experiment_named("length-quality"), VALUES).comparison())
    out, err = capsys.readouterr()
    assert sum(" vs " in line and "p " in line for line in out.splitlines()) == limit
    assert ("more pairs" in err) is bool(left)
    assert not left or f"and {left} more pairs: --format csv has them all" in err


def test_the_best_is_marked_and_a_run_without_a_result_is_left_out_aloud(
    capsys: Captured,
) -> None:
    found = Measured(experiment_named("length-quality"), VALUES).comparison()
    print_comparison(replace(found, without=(record(),)))
    out, err = capsys.readouterr()
    lines = [line for line in out.splitlines() if line.startswith("│")]
    assert [line for line in lines if "★ best" in line] == [x for x in lines if "│ LSTM" in x][-1:]
    assert "RNN 64 is left out: it has no recorded result" in err


def test_an_interval_stands_beside_its_value_where_there_is_one() -> None:
    assert with_interval(Estimate(0.567, 0.55, 0.584, 8)) == "0.567 [0.550, 0.584]"
    for low, high in ((None, None), (0.55, None), (None, 0.584)):
        assert with_interval(Estimate(0.567, low, high, 1)) == "0.567"
    assert with_interval(Estimate(None, None, None, 0)) == "–"


def test_a_table_that_is_too_wide_is_turned_on_its_side(capsys: Captured) -> None:
    def shape(columns: int) -> tuple[int, int]:
        terminal.print_table([[f"h{n}" for n in range(columns)], ["x"] * columns])
        lines = [x for x in capsys.readouterr().out.splitlines() if x.startswith(("┃", "│"))]
        return len(lines), len(lines[0].strip("┃│").split("┃"))

    assert shape(terminal.MAX_COLUMNS) == (2, terminal.MAX_COLUMNS)
    assert shape(terminal.MAX_COLUMNS + 1) == (terminal.MAX_COLUMNS + 1, 2)


@pytest.mark.parametrize(
    ("size", "said"), [(1, "1 KiB"), (2048, "2 KiB"), (3 * 2**20, "3,072 KiB")]
)
def test_a_file_that_was_written_is_named_with_its_size(
    size: int, said: str, tmp_path: Path, capsys: Captured
) -> None:
    file = tmp_path / "out"
    write(b"x" * size, str(file))
    assert file.stat().st_size == size
    assert capsys.readouterr().err.strip().endswith(f"out: {said}")
    with pytest.raises(BadSetting, match="which cannot be written"):
        write(b"x", str(tmp_path / "no folder" / "out"))
