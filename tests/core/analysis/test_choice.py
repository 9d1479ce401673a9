"""A choice gives the known answer of made-up stores, and says what would decide the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas
from hypothesis import given, settings
from hypothesis import strategies as st

from core.analysis.choice import Choice, choose, frontier, usual_measures
from core.analysis.choice_sentences import (
    choice_answer,
    open_questions,
    place_of,
    proposal_in_words,
    rests_on,
)
from core.analysis.limits import Limit, parse_limits
from core.analysis.more_seeds import MAX_ADDED
from core.analysis.scorecard import PLAIN, Terms, scorecard
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.throughput import THROUGHPUT
from core.stats.estimates import Estimate
from tests.core.analysis.test_scorecard import AT_64, Made, quality, speed

KINDS = ("RNN", "LSTM", "GRU", "bi-LSTM")

VARIANTS = {kind: PLAIN[kind].variant for kind in KINDS}

Values = Mapping[str, Sequence[float]]


def made_of(lengths: Values, p99: Values, *, imported: bool = False) -> Made:
    """Runs with these bottleneck lengths by seed, and latencies by launch, maybe imported."""
    made = Made()
    for kind, values in lengths.items():
        for seed, value in enumerate(values):
            made.add(LENGTH_QUALITY, VARIANTS[kind], measured=quality(value), seed=seed)
    for kind, values in p99.items():
        for seed, value in enumerate(values):
            timed = speed(value)
            made.add(THROUGHPUT, VARIANTS[kind], measured=timed, seed=seed, imported=imported)
    return made


def chosen(made: Made, *limits: str, device: str = "", **by: str) -> Choice:
    columns = [PLAIN[kind] for kind in KINDS]
    asked = parse_limits(limits)
    card = scorecard(made.records, columns, AT_64, made.table, "", asked, device=device)
    return choose(card, **{"quality": "bottleneck", "cost": "latency_p99_us", **by})


def around(value: float, *, n: int = 6) -> list[float]:
    """Values of which every interval is within 1% of this one."""
    return [value * (1 + 0.001 * i) for i in range(n)]


APART = {kind: around(3.0 * 2**place) for place, kind in enumerate(KINDS)}

LEVELS = st.permutations([3.0, 6.0, 12.0, 24.0])


@given(lengths=LEVELS, costs=LEVELS, least=st.floats(2, 30), most=st.floats(2, 30))
@settings(max_examples=12, deadline=None)
def test_a_store_with_a_known_answer_gives_it(
    lengths: list[float], costs: list[float], least: float, most: float
) -> None:
    """Values far apart with little noise: what is forbidden and who beats whom is plain."""
    clear = all(abs(x / y - 1) > 0.02 for x in (3, 6, 12, 24) for y in (least, most))
    least, most = (least, most) if clear else (5.0, 18.0)
    quality_of, cost_of = (
        dict(zip(KINDS, lengths, strict=True)),
        dict(zip(KINDS, costs, strict=True)),
    )
    made = made_of(
        {kind: around(value) for kind, value in quality_of.items()},
        {kind: around(value) for kind, value in cost_of.items()},
    )
    choice = chosen(made, f"bottleneck>={least!r}", f"p99<={most!r}")
    allowed = {kind for kind in KINDS if quality_of[kind] >= least and cost_of[kind] <= most}
    best = {
        kind
        for kind in allowed
        if not any(
            quality_of[other] > quality_of[kind] and cost_of[other] < cost_of[kind]
            for other in allowed
        )
    }
    assert set(choice.fitting) == allowed
    assert set(choice.recommended) == best
    assert not any(choice.rivals.values()), "nothing of it is noise"
    assert all(choice.surely_beaten(kind) for kind in choice.beaten)
    assert set(choice.beaten) == allowed - best
    forbidden = {kind for one in choice.ruled_out for kind in one.kinds}
    assert forbidden == set(KINDS) - allowed
    answer = choice_answer(choice)
    assert answer.startswith("Choose none: ") is not bool(allowed), "all is decided"


SAMPLES = st.lists(st.sampled_from([5.0, 5.1, 20.0, 20.1]), min_size=1, max_size=6)


@given(
    lengths=st.dictionaries(st.sampled_from(KINDS), SAMPLES, min_size=1),
    costs=st.dictionaries(st.sampled_from(KINDS), SAMPLES, min_size=1),
    least=st.sampled_from([4.0, 10.0]),
    most=st.sampled_from([10.0, 30.0]),
    need=st.sampled_from(["", "streaming", "both-sides"]),
)
@settings(max_examples=25, deadline=None)
def test_what_a_limit_forbids_or_leaves_open_is_never_recommended(
    lengths: Values, costs: Values, least: float, most: float, need: str
) -> None:
    made = made_of(lengths, costs)
    limits = [f"bottleneck>={least!r}", f"p99<={most!r}", *([need] if need else [])]
    choice = chosen(made, *limits)
    for kind in choice.recommended:
        assert choice.card.fits[kind] == "fits"
        assert place_of(choice, kind).startswith("recommended")
        assert need != "streaming" or kind != "bi-LSTM"
        assert need != "both-sides" or kind == "bi-LSTM"
        for limit in choice.card.limits:
            if isinstance(limit, Limit):
                value = choice.card.lines[limit.measure].cells[kind].estimate.value
                assert value is not None
                assert limit.keeps(value)
    assert choice_answer(choice).startswith("Choose none") is not bool(choice.fitting)
    runs = sum(map(len, choice.evidence.values()))
    assert f"Based on {runs} run" in rests_on(choice)
    proposal, said = choice.proposal, proposal_in_words(choice)
    assert said.startswith("The launch that would") is (proposal is not None)
    if proposal is not None:
        planned = [config.architecture.kind for config in proposal.configs]
        assert proposal.kinds
        assert {*proposal.kinds} <= {*planned}
        assert f"({len(planned)} run" in said
        assert proposal.repeats <= MAX_ADDED


@given(points=st.dictionaries(st.text(max_size=2), st.tuples(st.integers(0, 5), st.integers(0, 5))))
def test_the_frontier_has_whom_nobody_beats_in_both(points: dict[str, tuple[float, float]]) -> None:
    best = frontier(points, ("higher", "lower"))
    for name, (q, c) in points.items():
        beaten = any((a >= q and b <= c and (a, b) != (q, c)) for a, b in points.values())
        assert (name in best) is not beaten


def test_with_nothing_measured_it_says_what_to_launch_first() -> None:
    nothing = chosen(Made(), quality="", cost="")
    assert nothing.recommended == []
    assert nothing.evidence == {}
    proposal = nothing.proposal
    assert proposal is not None
    assert proposal.why == "no quality"
    assert proposal.kinds == KINDS
    assert "no quality is measured" in choice_answer(nothing)
    limited = chosen(Made(), "span>=20").proposal
    assert limited is not None
    assert (limited.why, limited.experiment) == ("not measured", MEMORY_SPAN)
    assert {config.architecture.kind for config in limited.configs} == set(KINDS)


def test_a_launch_measures_as_far_as_the_limit() -> None:
    """Else what it measures could only be a lower bound."""
    proposal = chosen(Made(), "span>=200").proposal
    assert proposal is not None
    assert {config.flat()["longest_lag"] for config in proposal.configs} == {200}


def test_what_ended_before_the_limit_is_measured_further_with_all_it_stands_beside() -> None:
    made = made_of({}, {kind: around(10) for kind in KINDS})
    for kind in KINDS:
        span = {"span": Estimate(30.0, None, None, 3), "reported_learning_rate": 0.01}
        made.add(MEMORY_SPAN, VARIANTS[kind], measured=span, longest_lag=30)
    learned = {"lag": 30, "learning_rate": 0.01, "learned": 1.0, "steps_to_learn": 9.0, "loss": 0.1}
    lives = {"half_life_start": 2.0, "half_life_end": 4.0}
    attempts = pandas.DataFrame([{"seed": seed, **learned, **lives} for seed in range(3)])
    recorded = made.table
    made.table = lambda run, name: attempts if name == "attempts" else recorded(run, name)  # type: ignore[method-assign]
    choice = chosen(made, "span>=60", "streaming")
    assert choice.recommended == []
    proposal = choice.proposal
    assert proposal is not None
    assert (proposal.why, proposal.kinds) == ("ended too early", KINDS[:3])
    planned = {(c.architecture.kind, c.flat()["longest_lag"]) for c in proposal.configs}
    assert planned == {(kind, 60) for kind in KINDS}


def test_an_undecided_limit_neither_passes_nor_fails_and_more_launches_are_proposed() -> None:
    made = made_of(
        {kind: around(20) for kind in KINDS},
        {"RNN": around(10), "LSTM": [80, 90, 115], "GRU": around(500), "bi-LSTM": around(9)},
    )
    choice = chosen(made, "p99<=100")
    assert choice.card.fits["LSTM"] == "not decided"
    assert "LSTM" not in choice.recommended
    assert [one.kinds for one in choice.ruled_out] == [
        {"GRU": choice.card.findings["GRU"][0].reason}
    ]
    proposal = choice.proposal
    assert proposal is not None
    assert (proposal.why, proposal.kinds, proposal.repeats) == ("not decided", ("LSTM",), 3)
    assert {config.architecture.kind for config in proposal.configs} == {"LSTM"}
    assert [config.seed for config in proposal.configs] == [3, 4, 5]
    assert "3 more launches of Throughput (3 runs)" in proposal_in_words(choice)


def test_of_several_undecided_kinds_each_gets_as_many_as_decide_it() -> None:
    """Which takes more in all where one has many already."""
    made = made_of(
        {kind: around(20) for kind in KINDS},
        {"RNN": around(10), "LSTM": [60, 150, 70, 140, 75, 130, 80, 125], "GRU": [80, 90, 130]},
    )
    choice = chosen(made, "p99<=125", "streaming")
    number = {"LSTM": 8, "GRU": 3}
    found = {kind: choice.card.findings[kind][0] for kind in number}
    assert {finding.fit for finding in found.values()} == {"not decided"}
    proposal = choice.proposal
    assert proposal is not None
    most = max(number[kind] + (found[kind].repeats or 0) for kind in number)
    planned = [config.architecture.kind for config in proposal.configs]
    assert {kind: number[kind] + planned.count(kind) for kind in number} == {
        "LSTM": most,
        "GRU": most,
    }
    assert (proposal.kinds, proposal.repeats) == (("LSTM", "GRU"), most - 3)


def test_a_kind_that_can_be_compared_with_none_is_not_recommended() -> None:
    made = made_of(
        {"LSTM": around(20), "bi-LSTM": around(30)}, {"LSTM": around(10), "bi-LSTM": around(12)}
    )
    alone = chosen(made, "parameters<=40k")
    assert (alone.fitting, [*alone.points]) == (["RNN", "LSTM", "GRU"], ["LSTM"])
    assert alone.recommended == []
    assert not any(map(alone.is_sure, KINDS))
    assert "but LSTM alone has both" in choice_answer(alone)
    assert place_of(alone, "LSTM") == "fits; not compared"
    assert open_questions(alone)[-1].endswith("p99 latency: RNN and GRU.")
    some = chosen(made)
    assert some.recommended == ["LSTM", "bi-LSTM"]
    assert "without a limit, of the 2 variants that can be compared, at hidden" in choice_answer(
        some
    )
    only = chosen(made, "parameters<=30k", "parameters>=20k")
    assert (only.recommended, only.is_sure("GRU")) == (["GRU"], True), "nobody else may fit"
    assert open_questions(only) == []


def test_one_launch_of_times_is_too_few() -> None:
    choice = chosen(made_of(APART, {kind: values[:1] for kind, values in APART.items()}))
    proposal = choice.proposal
    assert proposal is not None
    assert (proposal.why, proposal.measures) == ("too few", ("latency_p99_us",))
    assert (proposal.repeats, len(proposal.plan)) == (2, 8)
    assert "2 more launches of Throughput (8 runs)" in proposal_in_words(choice)


def test_times_of_another_computer_are_to_be_repeated_there() -> None:
    lengths = {kind: around(20) for kind in KINDS}
    undecided = {"RNN": around(10), "LSTM": [80, 90, 115]}
    choice = chosen(made_of(lengths, undecided, imported=True), "p99<=100", "streaming")
    assert choice.card.that("not decided") == ["LSTM"]
    assert choice.card.that("not measured") == ["GRU"]
    assert choice.proposal is None
    assert proposal_in_words(choice) == (
        "No launch is proposed here. Throughput was measured on another computer; repeat it there."
    )
    (timed,) = (q for q in choice.card.questions if q.experiment is THROUGHPUT)
    assert (timed.imported, timed.missing, timed.repeats.plan) == (True, (), [])
    once = chosen(made_of(lengths, {"RNN": [10], "LSTM": [50]}, imported=True))
    assert "repeat it there" in proposal_in_words(once)
    decided = made_of(lengths, {kind: around(10) for kind in KINDS}, imported=True)
    assert "another computer" not in proposal_in_words(chosen(decided, "p99<=100"))


def test_what_the_terms_make_equal_is_said_to_be() -> None:
    columns = [PLAIN[kind] for kind in KINDS]
    card = scorecard([], columns, Terms(parameter_budget=100_000), Made().table)
    answer = choice_answer(choose(card, cost="parameters"))
    assert "but in recurrent parameters all are equal on these terms" in answer


def test_places_that_may_be_noise_are_said_to_be() -> None:
    noisy = [10.0, 30.0, 11.0, 29.0, 12.0, 28.0]
    made = made_of(
        {"RNN": noisy, "LSTM": [value + 0.5 for value in noisy]},
        {"RNN": [50, 60, 70], "LSTM": [51, 61, 71]},
    )
    choice = chosen(made)
    assert choice.recommended == ["RNN", "LSTM"]
    assert choice.rivals == {"RNN": ["LSTM"], "LSTM": ["RNN"]}
    assert choice_answer(choice).endswith(
        "RNN and LSTM cannot be told apart on bottleneck length or p99 latency."
    )
    assert place_of(choice, "RNN") == "recommended, not surely"
    sure = chosen(made_of(APART, APART))
    assert choice_answer(sure).endswith("These differences are statistically clear.")
    assert proposal_in_words(sure) == "No further run is needed."


def test_times_of_another_device_are_no_evidence() -> None:
    made = made_of({kind: around(20) for kind in KINDS}, {kind: around(10) for kind in KINDS})
    assert chosen(made, "p99<=100", device="cpu").fitting == list(KINDS)
    elsewhere = chosen(made, "p99<=100", device="cuda")
    assert elsewhere.fitting == []
    proposal = elsewhere.proposal
    assert proposal is not None
    assert {config.flat()["device"] for config in proposal.configs} == {"cuda"}


def test_it_rests_on_the_runs_of_its_measures_and_interpolates_nothing() -> None:
    made = made_of({kind: around(20) for kind in KINDS}, {kind: around(10) for kind in KINDS})
    made.add(GRADIENT_DECAY, "rnn", measured={"half_distance_steps": Estimate(3.0, 2.0, 4.0, 8)})
    choice = chosen(made, "p99<=100")
    assert set(choice.evidence) == {"length-quality", "throughput"}
    assert sum(map(len, choice.evidence.values())) == 2 * 6 * len(KINDS)
    assert "none is interpolated" in rests_on(choice)
    assert usual_measures(choice.card) == ("bottleneck", "latency_p99_us")


def test_a_measure_that_no_run_has_is_not_measured_and_forbids_nobody() -> None:
    """Runs of fewer than 100 tokens have no p99."""
    made = Made()
    for kind in KINDS:
        without: dict[str, Any] = {**speed(50.0), "latency_p99_us": None}
        made.add(THROUGHPUT, VARIANTS[kind], measured=without)
    choice = chosen(made, "p99<=1ms")
    assert set(choice.card.fits.values()) == {"not measured"}
    assert proposal_in_words(choice) == (
        "No launch is proposed: no run with these settings would measure what is missing."
    )
    assert isinstance(made.summaries["run0"], pandas.DataFrame)
    assert choice.card.terms == Terms(hidden_size=64)
