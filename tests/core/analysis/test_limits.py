"""Limits as they are typed, and what keeps them: counts, intervals, few repeats, nothing."""

from __future__ import annotations

import math

import pytest

from core.analysis.limits import (
    MIN_AGREEING,
    NEEDS,
    AnyLimit,
    Fit,
    Limit,
    limitable,
    parse_limit,
    parse_limits,
    scored,
    usual_sign,
    worst,
)
from core.experiment import Config
from core.experiments import all_experiments
from core.models.architecture import Architecture
from core.models.registry import variants
from core.settings import BadSetting
from core.stats.estimates import MISSING, AtLeast, Estimate


@pytest.mark.parametrize(
    ("typed", "limit"),
    [
        ("parameters<=200k", Limit("parameters", "<=", 200_000)),
        ("parameters ≤ 200,000", Limit("parameters", "<=", 200_000)),
        ("p99 <= 1 ms", Limit("latency_p99_us", "<=", 1000)),
        ("median latency < 50", Limit("latency_p50_us", "<=", 50)),
        ("latency_p99_us<=0.5s", Limit("latency_p99_us", "<=", 500_000)),
        ("state <= 1 KiB", Limit("state_bytes", "<=", 1024)),
        ("state<=1k", Limit("state_bytes", "<=", 1000)),
        ("span >= 20 steps", Limit("span", ">=", 20)),
        ("beyond accuracy ≥ 90%", Limit("beyond_accuracy", ">=", 90)),
        ("Both sides", NEEDS["both-sides"]),
        ("streaming", NEEDS["streaming"]),
    ],
)
def test_limits_are_read_as_people_type_them(typed: str, limit: AnyLimit) -> None:
    assert parse_limit(typed) == limit
    assert parse_limit(str(limit)) == limit, "as an address holds it"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("parameters", "limit is 'parameters'; give a measure, <= or >=, and an amount"),
        ("parameters<=many", "parameters is limited to 'many'; give an amount, such as 200k"),
        ("p99<=1 parsec", "latency_p99_us is limited to '1 parsec'; give an amount in µs"),
        ("p99<=1k", "such as 1 ms"),
        ("accuracy>=90", "limit is on 'accuracy'; which fits"),
        ("weight<=3", "limit is on 'weight'; choose from"),
    ],
)
def test_what_is_no_limit_is_refused_with_its_name_and_what_is_allowed(
    typed: str, words: str
) -> None:
    with pytest.raises(BadSetting) as refused:
        parse_limit(typed)
    assert words in str(refused.value)


def test_of_several_limits_on_one_side_the_strictest_counts() -> None:
    limits = parse_limits(["parameters<=200k", "parameters<=100k", "parameters>=1k"])
    assert list(map(str, limits)) == ["parameters<=100000", "parameters>=1000"]


def test_every_line_of_a_scorecard_can_have_a_limit() -> None:
    names = [headline.name for e in all_experiments() for headline in scored(e)]
    assert len(names) == len(set(names)), "a limit names one measure"
    assert set(limitable()) == set(names)
    for experiment in all_experiments():
        for headline in experiment.headlines:
            if headline.counted:
                assert isinstance(getattr(experiment.config, headline.name, None), property)
                assert limitable()[headline.name].aggregation.exact
        for name in experiment.unranked:
            assert limitable()[name].better is None, "an absolute time is not ranked"
    assert usual_sign(limitable()["parameters"]) == "<="
    assert usual_sign(limitable()["span"]) == ">="
    assert isinstance(Config.parameters, property)


def test_a_need_is_met_by_the_architecture_alone() -> None:
    for variant, fits in (("gru", "streaming"), ("bi-gru", "both-sides")):
        architecture = Architecture.from_flat(variants()[variant])
        met = [name for name, need in NEEDS.items() if need.finding_of(architecture).fit == "fits"]
        assert met == [fits]
    assert list(map(str, parse_limits(["streaming", "p99<=5", "streaming"]))) == [
        "streaming",
        "latency_p99_us<=5",
    ]


def limited(text: str) -> Limit:
    limit = parse_limit(text)
    assert isinstance(limit, Limit)
    return limit


P99 = limited("p99<=100")


@pytest.mark.parametrize(
    ("estimate", "values", "fit"),
    [
        (Estimate(90, 80, 99, 6), [80] * 6, "fits"),
        (Estimate(90, 80, 101, 6), [80] * 6, "not decided"),
        (Estimate(120, 101, 130, 6), [110] * 6, "does not fit"),
        (Estimate(90, None, None, 3), [80, 90, 99], "fits"),
        (Estimate(90, None, None, 3), [80, 90, 101], "not decided"),
        (Estimate(90, None, None, 2), [80, 90], "not decided"),
        (Estimate(90, 89, 91, 1), [90], "not decided"),
        (Estimate(5, None, None, 1), [5], "not decided"),
        (MISSING, [], "does not fit"),
        (None, [], "not measured"),
    ],
)
def test_an_estimate_keeps_a_limit_only_if_its_interval_or_all_of_its_repeats_do(
    estimate: Estimate | None, values: list[float], fit: Fit
) -> None:
    finding = P99.finding(estimate, values, "launch")
    assert finding.fit == fit
    assert "p99 latency" in finding.reason


def test_a_count_needs_no_interval_and_its_reason_has_the_number() -> None:
    finding = limited("parameters<=8k").finding(Estimate(8320, None, None, 1), [8320])
    assert (finding.fit, finding.reason) == ("does not fit", "recurrent parameters 8,320")


def test_a_lower_bound_is_enough_for_a_least_and_never_for_a_most() -> None:
    span = Estimate(AtLeast(50), AtLeast(50), AtLeast(50), 6)
    values = [AtLeast(50)] * 6
    assert limited("span>=20").finding(span, values).fit == "fits"
    assert limited("span<=40").finding(span, values).fit == "does not fit"
    for text in ("span<=60", "span>=60"):
        beyond = limited(text).finding(span, values)
        assert (beyond.fit, beyond.longer, beyond.repeats) == ("not decided", True, None), text


def test_what_is_not_decided_says_how_many_repeats_would_decide_it() -> None:
    """An interval of ±20 around 90 must shrink to ±10, so it takes four times as many values."""
    assert P99.finding(Estimate(90, 70, 110, 6), [70] * 6).repeats == 18
    assert P99.finding(Estimate(90, 80, 101, 6), [80] * 6).repeats == 2, "6 × 1.1² − 6, rounded up"
    assert P99.finding(Estimate(100, 80, 120, 6), [100] * 6).repeats is None, "it is the limit"
    assert P99.finding(Estimate(90, 89, 91, 1), [90]).repeats == MIN_AGREEING - 1
    assert P99.finding(Estimate(90, None, None, 3), [80, 90, 101]).repeats == 3, "as many again"
    assert P99.finding(Estimate(90, 80, 99, 6), [80] * 6).repeats is None


def test_a_layer_is_as_good_as_its_worst_finding() -> None:
    fits = P99.finding(Estimate(1, 1, 1, 6), [1] * 6)
    unknown = P99.finding(None, ())
    broken = P99.finding(Estimate(math.inf, math.inf, math.inf, 6), [math.inf] * 6)
    assert worst([]) == "fits"
    assert worst([fits, unknown]) == "not measured"
    assert worst([unknown, broken, fits]) == "does not fit"
