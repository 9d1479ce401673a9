"""The Chapter page in every state: predict first, start what is missing, read the verdict."""

from __future__ import annotations

from concurrent.futures import Future
from typing import get_args

import pytest
from streamlit.testing.v1 import AppTest

from core.chapter import CHAPTERS, CLAIMS
from core.chapter.claim import Facts, PropertyRow, Question, Section, Verdict
from core.chapter.cost import WIDTH
from core.chapter.gradients import BY_GAIN
from core.chapter.quiz import EXERCISES, QUIZ, Answer
from core.experiments import config_of
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.parameter_count import PARAMETER_COUNT
from core.store.tracking import Store
from dashboard.ui.browser import SCROLL
from dashboard.ui.text import plain
from dashboard.views import claim_runs
from dashboard.views.chapter import claims, figures, predictions, quiz
from dashboard.views.chapter.predictions import Guess
from experiments.evidence import ClaimStatus, Evidence, NotComputed, needed_by
from tests.dashboard.conftest import Show, texts
from tests.dashboard.scenes import NASTY, record

CHAPTER = "views/chapter/page.py"

FACTS: dict[int, Facts] = {
    2: {"matrices": [[[2.0, 1.0], [6.0, 3.0]], [[2.0, 3.0], [2.0, 0.0]]]},
    12: {"widths": [64, 128], "refusal": "a decoder has one direction"},
}

READ = {"jacobian", "decay", "ratios", "gradient", "lags", "context", "lengths", "widths"}
"""Tables, beside the summaries, that rules and figures read."""

JACOBIAN = plain("8 of 8 entries are the textbook's.")


@pytest.fixture(autouse=True)
def computed(monkeypatch: pytest.MonkeyPatch) -> Future[dict[int, Facts]]:
    """What was computed on the spot: two claims only, and without a process."""
    done: Future[dict[int, Facts]] = Future()
    done.set_result(FACTS)
    monkeypatch.setattr("dashboard.views.chapter.claims._computing", lambda: done)
    return done


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[Store]:
    """Stores for which a worker was asked, instead of real workers."""
    asked: list[Store] = []
    monkeypatch.setattr("experiments.worker.ensure_worker", asked.append)
    return asked


def label_of(app: AppTest, number: int) -> str:
    return next(str(e.label) for e in app.expander if str(e.label).startswith(f"**{number}** "))


def keys(app: AppTest) -> set[str]:
    return {str(button.key) for button in app.button}


def test_an_empty_store_shows_every_claim_in_order_and_what_is_missing(
    store: Store, show: Show
) -> None:
    app = show(CHAPTER)
    assert not app.exception
    assert app.subheader[0].value == ":green[1 holds] · :gray[14 not measured yet]"
    labels = [str(e.label).split("**")[1] for e in app.expander]
    assert labels == [str(c.number) for s in get_args(Section) for c in CLAIMS if c.section == s]
    assert "Holds" in label_of(app, 2)
    assert all("Not measured yet" in label_of(app, n) for n in (4, 10, 14))
    assert "run-10" not in keys(app), "a closed claim is not drawn"


def test_every_claim_can_be_opened_by_a_link(store: Store, show: Show) -> None:
    app = show(CHAPTER, claim=[str(claim.number) for claim in CLAIMS], predict="true")
    assert not app.exception
    said, there = texts(app), keys(app)
    for claim in CLAIMS:
        assert plain(claim.statement) in said
        assert plain(claim.question.text) in said
        assert f"commit-{claim.number}" in there
        assert (f"run-{claim.number}" in there) == bool(claim.measurements)


def test_the_figure_is_hidden_until_a_guess_is_committed(store: Store, show: Show) -> None:
    app = show(CHAPTER, claim="2", predict="true")
    assert JACOBIAN not in texts(app)
    assert plain("0 of 22 predicted") in texts(app)
    app.button(key="commit-2").click().run()
    assert "Choose or type a guess first" in app.warning[0].value
    assert JACOBIAN not in texts(app)
    app.number_input(key="guess-2").set_value(5.0).run()
    assert JACOBIAN not in texts(app), "typed, not committed"
    app.button(key="commit-2").click().run()
    assert JACOBIAN in texts(app)
    assert plain("You guessed 5; measured: 6.") in texts(app)
    assert "Holds" in label_of(app, 2)
    assert plain("1 of 22 predicted, 0 right") in texts(app)


def test_a_guess_stays_for_the_session(store: Store, show: Show) -> None:
    app = show(CHAPTER, claim="2", predict="true")
    app.number_input(key="guess-2").set_value(6.0).run()
    app.button(key="commit-2").click().run()
    app.switch_page("views/runs.py").run()
    app.switch_page(CHAPTER).run()
    app.query_params["claim"] = "2"
    app.query_params["predict"] = "true"
    app.run()
    assert plain("You guessed 6, which is right.") in texts(app)


