"""The claims of both chapters, in their order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from core.chapter import CLAIMS, RECURRENCE, SUCCESSORS, claims_measured_by
from core.chapter.claim import Claim, Outcome, Results, Section, combined, every, of_parts
from core.chapter.quiz import EXERCISES
from core.formatting import listed
from core.settings import settings_of


def test_there_are_fifteen_and_seven_in_order() -> None:
    assert [claim.number for claim in RECURRENCE] == list(range(1, 16))
    assert [claim.number for claim in SUCCESSORS] == list(range(16, 23))
    assert (*RECURRENCE, *SUCCESSORS) == CLAIMS
    assert {claim.source for claim in RECURRENCE} == {"Textbook"}
    assert all(claim.source[-4:].isdigit() for claim in SUCCESSORS)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: str(claim.number))
def test_every_claim_says_what_it_is(claim: Claim) -> None:
    texts = (claim.title, claim.statement, claim.method, claim.question.text, claim.formula)
    for text in (*texts, claim.quantity, claim.textbook, claim.why):
        assert text.strip()
    assert claim.section in get_args(Section)
    assert claim.statement.endswith(".")
    assert claim.question.text.endswith(("?", ".", "million."))
    assert len(set(claim.question.choices)) == len(claim.question.choices) != 1
    assert claim.measurements or claim.compute, "nothing measures it"


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: str(claim.number))
def test_what_measures_a_claim_can_be_launched_and_counts(claim: Claim) -> None:
    for measurement in claim.measurements:
        configs = measurement.configs()
        known = {setting.name for setting in settings_of(measurement.experiment.config)}
        assert set(measurement.settings) <= known | {"seeds", "launches"}
        for config in configs:
            assert measurement.includes(config.flat())
            assert claim in claims_measured_by(measurement.experiment, config.flat())
    assert claim.missing(Results()) == claim.configs()


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: str(claim.number))
def test_a_claim_without_results_is_not_measured_yet(claim: Claim) -> None:
    verdict = claim.verdict(Results())
    assert verdict.outcome == "not measured yet"
    assert verdict.figure
    assert verdict.answer is None
    assert verdict.evidence == ()
    assert verdict.sentence.startswith("Not measured yet. ")


def test_the_three_exercises_start_runs_of_their_claims() -> None:
    assert [exercise.claim.number for exercise in EXERCISES] == [10, 8, 11]
    for exercise in EXERCISES:
        assert exercise.measurement in exercise.claim.measurements
        assert exercise.title.strip()
        assert exercise.task.endswith("?")


def test_parts_make_a_verdict() -> None:
    outcomes = {
        (True, True): "holds",
        (True, None): "not decided",
        (None,): "not decided",
        (True, False, None): "partly",
        (False, None): "not decided",
        (False,): "does not hold",
    }
    for truths, outcome in outcomes.items():
        assert combined(truths, "").outcome == outcome in get_args(Outcome)


def test_each_part_is_said_with_its_verdict() -> None:
    parts = {"it rains": True, "it snows": False, "it pours": True, "it hails": None}
    verdict = of_parts(parts, "Wet.")
    assert verdict.sentence == (
        "Partly. Holds: it rains; it pours. Does not hold: it snows. Not decided: it hails. Wet."
    )
    assert [part.truth for part in verdict.parts] == [True, False, True, None]
    assert of_parts({"it snows": False}, "Dry.").sentence == (
        "Does not hold. Does not hold: it snows. Dry."
    )


def test_what_must_all_be_true() -> None:
    assert every([True, None, False]) is False
    assert every([True, None]) is None
    assert every([True, True]) is True


def test_names_are_joined_by_or() -> None:
    assert [listed(names, "or") for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a or b",
        "a, b or c",
    ]


def test_claims_are_read_and_judged_without_torch() -> None:
    code = (
        "import sys; from core.chapter import CLAIMS, Results;"
        "[claim.verdict(Results()) for claim in CLAIMS]; sys.exit('torch' in sys.modules)"
    )
    project = Path(__file__).resolve().parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=project, check=False).returncode == 0
