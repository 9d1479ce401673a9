"""The overview: one card per question, what is new since yesterday, and one next step."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import pytest

from core.analysis.runs import finished_run
from core.chapter import CLAIMS
from core.experiments import all_experiments, experiment_named
from core.store.records import TAG_USER, RunRecord, Status
from core.store.tracking import Store
from dashboard.navigation import CHAPTER, LAUNCH, OVERVIEW
from dashboard.ui.text import day
from dashboard.views import news
from tests.core.analysis.test_one_verdict import Measured
from tests.dashboard.conftest import Show, texts
from tests.dashboard.scenes import record

GRADIENT, *OTHERS = all_experiments()


def ended(hours_ago: float, status: Status, user: str = "") -> RunRecord:
    run = finished_run("run", GRADIENT.name, {}, order=-3600 * hours_ago)
    return dataclasses.replace(run, status=status, tags={TAG_USER: user} if user else {})


def test_what_ended_within_a_day_is_new() -> None:
    runs = [
        ended(30, "FINISHED", "ana"),
        ended(20, "FAILED", "ben"),
        ended(2, "FINISHED", "ana"),
        ended(1, "FINISHED", "ana"),
        dataclasses.replace(ended(0, "RUNNING"), ended=None),
    ]
    new = news.since_yesterday(runs, now=0.0)
    assert {status: len(of) for status, of in new.items()} == {"FAILED": 1, "FINISHED": 2}
    assert news.people_in_words([run for of in new.values() for run in of]) == "ana 2, ben 1"
    assert news.people_in_words(runs[:0]) == ""


def test_the_next_step_is_the_first_thing_that_is_missing() -> None:
    clear = {"lstm": [9.0, 9.1, 9.2, 9.1] * 3, "rnn": [1.0, 1.1, 1.2, 1.1] * 3}
    answered = [(e, Measured(e, clear).comparison()) for e in all_experiments()]
    assert news.next_step(answered, []) is None
    claim = news.next_step(answered, CLAIMS[3:5])
    assert claim is not None
    assert (claim.page, claim.query) == (CHAPTER, {"claim": "4"})
    assert claim.text == "Claim 4 of the chapter is not measured yet, nor is 1 other."
    quality = experiment_named("length-quality")
    few = Measured(quality, {name: values[:2] for name, values in clear.items()}).comparison()
    seeds = news.next_step([*answered, (quality, few)], CLAIMS)
    assert seeds is not None
    assert "seeds each are needed to rank bottleneck length" in seeds.text
    question = news.next_step([(quality, few), (GRADIENT, None)], CLAIMS)
    assert question is not None
    assert (question.page, question.query["experiment"]) == (LAUNCH, GRADIENT.name)


def test_the_next_step_is_nothing_that_is_on_its_way() -> None:
    claim = next(claim for claim in CLAIMS if claim.number == 4)
    runs = [
        dataclasses.replace(
            finished_run(str(place), experiment.name, config.flat()), status="SCHEDULED"
        )
        for place, (experiment, config) in enumerate(claim.configs())
    ]
    assert claim not in news.unmeasured(runs)
    assert claim in news.unmeasured([dataclasses.replace(run, status="FAILED") for run in runs])
    question = news.next_step([(GRADIENT, None)], [claim])
    assert question is not None
    assert question.page == LAUNCH
    after = news.next_step([(GRADIENT, None)], [claim], active=[GRADIENT.name])
    assert after is not None
    assert after.page == CHAPTER
    assert news.next_step([(GRADIENT, None)], [], active=[GRADIENT.name]) is None


def test_a_store_without_runs_lacks_every_claim_that_needs_one() -> None:
    assert news.unmeasured([]) == [claim for claim in CLAIMS if claim.measurements]
    (claim,) = [claim for claim in CLAIMS if claim.number == 4]
    runs = [
        finished_run(str(place), experiment.name, config.flat())
        for place, (experiment, config) in enumerate(claim.configs())
    ]
    assert claim not in news.unmeasured(runs)
    assert claim in news.unmeasured(runs[1:])


def test_every_card_has_its_number_its_conditions_and_who_launched_it(
    scene: Callable[[str], Store], show: Show
) -> None:
    store = scene("full")
    app = show(OVERVIEW.path)
    assert not app.exception
    said = texts(app)
    (user,) = {run.user for run in store.runs()}
    assert said.count("one layer, 64 units") == len(all_experiments())
    assert said.count(f" runs · {day(time.time())} by {user}") == len(all_experiments())
    assert len(app.get("vega_lite_chart")) == 6  # two rows of three: with more it is no screen


def test_a_test_of_one_run_leaves_the_front_page_and_a_pin_decides_it(
    store: Store, show: Show
) -> None:
    for sweep, variants in (("team", ["rnn", "lstm", "gru"]), ("test", ["lstm"])):
        for config in GRADIENT.configs(variants, {}):
            record(store, GRADIENT, config, sweep)
    page = "views/results/gradient_flow.py"
    assert "· 3 runs · " in texts(show(OVERVIEW.path))
    assert "team · 3 runs" in texts(show(page))
    app = show(page, sweep="test")
    assert "test · 1 run" in texts(app)
    app.button(key="pin-test").click().run()
    assert not app.exception
    assert all(run.pinned == (run.sweep == "test") for run in store.runs())
    assert "· 1 run · " in texts(show(OVERVIEW.path))
    app = show(page)
    assert "test · 1 run" in texts(app)
    app.button(key="pin-test").click().run()
    assert "team · 3 runs" in texts(show(page))


@pytest.mark.parametrize("name", ["queued", "all failed"])
def test_a_question_without_a_result_says_why(
    name: str, scene: Callable[[str], Store], show: Show
) -> None:
    scene(name)
    app = show(OVERVIEW.path)
    assert not app.exception
    said = texts(app)
    wanted = {"queued": "Being measured now", "all failed": "No result"}[name]
    assert said.count(wanted) == len(all_experiments())


def test_runs_selected_by_hand_are_named_after_their_own_sweeps(store: Store, show: Show) -> None:
    for sweep, variant in (("first", "rnn"), ("second", "lstm"), ("third", "gru")):
        for config in GRADIENT.configs(
            [variant], {"forget_bias": [0, 1]} if variant == "lstm" else {}
        ):
            record(store, GRADIENT, config, sweep)
    ids = [run.run_id[:8] for run in store.runs()]
    app = show("views/results/gradient_flow.py", runs=[ids[0], ids[-1]], sweep="second")
    said = texts(app)
    assert "first and third · 2 runs" in said
    assert "selected by hand" in said
    assert "second ·" not in said
    assert "sweep=second" not in said
    part = show("views/results/gradient_flow.py", runs=ids[1:2], sweep="third")
    assert "second · 1 run" in texts(part)