def test_everything_is_shown_unless_somebody_wants_to_predict(store: Store, show: Show) -> None:
    app = show(CHAPTER, claim="2", predict="true")
    app.button(key="reveal-2").click().run()
    assert JACOBIAN in texts(app)
    assert "You guessed" not in texts(app)
    every = show(CHAPTER, claim="2")
    assert JACOBIAN in texts(every)
    assert not [key for key in keys(every) if key.startswith("commit-")]


def test_a_guess_waits_for_a_measurement(store: Store, show: Show) -> None:
    app = show(CHAPTER, claim="10", predict="true")
    app.radio(key="guess-10").set_value("About 8×").run()
    app.button(key="commit-10").click().run()
    assert plain("it is not measured yet") in texts(app)
    assert "Not measured yet" in label_of(app, 10)


def test_run_queues_exactly_the_missing_configs_as_one_comparison(
    store: Store, show: Show, workers: list[Store]
) -> None:
    configs = [config for _, config in WIDTH.configs()]
    for config in configs[:2]:
        record(store, PARAMETER_COUNT, config, "before")
    record(store, PARAMETER_COUNT, configs[2], "before", "FAILED")
    record(store, PARAMETER_COUNT, configs[3], "before", "SCHEDULED")
    app = show(CHAPTER, claim="10")
    assert "2 of 12 runs measured" in str(app.get("progress")[0].proto.text)
    assert any(text.value.startswith("2 of 12 measured; 9 runs") for text in app.text)
    app.button(key="run-10").click().run()
    assert not app.exception
    queued = [run for run in store.runs(status="SCHEDULED") if run.sweep != "before"]
    assert [config_of(run) for run in queued] == [configs[2], *configs[4:]]
    assert len({run.sweep for run in queued}) == 1
    assert len(workers) == 1
    assert "run-10" not in keys(app)
    assert "Being measured" in label_of(app, 10)


def test_a_claim_of_several_experiments_is_one_comparison(
    store: Store, show: Show, workers: list[Store]
) -> None:
    show(CHAPTER, claim="9").button(key="run-9").click().run()
    runs = store.runs()
    assert {run.experiment for run in runs} == {e.name for e, _ in CLAIMS[8].configs()}
    assert len({run.sweep for run in runs}) == 1


def test_all_that_is_missing_is_queued_at_once(
    store: Store, show: Show, workers: list[Store]
) -> None:
    app = show(CHAPTER)
    assert "run-all" not in keys(app), "behind a second click"
    app.session_state["all-missing"] = True
    app.run()
    app.button(key="run-all").click().run()
    wanted = {(e.name, str(config)) for claim in CLAIMS for e, config in claim.configs()}
    queued = [(run.experiment, str(config_of(run))) for run in store.runs()]
    assert set(queued) <= wanted
    assert len(queued) == len(set(queued))
    assert "run-all" not in keys(app)


def test_a_failed_run_says_why_and_can_be_run_again(store: Store, show: Show) -> None:
    config = WIDTH.configs()[0][1]
    record(store, PARAMETER_COUNT, config, "before", "FAILED")
    app = show(CHAPTER, claim="10")
    assert plain(NASTY) in app.warning[0].value
    assert "A run failed" in label_of(app, 10)
    assert "run-10" in keys(app)


def test_a_measured_claim_links_its_runs(store: Store, show: Show) -> None:
    ids = [record(store, PARAMETER_COUNT, config, "one") for _, config in WIDTH.configs()]
    app = show(CHAPTER, claim="10")
    app.session_state["more-10"] = True
    app.run()
    assert not app.exception
    links = [str(link.proto.query_string) for link in app.get("page_link")]
    assert {f"run={run_id}" for run_id in ids} <= set(links)
    assert any(all(run_id[:8] in link for run_id in ids) for link in links), "its figures"
    assert "run-10" not in keys(app)
    asked = next(question for question in QUIZ if question.claim == 10)
    app.radio(key="choice-10").set_value(asked.choices[0]).run()
    app.button(key="check-10").click().run()
    assert "Measured here" in texts(app)
    assert ("Correct" in texts(app)) != ("Incorrect" in texts(app))


