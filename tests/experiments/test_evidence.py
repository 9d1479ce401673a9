"""Which runs of a store the claims are judged by, what they lack, and what needs no run."""

from __future__ import annotations

import dataclasses
import json
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pandas
import pytest

from core.chapter import CLAIMS, claims_measured_by
from core.chapter.claim import Results
from core.chapter.cost import SMALL_INPUT, WIDTH, WIDTHS
from core.chapter.gradients import GATES
from core.chapter.quiz import EXERCISES
from core.experiment import Config, Experiment
from core.experiments import all_experiments
from core.experiments.parameter_count import PARAMETER_COUNT
from core.store.records import TAG_OWNER, RunRecord, Status
from core.store.tracking import Store
from experiments import queue
from experiments.durations import estimate
from experiments.evidence import (
    ClaimStatus,
    Evidence,
    NotComputed,
    compute_in_subprocess,
    kind_of,
    needed_by,
    needed_for,
)
from tests.dashboard.scenes import NOTES, record


def run_of(experiment: Experiment, config: Config, run_id: str, status: Status) -> RunRecord:
    return RunRecord(
        run_id=run_id,
        experiment_id="1",
        experiment=experiment.name,
        name=run_id,
        status=status,
        settings=config.flat(),
        sweep="",
        submitted=float(len(run_id)),
        ended=None,
        metrics={},
        tags=dict(NOTES),
    )


def counts(run: RunRecord, name: str) -> pandas.DataFrame | None:
    """A summary with as many parameters as the width squared, times 1 : 4 : 3."""
    if name != "summary":
        return None
    times = {"rnn": 1, "lstm": 4, "gru": 3}[str(run.settings["cell"])]
    return pandas.DataFrame([{"parameters": times * int(str(run.settings["hidden_size"])) ** 2}])


def judged(runs: list[RunRecord]) -> ClaimStatus:
    return Evidence(counts).judge(runs, {})


@pytest.fixture
def widths() -> list[RunRecord]:
    """Every run of claim 10, finished."""
    return [
        run_of(experiment, config, f"run{number}", "FINISHED")
        for number, (experiment, config) in enumerate(WIDTH.configs())
    ]


def test_a_claim_is_judged_once_its_runs_have_finished(widths: list[RunRecord]) -> None:
    nothing = judged([])
    assert nothing.verdicts[10].outcome == "not measured yet"
    everything = judged(widths)
    assert everything.verdicts[10].outcome == "holds"
    assert set(everything.verdicts[10].evidence) == {run.run_id for run in widths}
    assert set(everything.runs) >= set(everything.verdicts[10].evidence)
    assert everything.verdicts[8].outcome == "not measured yet"


def test_what_is_needed_is_finished_on_its_way_failed_or_to_start(widths: list[RunRecord]) -> None:
    states: dict[int, Status] = {0: "RUNNING", 1: "SCHEDULED", 2: "FAILED", 3: "KILLED"}
    runs = [dataclasses.replace(r, status=states.get(n, r.status)) for n, r in enumerate(widths)]
    needed = needed_by([WIDTH], judged(runs[:-1]))
    configs = [config for _, config in WIDTH.configs()]
    assert needed.total == len(configs) == 12
    assert [config for _, config in needed.to_start] == [configs[2], configs[3], configs[-1]]
    assert needed.active == tuple(runs[:2])
    assert needed.broken == tuple(runs[2:4])
    assert needed.finished == 12 - 2 - 3


def test_what_has_been_repeated_well_is_no_longer_broken(widths: list[RunRecord]) -> None:
    failed = dataclasses.replace(widths[0], run_id="before", status="FAILED")
    needed = needed_by([WIDTH], judged([failed, *widths]))
    assert (needed.to_start, needed.broken, needed.finished) == ([], (), 12)


def test_a_run_that_two_claims_ask_for_is_started_once() -> None:
    together = needed_by(CLAIMS, judged([]))
    apart = [needed_by([claim], judged([])) for claim in CLAIMS]
    assert max(needed.total for needed in apart) < together.total
    assert together.total < sum(needed.total for needed in apart)
    assert len(together.to_start) == together.total


def test_an_exercise_lacks_no_more_than_its_own_runs(widths: list[RunRecord]) -> None:
    (exercise,) = [e for e in EXERCISES if e.measurement is WIDTHS]
    needed = needed_for(exercise.measurement, judged([]))
    assert [c for _, c in needed.to_start] == WIDTHS.configs()
    small = [r for r in widths if SMALL_INPUT.includes(r.settings)]
    assert needed_for(exercise.measurement, judged(small)).finished == 0


