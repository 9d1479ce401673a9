"""Suites: what they declare as the answer that pages show first."""

from __future__ import annotations

import pytest

from core.analysis.runs import finished_run
from core.analysis.sweeps import Sweep
from core.chapter import Measurement
from core.chapter.claim import key_of
from core.experiments import all_experiments
from core.experiments.throughput import THROUGHPUT
from core.store.bundle import read_bundle
from experiments.suites import REFERENCE, REFERENCES, headline_rank, suite_named


def swept(suite: str, part: Measurement, runs: slice = slice(None)) -> Sweep:
    name = f"{suite} 2026-11-23 04:30:12 7f3a {part.title}"
    records = [
        finished_run(str(place), part.experiment.name, config.flat())
        for place, config in enumerate(part.configs()[runs])
    ]
    return Sweep(name, tuple(records))


@pytest.mark.parametrize("suite", ["first-look", "chapter"])
def test_a_suite_has_one_headline_for_every_question(suite: str) -> None:
    declared = [part for part in suite_named(suite).parts if part.headline]
    names = [part.experiment.name for part in declared]
    assert sorted(names) == sorted(experiment.name for experiment in all_experiments())
    for part in declared:
        assert headline_rank(swept(suite, part)) > 0
        if len(part.kinds) > 1:
            assert headline_rank(swept(suite, part, slice(0, 1))) == 0  # most of it is elsewhere


def test_a_larger_suite_is_the_headline_and_other_parts_are_none() -> None:
    first, chapter = (
        next(p for p in suite_named(name).parts if p.headline) for name in ("first-look", "chapter")
    )
    assert headline_rank(swept("chapter", chapter)) > headline_rank(swept("first-look", first))
    other = next(part for part in suite_named("chapter").parts if not part.headline)
    assert headline_rank(swept("chapter", other)) == 0
    assert headline_rank(swept("mine", chapter)) == 0


def test_the_bundles_that_come_along_are_small_and_of_the_reference_suite() -> None:
    wanted = {key_of(e, config.flat()) for e, config in suite_named(REFERENCE).configs()}
    paths = sorted(REFERENCES.glob("*.zip"))
    assert paths
    for path in paths:
        assert path.stat().st_size < 300_000, path.name
        runs = read_bundle(path.name, path.read_bytes()).runs
        assert {key_of(THROUGHPUT, run.settings) for run in runs} == wanted, path.name
        assert {run.tags["device"] for run in runs} <= {"cpu", "cuda", "mps"}
        assert all(run.tags["chip"] and run.tags["host"] for run in runs)