@pytest.mark.slow
def test_with_everything_measured_nothing_is_left_to_start(store: Store, show: Show) -> None:
    chapter = next(iter(CHAPTERS.values()))  # made-up numbers say nothing of what came after it
    for experiment, config in needed_by(chapter, ClaimStatus()).to_start:
        unread = {row.table for row in experiment.rows} - READ - {experiment.summary.table}
        record(store, experiment, config, "all", without=unread)
    numbers = {claim.number for claim in chapter}
    app = show(CHAPTER, claim=[str(number) for number in numbers])
    assert not app.exception
    verdicts = Evidence(store.table).judge(store.runs(), FACTS).verdicts
    for question in QUIZ:
        if question.claim != 5:
            assert {*question.cites} <= {*verdicts[question.claim].numbers}, question.text
    waiting = {number for number in numbers if "Not measured yet" in label_of(app, number)}
    not_computed = {c.number for c in chapter if not c.measurements and c.number not in FACTS}
    assert waiting == {*not_computed, 5}, "made-up singular values are all on one side of 1"
    to_start = {f"{verb}-{number}" for verb in ("run", "commit") for number in numbers}
    assert not to_start & keys(app)
    charts = len(app.get("vega_lite_chart"))
    assert charts == len(numbers & {*figures.FIGURES}) - 1, "claim 3 was not computed"


def test_an_exercise_starts_its_runs_and_asks_for_the_prediction_first(
    store: Store, show: Show, workers: list[Store]
) -> None:
    app = show(CHAPTER)
    app.button(key="run-exercise-1").click().run()
    assert [config_of(run) for run in store.runs()] == EXERCISES[0].measurement.configs()
    for run in store.runs():
        store.end(run.run_id, "KILLED")
    for config in EXERCISES[0].measurement.configs():
        record(store, PARAMETER_COUNT, config, "again")
    app = show(CHAPTER, predict="true")
    assert "run-exercise-1" not in keys(app)
    assert "Claim 10 asks for your prediction first" in texts(app)
    assert "The ratio is" not in texts(app)
    assert "The ratio is" in texts(show(CHAPTER))
    app.button(key="open-claim-10").click().run()
    assert app.query_params["claim"] == "10"
    assert "commit-10" in keys(app)


def test_the_quiz_answers_with_what_was_measured(store: Store, show: Show) -> None:
    app = show(CHAPTER)
    app.radio(key="choice-4").set_value(QUIZ[0].choices[0]).run()
    app.button(key="check-4").click().run()
    assert not app.exception
    assert "Not decided yet" in texts(app)
    app.button(key="again-4").click().run()
    assert "Not decided yet" not in texts(app)


def test_a_link_to_no_claim_is_explained(store: Store, show: Show) -> None:
    app = show(CHAPTER, claim=["99", "4"], predict="true")
    assert not app.exception
    assert "99" in app.warning[0].value
    assert "commit-4" in keys(app)


