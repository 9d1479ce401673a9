"""Where runs are executed is chosen by one variable, and a bad choice is one line."""

from __future__ import annotations

import sys

import pytest

from core.store.tracking import Store
from experiments.__main__ import main
from experiments.executors import executor_for
from experiments.executors.local import LocalExecutor


def test_runs_are_executed_on_this_machine_unless_somebody_says_otherwise(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in (None, "", "local"):
        if value is None:
            monkeypatch.delenv("UNROLL_EXECUTOR", raising=False)
        else:
            monkeypatch.setenv("UNROLL_EXECUTOR", value)
        assert isinstance(executor_for(store), LocalExecutor)


@pytest.mark.parametrize(
    ("choice", "line"),
    [
        ("slurm", "error: UNROLL_EXECUTOR is 'slurm'; choose local or ray\n"),
        (
            "ray",
            "error: UNROLL_EXECUTOR is ray, which is not installed here; "
            "pip install -r requirements-cluster.txt installs it\n",
        ),
    ],
)
def test_a_choice_that_cannot_be_is_refused_in_one_line(
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    choice: str,
    line: str,
) -> None:
    monkeypatch.setenv("UNROLL_EXECUTOR", choice)
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    monkeypatch.delitem(sys.modules, "experiments.executors.ray", raising=False)
    assert main(["worker"]) == 2
    assert capsys.readouterr().err == line