def test_only_runs_that_some_claim_asks_for_are_read() -> None:
    read: list[str] = []

    def table(run: RunRecord, name: str) -> pandas.DataFrame | None:
        read.append(run.run_id)
        return counts(run, name)

    asked, other = WIDTHS.configs()[0], PARAMETER_COUNT.configs(["rnn"], {"hidden_size": (77,)})[0]
    assert claims_measured_by(PARAMETER_COUNT, asked.flat())
    assert not claims_measured_by(PARAMETER_COUNT, other.flat())
    runs = [
        run_of(PARAMETER_COUNT, asked, "old", "FINISHED"),
        run_of(PARAMETER_COUNT, other, "other", "FINISHED"),
        run_of(PARAMETER_COUNT, asked, "newer", "FINISHED"),
    ]
    evidence = Evidence(table)
    evidence.judge(runs, {})
    assert read == ["newer"], "of equals only the newest"
    first = evidence.judge(runs, {})
    assert read == ["newer"], "and only once"
    assert first.verdicts[2].outcome == "not measured yet"
    wrong = {"matrices": [[[0, 0], [0, 0]], [[0, 0], [0, 0]]]}
    assert evidence.judge(runs, {2: wrong}).verdicts[2].outcome == "does not hold"


def test_runs_are_told_apart_as_the_claims_tell_them() -> None:
    asked = [pair for claim in CLAIMS for pair in claim.configs()]
    others = [
        (experiment, config)
        for experiment in all_experiments()
        for config in experiment.configs(["gru"], {"hidden_size": (33,)})
    ]
    for experiment, config in (*asked, *others):
        run = run_of(experiment, config, "one", "SCHEDULED")
        active = judged([run]).active
        assert bool(active) == bool(claims_measured_by(experiment, config.flat()))


def test_a_run_with_settings_of_another_version_is_left_out() -> None:
    config = WIDTHS.configs()[0]
    strange = run_of(PARAMETER_COUNT, config, "strange", "FINISHED")
    settings = {**strange.settings, "hidden_size": "wide"}
    assert judged([dataclasses.replace(strange, settings=settings)]).runs == {}


def test_a_run_whose_summary_is_gone_counts_as_missing(widths: list[RunRecord]) -> None:
    found = Evidence(lambda run, name: None).judge(widths, {})
    assert len(needed_by([WIDTH], found).to_start) == 12


def test_what_has_been_read_is_not_read_again(
    widths: list[RunRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [dataclasses.replace(widths[n % 12], run_id=f"{n}") for n in range(1000)]
    tables: list[str] = []
    kinds: list[Any] = []

    def read(run: RunRecord, name: str) -> pandas.DataFrame | None:
        tables.append(run.run_id)
        return counts(run, name)

    def kind(experiment: Experiment, settings: Mapping[str, Any]) -> Any:
        kinds.append(settings)
        return kind_of(experiment, settings)

    monkeypatch.setattr("experiments.evidence.kind_of", kind)
    evidence = Evidence(read)
    evidence.judge(runs, {})
    assert len(kinds) == 1000
    assert {*tables} == {f"{n}" for n in range(988, 1000)}, "of runs alike, the newest"
    tables.clear()
    kinds.clear()
    assert len(evidence.judge(runs, {}).runs) == 12
    assert (tables, kinds) == ([], [])


def test_the_time_of_several_experiments_adds_up_once_all_are_known(store: Store) -> None:
    plan = needed_by([WIDTH, GATES], judged([])).to_start
    owner = json.dumps({"host": socket.gethostname(), "pid": 1, "created": 1.0, "started": 0.0})
    runs = [
        dataclasses.replace(
            run_of(experiment, config, str(n), "FINISHED"),
            tags={TAG_OWNER: owner},
            ended=30.0 if experiment is plan[0][0] else 70.0,
        )
        for n, (experiment, config) in enumerate(plan)
    ]
    names = [experiment.name for experiment, _ in plan]
    assert set(names) == {"parameter-count", "gradient-decay"}
    alone = [[pair for pair in plan if pair[0].name == name] for name in dict.fromkeys(names)]
    parts = [estimate(one, runs) for one in alone]
    assert all(part and part[0] > 0 for part in parts)
    assert estimate(plan, runs) == pytest.approx([sum(ends) for ends in zip(*parts, strict=True)])
    assert estimate(plan, runs[:1]) is None
    assert estimate([], []) == (0.0, 0.0)


def test_runs_of_a_real_store_are_judged(store: Store) -> None:
    for experiment, config in WIDTH.configs():
        record(store, experiment, config, "one comparison")
    experiment, config = GATES.configs()[0]
    (waiting,) = queue.submit(store, experiment, [config])
    found = Evidence(store.table).judge(store.runs(), {})
    assert found.verdicts[10].outcome != "not measured yet"
    assert [run.run_id for run in needed_by([GATES], found).active] == [waiting]


@pytest.mark.slow
def test_the_process_gives_what_the_claims_need() -> None:
    found = compute_in_subprocess()
    assert sorted(found) == [claim.number for claim in CLAIMS if claim.compute is not None]
    results = Results(computed=found)
    judged = [claim for claim in CLAIMS if claim.compute is not None and not claim.measurements]
    assert all(claim.verdict(results).outcome == "holds" for claim in judged)


def test_a_process_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        code = "import sys; sys.exit('first line\\nModuleNotFoundError: no torch')"
        return real([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    real = subprocess.run
    monkeypatch.setattr("experiments.evidence.subprocess.run", fail)
    with pytest.raises(NotComputed, match="no torch"):
        compute_in_subprocess()


def test_a_process_that_takes_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("python", 300)

    monkeypatch.setattr("experiments.evidence.subprocess.run", hang)
    with pytest.raises(NotComputed, match="timed out"):
        compute_in_subprocess()
