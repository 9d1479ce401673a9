"""A choice gives the known answer of made-up stores, and says what would decide the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas
from hypothesis import given, settings
from hypothesis import strategies as st

from core.analysis.choice import Choice, choose, frontier, usual_measures
from core.analysis.choice_sentences import choice_answer, place_of, proposal_in_words, rests_on
from core.analysis.limits import Limit, parse_limits
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


def made_of(lengths: Values, p99: Values) -> Made:
    """Runs with these bottleneck lengths by seed, and latencies by launch."""
    made = Made()
    for kind, values in lengths.items():
        for seed, value in enumerate(values):
            made.add(LENGTH_QUALITY, VARIANTS[kind], measured=quality(value), seed=seed)
    for kind, values in p99.items():
        for seed, value in enumerate(values):
            made.add(THROUGHPUT, VARIANTS[kind], measured=speed(value), seed=seed)
    return made


def chosen(made: Made, *limits: str, device: str = "", **by: str) -> Choice:
    columns = [PLAIN[kind] for kind in KINDS]
    asked = parse_limits(limits)
    card = scorecard(made.records, columns, AT_64, made.table, "", asked, device=device)
    return choose(card, **{"quality": "bottleneck", "cost": "latency_p99_us", **by})


def around(value: float, *, n: int = 6) -> list[float]:
    """Values of which every interval is within 1% of this one."""
    return [value * (1 + 0.001 * i) for i in range(n)]


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
    assert choice_answer(choice)
    assert proposal_in_words(choice)
    assert rests_on(choice)


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
    choice = chosen(made, "span>=60", "streaming")
    assert choice.recommended == []
    proposal = choice.proposal
    assert proposal is not None
    assert proposal.why in ("ended too early", "not decided")


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


def test_places_that_may_be_noise_are_said_to_be() -> None:
    noisy = [10.0, 30.0, 11.0, 29.0, 12.0, 28.0]
    made = made_of(
        {"RNN": noisy, "LSTM": [value + 0.5 for value in noisy]},
        {"RNN": [50, 60, 70], "LSTM": [51, 61, 71]},
    )
    choice = chosen(made)
    assert choice.recommended == ["RNN", "LSTM"]
    assert choice.rivals == {"RNN": ["LSTM"], "LSTM": ["RNN"]}
    assert "may be noise" in choice_answer(choice)
    assert place_of(choice, "RNN") == "recommended, not surely"
    sure = chosen(
        made_of({"RNN": around(10), "LSTM": around(40)}, {"RNN": around(10), "LSTM": around(40)})
    )
    assert "Each of these places is more than noise." in choice_answer(sure)


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
    assert "nothing is interpolated" in rests_on(choice)
    assert usual_measures(choice.card) == ("bottleneck", "latency_p99_us")


def test_a_measure_that_no_run_has_is_not_measured_and_forbids_nobody() -> None:
    """Runs of fewer than 100 tokens have no p99."""
    made = Made()
    for kind in KINDS:
        without: dict[str, Any] = {**speed(50.0), "latency_p99_us": None}
        made.add(THROUGHPUT, VARIANTS[kind], measured=without)
    choice = chosen(made, "p99<=1ms")
    assert set(choice.card.fits.values()) == {"not measured"}
    assert isinstance(made.summaries["run0"], pandas.DataFrame)
    assert choice.card.terms == Terms(hidden_size=64)