def test_claims_that_cannot_be_computed_say_why(
    store: Store, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: Future[dict[int, Facts]] = Future()
    failed.set_exception(NotComputed("no *module* named torch"))
    monkeypatch.setattr("dashboard.views.chapter.claims._computing", lambda: failed)
    app = show(CHAPTER)
    assert plain("no *module* named torch") in app.error[0].value
    assert "compute_again" in keys(app)


def test_claims_are_computed_while_the_page_is_there(
    store: Store, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.views.chapter.claims._computing", Future)
    app = show(CHAPTER)
    assert "Computing the claims that need no run" in texts(app)
    assert "Being measured" in label_of(app, 2)
    assert "Not measured yet" in label_of(app, 10)


CHOICE, NUMBER = Question("Which?", ("a", "b")), Question("How many?", unit="steps")


def verdict(answer: str | float | None) -> Verdict:
    return Verdict("holds", "Measured.", answer=answer)


def test_a_guess_is_right_wrong_or_open() -> None:
    assert predictions.is_right(Guess("a"), verdict("a")) is True
    assert predictions.is_right(Guess("b"), verdict("a")) is False
    assert predictions.is_right(Guess(28.0), verdict(28.6)) is True
    assert predictions.is_right(Guess(20.0), verdict(28.6)) is False
    assert predictions.is_right(Guess("a"), verdict(None)) is None
    assert predictions.is_right(Guess(), verdict("a")) is None


def test_a_guess_is_told_beside_what_was_measured() -> None:
    assert (
        predictions.feedback(Guess("a"), verdict("a"), CHOICE) == "You guessed “a”, which is right."
    )
    assert (
        predictions.feedback(Guess("a"), verdict("b"), CHOICE) == "You guessed “a”; measured: “b”."
    )
    assert predictions.feedback(Guess(28.0), verdict(28.6), NUMBER) == (
        "You guessed 28 steps, which is right (measured: 28.6 steps)."
    )
    assert "do not decide it" in predictions.feedback(Guess("a"), verdict(None), CHOICE)
    assert predictions.feedback(Guess(), verdict("a"), CHOICE) == ""


def test_the_score_counts_what_is_known() -> None:
    found = {1: verdict("a"), 2: verdict("b"), 3: verdict(None)}
    assert predictions.score({}, found) == "0 of 22 predicted"
    assert predictions.score({1: Guess()}, found) == "0 of 22 predicted"
    made = {1: Guess("a"), 2: Guess("a"), 3: Guess("a")}
    assert predictions.score(made, found) == ("3 of 22 predicted, 1 of 2 that are measured right")
    assert predictions.score({1: Guess("a"), 2: Guess("a")}, found) == "2 of 22 predicted, 1 right"
    assert predictions.score({3: Guess("a")}, found) == "1 of 22 predicted"


def test_what_the_browser_kept_is_taken_up_again(
    store: Store, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = predictions.Memory({2: Guess(6.0), 10: Guess("About 8×"), 3: Guess()}, {10: "About 8×"})
    text = kept.text()
    monkeypatch.setattr("dashboard.ui.browser.kept", lambda name, own: own or text)
    app = show(CHAPTER, claim="2", predict="true")
    assert plain("You guessed 6, which is right.") in texts(app)
    assert plain("2 of 22 predicted, 1 of 1 that are measured right") in texts(app)
    assert "again-10" in keys(app), "the quiz too"
    assert {*app.query_params} == {"claim", "predict"}, "no guess in the address"


def test_what_the_browser_kept_may_be_anything() -> None:
    for text in ("", "nonsense", "[]", '{"guesses": 3}', '{"guesses": {}, "quiz": null}'):
        own = predictions.Memory()
        own.add(text)
        assert (own.guesses, own.quiz) == ({}, {})
    own = predictions.Memory({8: Guess("No further")})
    own.add('{"guesses": {"8": null, "2": "six", "4": 28, "99": 1, "10": []}, "quiz": {"10": {}}}')
    assert own.guesses == {8: Guess("No further"), 4: Guess(28)}
    assert own.quiz == {}


def test_the_wall_opens_a_claim_and_all_of_them(store: Store, show: Show) -> None:
    app = show(CHAPTER)
    app.button(key="wall-8").click().run()
    assert app.query_params["claim"] == "8"
    assert "run-8" in keys(app)
    app.button(key="Open all").click().run()
    assert app.query_params["claim"] == claims.NUMBERS
    app.button(key="Close all").click().run()
    assert not app.query_params.get("claim")
    assert not app.exception


def test_a_run_that_two_open_places_ask_for_may_fail(store: Store, show: Show) -> None:
    """Claim 11 and its exercise share a cancelled run, claims 4 and 5 a failed one."""
    record(store, GRADIENT_DECAY, EXERCISES[2].measurement.configs()[1], "before", "KILLED")
    record(store, GRADIENT_DECAY, BY_GAIN.configs()[1], "before", "FAILED")
    app = show(CHAPTER, claim=claims.NUMBERS)
    assert not app.exception
    assert "check-13" in keys(app), "the quiz, at the end of the page"


def test_the_quiz_counts_what_somebody_can_tell() -> None:
    answers = dict(enumerate([Answer("a", "", ()), Answer("b", "", ()), Answer(None, "", ())]))
    assert quiz.score({}, answers) == ""
    assert quiz.score({2: "a"}, answers) == ""
    assert quiz.score({0: "a", 1: "a", 2: "a"}, answers) == "1 of 2 right."


def test_every_outcome_has_a_mark_in_words() -> None:
    for outcome in claim_runs.BADGES:
        assert outcome.split()[0] in claim_runs.outcome_badge(outcome).lower()
    assert len({badge.icon for badge in claim_runs.BADGES.values()}) == len(claim_runs.BADGES)


def test_the_table_of_the_cells_shows_what_machines_are_called_as_text() -> None:
    lines = [
        PropertyRow(f"Speed on {NASTY}", ("a", "b", "c"), ("1", "*2*", "3"), None),
        PropertyRow("Gates", ("0", "3", "2"), ("–",) * 3, None, missing=True),
    ]
    shown = claims.property_table(lines)
    assert shown.index[0] == plain(f"Speed on {NASTY}")
    assert shown["LSTM"].tolist() == [r"\*2\*", "–"]
    assert shown["As claimed"].tolist() == ["not decided", "–"]


def test_claims_are_numbered_as_the_address_numbers_them() -> None:
    assert [str(number) for number in range(1, 23)] == claims.NUMBERS


def test_a_link_to_a_claim_starts_there_once(store: Store, show: Show) -> None:
    app = show(CHAPTER, claim="8")
    place, which = app.session_state[SCROLL]
    assert place == "claim-8"
    assert app.run().session_state[SCROLL] == (place, which), "a rerun is no new arrival"
    assert SCROLL not in show(CHAPTER, claim=["8", "9"]).session_state
