"""What claims compute on the spot, from a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from core.claims import CLAIMS, Results
from experiments.computing import NotComputed, compute_apart


def test_the_process_gives_what_the_claims_need() -> None:
    found = compute_apart()
    assert sorted(found) == [claim.number for claim in CLAIMS if claim.compute is not None]
    results = Results(computed=found)
    judged = [claim for claim in CLAIMS if claim.compute is not None and not claim.measurements]
    assert all(claim.verdict(results).outcome == "holds" for claim in judged)


def test_a_process_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        code = "import sys; sys.exit('first line\\nModuleNotFoundError: no torch')"
        return real([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    real = subprocess.run
    monkeypatch.setattr("experiments.computing.subprocess.run", fail)
    with pytest.raises(NotComputed, match="no torch"):
        compute_apart()


def test_a_process_that_takes_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("python", 300)

    monkeypatch.setattr("experiments.computing.subprocess.run", hang)
    with pytest.raises(NotComputed, match="timed out"):
        compute_apart()
