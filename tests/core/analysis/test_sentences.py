"""The first sentence of an answer claims no more than the verdicts under it."""

from __future__ import annotations

import dataclasses
import json

import pytest

from core.analysis.runs import finished_run
from core.analysis.sentences import answer, conditions, key_figure, origin, p_value
from core.experiment import Experiment
from core.experiments import experiment_named
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.parameter_count import PARAMETER_COUNT
from core.stats.estimates import MISSING
from core.store.records import TAG_ORIGIN, TAG_USER, RunRecord
from tests.core.analysis.test_one_verdict import Measured, Values

LOW = [4.0, 5.0, 4.0, 5.0, 4.0, 5.0, 4.0, 5.0]
HIGH = [value + 20 for value in LOW]
SCATTERED = [1.0, 27.0, 1.0, 27.0, 27.0, 27.0, 1.0, 27.0]
"""Of a higher median than HIGH, but not distinguishable from it or from LOW."""


@pytest.mark.parametrize(
    ("values", "first"),
    [
        pytest.param(
            {"lstm": HIGH, "rnn": LOW, "gru": LOW},
            "LSTM handles the longest sentences: bottleneck length 24.5 words",
            id="ahead of all",
        ),
        pytest.param(
            {"lstm": HIGH, "rnn": LOW, "gru": [*HIGH[:7], 24.0]},
            "LSTM has the highest bottleneck length: 24.5 words",
            id="ahead of one, level with one",
        ),
        pytest.param(
            {"lstm": HIGH, "rnn": LOW, "gru": SCATTERED},
            "No clear winner in bottleneck length: GRU has the highest, 27 words",
            id="level with all, which differ from each other",
        ),
        pytest.param(
            {"lstm": HIGH, "rnn": HIGH},
            "Both have the same bottleneck length: 24.5 words.",
            id="two that are equal",
        ),
    ],
)
def test_the_first_sentence(values: Values, first: str) -> None:
    comparison = Measured(experiment_named("length-quality"), values).comparison()
    assert answer(comparison).startswith(first)


MANY = ("lstm", "rnn", "gru", "bi-rnn", "bi-lstm", "bi-gru")


def answered(variants: tuple[str, ...], ahead: int = 1) -> str:
    """Of so many variants that are ahead of the others."""
    values = {name: HIGH if n < ahead else LOW for n, name in enumerate(variants)}
    return answer(Measured(experiment_named("length-quality"), values).comparison())


def test_only_where_several_pairs_were_tested_is_p_corrected() -> None:
    assert "(exact rank-sum test, n = 8)." in answered(MANY[:2])
    assert "(exact rank-sum test, n = 8, corrected for 3 pairs by Holm)." in answered(MANY[:3])


def test_who_share_the_best_value_are_named_together() -> None:
    values = {"lstm": HIGH, "gru": HIGH, "rnn": LOW}
    found = answer(Measured(experiment_named("length-quality"), values).comparison())
    assert "LSTM and GRU have the highest" in found


def test_seeds_are_counted_from_the_fewest_to_the_most() -> None:
    values = {"lstm": HIGH[:4], "rnn": LOW}
    found = answer(Measured(experiment_named("length-quality"), values).comparison())
    assert "(exact rank-sum test, n = 4 to 8)." in found


def test_others_are_named_while_they_are_few_and_counted_if_they_are_many() -> None:
    assert "from RNN, GRU, bi-RNN and bi-LSTM (" in answered(MANY[:5])
    assert "from all 5 others (" in answered(MANY)
    two = answered(MANY, ahead=2)
    assert "from GRU, bi-RNN, bi-LSTM and bi-GRU (" in two
    assert "LSTM is not distinguishable from RNN." in two, "the test is named once"
    assert answered(MANY[:3], ahead=3).startswith("All 3 have the same")


def test_groups_without_a_value_are_named() -> None:
    comparison = Measured(experiment_named("length-quality"), {"lstm": HIGH}).comparison()
    result = comparison.headline
    assert result is not None

    def without(*names: str) -> str:
        estimates = {**result.estimates, **dict.fromkeys(names, MISSING)}
        groups = tuple(dataclasses.replace(comparison.groups[0], name=n) for n in estimates)
        lacking = dataclasses.replace(result, estimates=estimates)
        asked = {"results": (lacking,), "measure": result.column.name}
        return answer(dataclasses.replace(comparison, groups=groups, **asked))

    assert without("A").endswith("A has no bottleneck length.")
    assert without("A", "B", "C", "D").endswith("A, B, C and D have no bottleneck length.")
    assert without("A", "B", "C", "D", "E").endswith(
        "A, B, C and 2 others have no bottleneck length."
    )
    assert without("LSTM") == "LSTM has no bottleneck length."
    assert without("LSTM", "A") == "LSTM and A have no bottleneck length."


