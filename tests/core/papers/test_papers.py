"""Every card: its words, its source, the runs that measure it, and what it says before they do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from core.chapter import CLAIMS, Claim
from core.chapter.claim import MeasuredClaim, Outcome, Results
from core.papers import PAPERS, REPRODUCTION, REPRODUCTION_VERBS, Paper, paper_named
from core.settings import settings_of
from experiments.suites import suite_named

EVERY_PAPER = pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.name)


def test_there_are_eleven_the_oldest_first() -> None:
    assert len({paper.name for paper in PAPERS}) == len(PAPERS) == 11
    assert [paper.year for paper in PAPERS] == sorted(paper.year for paper in PAPERS)
    assert all(paper_named(paper.name) is paper for paper in PAPERS)


@EVERY_PAPER
def test_a_card_says_what_was_published_where_and_how_this_differs(paper: Paper) -> None:
    assert paper.name.endswith(f"-{paper.year}")
    assert paper.link.startswith("https://")
    assert str(paper.year) in paper.citation
    texts = (paper.source, paper.setup, paper.published, paper.method, paper.differences)
    for text in texts:
        assert text.endswith(".")
    for text in (paper.title, paper.authors, paper.place):
        assert text.strip()
        assert not text.endswith(".")
    assert all(expectation.statement.endswith(".") for expectation in paper.expectations)


@EVERY_PAPER
def test_the_runs_of_a_card_can_be_launched_and_each_network_is_one_kind(paper: Paper) -> None:
    kinds = set()
    for measurement in paper.networks.values():
        known = {setting.name for setting in settings_of(measurement.experiment.config)}
        assert set(measurement.settings) <= known | {"seeds"}
        assert len(measurement.kinds) == 1
        kinds |= set(measurement.kinds)
    assert len(kinds) == len(paper.networks), "no two networks are the same"
    assert paper.missing(Results()) == paper.configs()


@EVERY_PAPER
def test_without_results_a_card_names_what_is_missing(paper: Paper) -> None:
    verdict = paper.verdict(Results())
    assert verdict.outcome == "not measured yet"
    assert all(name in verdict.figure for name in paper.networks)
    assert verdict.parts == verdict.evidence == ()


def test_a_paper_and_a_claim_of_the_chapter_are_claims_with_a_key_of_their_own() -> None:
    both: list[MeasuredClaim] = [*CLAIMS, *PAPERS]
    assert len({claim.key for claim in both}) == len(both) == 33
    assert all(claim.key == claim.number for claim in CLAIMS if isinstance(claim, Claim))
    with pytest.raises(NotImplementedError):
        _ = MeasuredClaim().key


def test_every_outcome_has_its_words_and_no_two_the_same() -> None:
    assert set(REPRODUCTION) == set(get_args(Outcome))
    assert len(set(REPRODUCTION.values())) == len(REPRODUCTION)
    assert set(REPRODUCTION_VERBS) == set(REPRODUCTION) - {"not measured yet"}


def test_the_suite_measures_every_card_and_shares_the_runs_of_the_chapter() -> None:
    suite = suite_named("papers").configs()
    chapter = suite_named("chapter").configs()
    for paper in PAPERS:
        for measurement in paper.measurements:
            experiment = measurement.experiment
            assert any(e is experiment and measurement.includes(c.flat()) for e, c in suite)
    shared = [pair for pair in suite if pair in chapter]
    assert len(shared) >= 10, "equal to the last setting, so that they are not made twice"
    assert len(suite) - len(shared) <= 18, "about ten minutes on two cores"


def test_cards_are_read_and_judged_without_torch() -> None:
    code = (
        "import sys; from core.chapter.claim import Results; from core.papers import PAPERS;"
        "[paper.verdict(Results()) for paper in PAPERS]; sys.exit('torch' in sys.modules)"
    )
    project = Path(__file__).resolve().parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=project, check=False).returncode == 0
