"""Which sweep answers a question: the one that was pinned, a suite's, else the most telling one."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import pandas

from core.analysis.runs import finished_run
from core.analysis.sweeps import Sweep, headline, sweeps
from core.experiment import Experiment
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.length_quality import LENGTH_QUALITY
from core.store.records import TAG_ARCHIVED, TAG_PINNED, TAG_SWEEP_NAME, RunRecord, Status

ids = itertools.count(1)

USUAL = ("rnn", "lstm", "gru")


def launched(
    name: str,
    variants: Sequence[str] = USUAL,
    settings: Mapping[str, Sequence[Any]] | None = None,
    *,
    experiment: Experiment = GRADIENT_DECAY,
    statuses: Sequence[Status] = (),
    tags: Mapping[str, str] | None = None,
) -> list[RunRecord]:
    """The runs of one sweep, launched after those of earlier calls."""
    runs = []
    for place, config in enumerate(experiment.configs(variants, settings or {})):
        run = finished_run(f"run{next(ids)}", experiment.name, config.flat(), order=next(ids))
        status = statuses[place] if place < len(statuses) else "FINISHED"
        runs.append(dataclasses.replace(run, sweep=name, status=status, tags=tags or {}))
    return runs


def chosen(
    *of_sweeps: list[RunRecord], declared: Mapping[str, int] | None = None, right: float = 90.0
) -> str:
    """The name of the headline sweep; the models of sweeps named `poor` are hardly trained."""
    runs = list(itertools.chain(*of_sweeps))
    experiment = LENGTH_QUALITY if runs[0].experiment == LENGTH_QUALITY.name else GRADIENT_DECAY

    def table(run: RunRecord, name: str) -> pandas.DataFrame:
        within = 5.0 if run.sweep == "poor" else right
        return pandas.DataFrame([{"bottleneck": 9.0, "within_accuracy": within}])

    def rank(sweep: Sweep) -> int:
        return (declared or {}).get(sweep.name, 0)

    sweep = headline(experiment, sweeps(runs), table, rank)
    return sweep.name if sweep else ""


def test_a_newer_test_of_one_run_does_not_displace_a_comparison() -> None:
    assert chosen(launched("all three"), launched("test", ["lstm"])) == "all three"


def test_a_complete_comparison_comes_before_a_partial_one() -> None:
    partial = launched("partial", statuses=["FINISHED", "FINISHED", "RUNNING"])
    assert chosen(launched("complete"), partial) == "complete"


def test_the_usual_cells_and_settings_come_before_special_ones() -> None:
    deep = launched("three layers", settings={"layers": [3]})
    bias = launched("forget bias", ["lstm"], {"forget_bias": [0, 1, 2, 3, 4]})
    assert chosen(launched("usual"), deep, bias) == "usual"
    preset = [dataclasses.replace(run, sweep="preset") for run in launched("")]
    shape = GRADIENT_DECAY.presets["chapter"]
    preset = [dataclasses.replace(run, settings={**run.settings, **shape}) for run in preset]
    assert chosen(deep, preset, launched("other", settings={"layers": [2]})) == "preset"


def test_among_equals_more_seeds_and_then_the_newest_count() -> None:
    many = launched("32 seeds", settings={"seeds": [32]})
    assert chosen(many, launched("8 seeds")) == "32 seeds"
    assert chosen(launched("older"), launched("newer")) == "newer"


def test_models_that_are_hardly_trained_come_last() -> None:
    both = {"attention": ["none", "dot"]}
    poor = launched("poor", USUAL, both, experiment=LENGTH_QUALITY)
    assert chosen(launched("good", ["lstm"], both, experiment=LENGTH_QUALITY), poor) == "good"
    assert chosen(poor) == "poor"


def test_a_suite_declares_its_headline_once_that_has_ended() -> None:
    running = launched("suite", ["lstm", "gru"], statuses=["FINISHED", "RUNNING"])
    ended = launched("suite", ["lstm", "gru"])
    assert chosen(ended, launched("newer"), declared={"suite": 1}) == "suite"
    assert chosen(running, launched("newer"), declared={"suite": 1}) == "newer"
    assert chosen(ended, launched("larger"), declared={"suite": 1, "larger": 2}) == "larger"


def test_what_was_pinned_last_comes_first() -> None:
    first = launched("first", ["lstm"], tags={TAG_PINNED: "1000.5"})
    last = launched("last", ["gru"], tags={TAG_PINNED: "2000.5"})
    odd = launched("edited by hand", ["rnn"], tags={TAG_PINNED: "yes"})
    assert chosen(last, first, odd, launched("suite"), declared={"suite": 1}) == "last"
    assert chosen(odd, launched("suite"), declared={"suite": 1}) == "edited by hand"


def test_archived_sweeps_are_never_shown() -> None:
    archived = launched("archived", tags={TAG_ARCHIVED: "ana"})
    pinned = launched("pinned", tags={TAG_ARCHIVED: "ana", TAG_PINNED: "1.0"})
    assert chosen(archived, pinned, launched("test", ["lstm"])) == "test"
    assert chosen(archived) == ""


def test_without_any_result_it_is_the_newest() -> None:
    failed = launched("failed", statuses=["FAILED"] * 3)
    assert chosen(failed, launched("queued", statuses=["SCHEDULED"] * 3)) == "queued"
    assert headline(GRADIENT_DECAY, [], lambda run, name: None) is None


def test_a_run_that_a_later_one_has_made_up_for_is_not_missing() -> None:
    failed, again = launched("one", ["rnn"], statuses=["FAILED"]), launched("one", ["rnn"])
    assert Sweep("one", (*failed, *again)).missing == ()
    assert Sweep("one", tuple(failed)).missing == tuple(failed)


def test_the_subject_of_a_sweep_has_no_stamp() -> None:
    subjects = {
        "chapter 2026-11-23 04:30:12 7f3a forget bias": "chapter: forget bias",
        "gradient-decay 2026-11-23 04:30:12 7f3a": "Gradient flow",
        "mine": "mine",
    }
    assert {name: Sweep(name, tuple(launched(name))).subject for name in subjects} == subjects
    called = launched("mine", tags={TAG_SWEEP_NAME: "gradient-decay"})
    assert Sweep("mine", tuple(called)).subject == "gradient-decay", "as somebody called it"