@pytest.mark.parametrize(
    ("p", "text"), [(0.0, "p < 0.001"), (0.00099, "p < 0.001"), (0.001, "p = 0.001")]
)
def test_a_small_p_is_shown_as_below_a_thousandth(p: float, text: str) -> None:
    assert p_value(p) == text


def runs_of(
    experiment: Experiment, variants: list[str], **settings: list[object]
) -> list[RunRecord]:
    return [
        finished_run(str(place), experiment.name, config.flat())
        for place, config in enumerate(experiment.configs(variants, settings))
    ]


def test_conditions_name_what_all_runs_share() -> None:
    usual = runs_of(GRADIENT_DECAY, ["rnn", "lstm"])
    assert conditions(GRADIENT_DECAY, usual) == "one layer, 64 units, PyTorch's default start"
    deep = runs_of(
        GRADIENT_DECAY, ["lstm"], layers=[3], forget_bias=[0, 1], initialisation=["orthogonal"]
    )
    assert conditions(GRADIENT_DECAY, deep) == "3 layers, 64 units, orthogonal start"
    gains = runs_of(GRADIENT_DECAY, ["rnn"], recurrent_gain=[1.0, 3.0])
    assert conditions(GRADIENT_DECAY, gains) == "one layer, 64 units, PyTorch's start"
    short = runs_of(MEMORY_SPAN, ["rnn"], training_steps=[300], longest_lag=[10])
    assert conditions(MEMORY_SPAN, short) == (
        "one layer, 64 units, PyTorch's default start, 300 training steps, longest lag 10"
    )
    network = conditions(MEMORY_SPAN, short, network_only=True)
    assert network == "one layer, 64 units, PyTorch's default start"
    counts = runs_of(PARAMETER_COUNT, ["rnn"], hidden_size=[1024])
    assert conditions(PARAMETER_COUNT, counts) == "one layer, 1,024 units"
    budget = runs_of(PARAMETER_COUNT, ["rnn", "lstm"], parameter_budget=[100_000])
    assert conditions(PARAMETER_COUNT, budget) == "one layer, parameter budget 100,000"


def test_many_special_conditions_are_counted() -> None:
    settings = {"clip": [2.0], "symbols": [4], "validations": [5], "batch_size": [8]}
    runs = runs_of(MEMORY_SPAN, ["rnn"], training_steps=[300], **settings)
    assert conditions(MEMORY_SPAN, runs).endswith(
        "300 training steps, clipping 2, 3 other settings"
    )


def test_the_origin_says_how_many_when_and_by_whom() -> None:
    first, second = runs_of(GRADIENT_DECAY, ["rnn", "lstm"])
    assert origin([first], "28 Nov") == "1 run · 28 Nov"
    users = [
        dataclasses.replace(r, tags={TAG_USER: u}) for r, u in ((first, "ana"), (second, "ben"))
    ]
    assert origin(users, "28 Nov") == "2 runs · 28 Nov by ana and ben"


def test_who_launched_an_imported_run_is_one_line_of_text() -> None:
    (first,) = runs_of(GRADIENT_DECAY, ["rnn"])
    said = {"run_id": "0" * 32, "user": "eve\n\n# Title\u202e", "imported": 1.0}
    imported = dataclasses.replace(first, tags={TAG_ORIGIN: json.dumps(said)})
    words = origin([imported], "28 Nov")
    assert words.isprintable()
    assert "by eve # Title" in words


def test_a_card_has_the_best_value_and_who_leads() -> None:
    quality = experiment_named("length-quality")
    ahead = key_figure(Measured(quality, {"lstm": HIGH, "rnn": LOW}).comparison())
    assert ahead is not None
    assert ahead.value == "24.5 words"
    assert ahead.sentence == "LSTM handles the longest sentences; RNN has 4.50 words."
    level = {"lstm": HIGH, "rnn": LOW, "gru": [*HIGH[:7], 24.0]}
    figure = key_figure(Measured(quality, level).comparison())
    assert figure is not None
    assert figure.sentence == (
        "LSTM leads in bottleneck length, not surely ahead of GRU; RNN has 4.50 words."
    )
    few = key_figure(Measured(quality, {"lstm": HIGH[:2], "rnn": LOW[:2]}).comparison())
    assert few is not None
    assert (
        few.sentence
        == "LSTM has the highest bottleneck length; RNN has 4.50 words. Too few seeds to rank them."
    )
    one = key_figure(Measured(quality, {"lstm": HIGH}).comparison())
    assert one is not None
    assert one.sentence == "This is the bottleneck length of LSTM. No other was measured."


def test_the_ratio_of_a_thing_to_itself_is_no_figure() -> None:
    ratios = {"rnn": [1.0] * 6, "lstm": [2.9, 3.0, 3.1, 2.9, 3.0, 3.1]}
    figure = key_figure(Measured(experiment_named("throughput"), ratios).comparison())
    assert figure is not None
    assert figure.sentence == (
        "LSTM has the highest training time over the plain RNN's. RNN trains fastest beside a "
        "plain RNN of its width."
    )
