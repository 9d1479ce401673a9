"""Which runs stand side by side on a scorecard, and what it says of them."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from dataclasses import astuple, replace
from typing import Any

import pandas
import pytest

from core.analysis.limits import headlines, parse_limits
from core.analysis.scorecard import (
    MODES,
    PLAIN,
    QuestionCard,
    Record,
    Scorecard,
    Terms,
    available_kinds,
    available_machines,
    available_terms,
    default_kinds,
    fullest_terms,
    kind_of,
    marks_among,
    scorecard,
)
from core.analysis.scorecard_sentences import (
    absence,
    basis_in_words,
    fit_text,
    scorecard_answer,
    standing,
)
from core.experiment import BUDGETS, COMPARED_AT, Experiment
from core.experiments import all_experiments, experiment_named
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.throughput import THROUGHPUT
from core.models.registry import usual_variants
from core.stats.estimates import MISSING, Estimate

AT_64 = Terms(hidden_size=64)

THREE = tuple(PLAIN.values())[:3]


@functools.cache
def flat_settings(
    experiment: str, variant: str, settings: tuple[tuple[str, Any], ...]
) -> Mapping[str, Any]:
    (config, *_) = experiment_named(experiment).configs([variant], {n: [v] for n, v in settings})
    return config.flat()


class Made:
    """Finished runs, oldest first, with a summary each; remembers whose tables were read."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.summaries: dict[str, pandas.DataFrame] = {}
        self.read: set[str] = set()
        self._ids = (f"run{number}" for number in itertools.count())

    def add(
        self,
        experiment: Experiment,
        variant: str = "rnn",
        *,
        chip: str = "one",
        device: str = "cpu",
        measured: Mapping[str, Any] | None = None,
        imported: bool = False,
        **settings: Any,
    ) -> Record:
        seed = settings.pop("seed", 0)
        flat = {**flat_settings(experiment.name, variant, tuple(settings.items())), "seed": seed}
        record = Record(next(self._ids), experiment.name, flat, device, chip, imported=imported)
        self.records.append(record)
        row: dict[str, Any] = {}
        for name, value in (measured or {}).items():
            row[name] = value
            if isinstance(value, Estimate):
                ends = (name, *(f"{name}_{end}" for end in ("low", "high", "n")))
                row |= dict(zip(ends, astuple(value), strict=True))
        self.summaries[record.run_id] = pandas.DataFrame([row])
        return record

    def table(self, run_id: str, name: str) -> pandas.DataFrame | None:
        self.read.add(run_id)
        return self.summaries[run_id] if name == "summary" else None

    def card(self, terms: Terms = AT_64, machine: str = "", *limits: str) -> Scorecard:
        asked = parse_limits(limits)
        return scorecard(self.records, THREE, terms, self.table, machine, asked)

    def question(
        self, experiment: Experiment, terms: Terms = AT_64, machine: str = ""
    ) -> QuestionCard:
        card = self.card(terms, machine)
        return next(q for q in card.questions if q.experiment is experiment)


@pytest.fixture
def made() -> Made:
    return Made()


def counts(parameters: int) -> dict[str, Any]:
    return {"parameters": parameters, "equation_activation_mib": 0.5, "state_bytes": 256}


def quality(length: float) -> dict[str, Any]:
    return {
        "bottleneck": Estimate(length, None, None, 1),
        "tested_up_to": None,
        "beyond_accuracy": Estimate(50.0, 45.0, 55.0, 60),
    }


def test_every_headline_is_a_judged_measure_of_its_summary() -> None:
    for experiment in all_experiments():
        judged = {c.name for c in experiment.summary.columns() if c.better}
        assert headlines(experiment)
        assert {headline.name for headline in headlines(experiment)} <= judged


def test_an_experiment_without_headlines_shows_its_first_judged_measure() -> None:
    (headline,) = headlines(replace(PARAMETER_COUNT, headlines=()))
    assert headline.name == "parameters"
    assert headline.best == "has the lowest Recurrent parameters"


def test_a_kind_is_an_architecture_whatever_its_width() -> None:
    wide, narrow = (LENGTH_QUALITY.configs(["lstm"], {"hidden_size": [w]})[0] for w in (64, 256))
    assert kind_of(wide.flat()) == kind_of(narrow.flat()) == PLAIN["LSTM"]
    (biased, *_) = LENGTH_QUALITY.configs(["lstm"], {"forget_bias": [1]})
    kind = kind_of(biased.flat())
    assert kind is not None
    assert kind.kind == "LSTM · forget bias 1"
    assert kind_of({"cell": "of a later version"}) is None


def test_terms_are_a_width_or_a_budget() -> None:
    for name in COMPARED_AT.values():
        assert Terms(**{name: 64}).settings == {name: 64}
    with pytest.raises(ValueError, match="'hidden_size': 64, 'parameter_budget': 1000} came"):
        Terms(hidden_size=64, parameter_budget=1000)
    with pytest.raises(ValueError, match="'state_budget': 512} came"):
        Terms(parameter_budget=1000, state_budget=512)
    with pytest.raises(ValueError, match="none came"):
        Terms()


def test_runs_of_other_settings_are_never_mixed(made: Made) -> None:
    for variant in ("rnn", "lstm", "gru"):
        made.add(PARAMETER_COUNT, variant, measured=counts(1), input_size=32)
    newer = made.add(PARAMETER_COUNT, "rnn", measured=counts(2), input_size=16)
    question = made.question(PARAMETER_COUNT)
    assert question.basis is not None
    assert question.basis.shared["input_size"] == 32, "it covers more of the variants"
    assert newer.run_id not in question.runs
    assert newer.run_id not in made.read, "of runs that are not chosen nothing is read"
    assert "input size 32" in basis_in_words(question.basis)


def test_of_settings_that_cover_as_much_the_newest_count(made: Made) -> None:
    made.add(PARAMETER_COUNT, "rnn", measured=counts(1), input_size=32)
    newer = made.add(PARAMETER_COUNT, "lstm", measured=counts(2), input_size=16)
    question = made.question(PARAMETER_COUNT)
    assert question.runs == (newer.run_id,)
    assert {kind for kind, cell in question.lines[0].cells.items() if cell.runs} == {"LSTM"}


@pytest.mark.parametrize("experiment", all_experiments(), ids=lambda e: e.name)
def test_each_setting_but_the_variant_and_its_repetition_separates_runs(
    experiment: Experiment, made: Made
) -> None:
    """Walks the settings, so that one that is added later is held apart too."""
    free = {
        "seed",
        "seeds",
        "launches",
        "repetitions",
        "packed",  # more measurements of the same run
        "timed_beside",
        "device",
        "memory_limit",  # no number depends on these two
        "time_limit",
        *(() if experiment.timed else ("threads",)),
    }
    base = experiment.config().flat()
    for setting in experiment.settings:
        if setting.path[0] == "architecture" or setting.name in free:
            continue
        other = {**base, setting.name: f"not {base[setting.name]}"}
        if setting.name in BUDGETS:
            other[setting.name] = 1000
        one, two = (Record("", experiment.name, s, "cpu", "") for s in (base, other))
        assert (one.shared, one.terms) != (two.shared, two.terms), setting.name


def test_a_width_takes_no_run_of_a_budget_and_none_of_another_width(made: Made) -> None:
    made.add(PARAMETER_COUNT, "rnn", measured=counts(1), parameter_budget=8320)
    made.add(PARAMETER_COUNT, "rnn", measured=counts(1), hidden_size=32)
    question = made.question(PARAMETER_COUNT)
    assert question.basis is None
    assert absence(question) == (
        "Not measured on these terms, but at hidden size 32 and a budget of 8,320 parameters."
    )


def test_equal_parameters_give_the_achieved_sizes(made: Made) -> None:
    for variant in ("rnn", "lstm"):
        made.add(PARAMETER_COUNT, variant, measured=counts(1), parameter_budget=100_000)
    sizes = made.question(PARAMETER_COUNT, Terms(parameter_budget=100_000)).sizes
    for kind, size in sizes.items():
        blocks = {"RNN": 1, "LSTM": 4, "GRU": 3}[kind]
        width = size.hidden_size
        assert size.parameters == blocks * (64 * width + width**2 + 2 * width)
        assert abs(size.parameters - 100_000) < 2500
    assert sizes["RNN"].hidden_size > sizes["LSTM"].hidden_size


def test_at_equal_state_runs_of_a_width_and_of_parameters_are_left_out(made: Made) -> None:
    made.add(PARAMETER_COUNT, "rnn", measured=counts(1), hidden_size=128)
    made.add(PARAMETER_COUNT, "rnn", measured=counts(1), parameter_budget=24_832)
    for variant in ("rnn", "lstm"):
        made.add(PARAMETER_COUNT, variant, measured=counts(1), state_budget=512)
    question = made.question(PARAMETER_COUNT, Terms(state_budget=512))
    assert len(question.runs) == 2
    assert {k: (s.hidden_size, s.state_bytes) for k, s in question.sizes.items()} == {
        "RNN": (128, 512),
        "LSTM": (64, 512),
        "GRU": (128, 512),
    }
    line = next(line for line in question.lines if line.column.name == "state_bytes")
    assert "equal on these terms" in standing(line)
    (missing,) = question.missing
    assert (missing.state_budget, missing.parameter_budget) == (512, None)
    assert missing.architecture.hidden_size == 128, "of the GRU"


def test_at_equal_parameters_nobody_has_the_fewest(made: Made) -> None:
    for variant, parameters in (("rnn", 99_990), ("lstm", 100_010)):
        made.add(PARAMETER_COUNT, variant, measured=counts(parameters), parameter_budget=100_000)
    terms = Terms(parameter_budget=100_000)
    line = made.question(PARAMETER_COUNT, terms).lines[0]
    assert (line.column.name, line.best, line.differences) == ("parameters", "", ())
    assert line.cells["GRU"].runs == (), "counted"
    assert line.cells["GRU"].estimate.value == pytest.approx(100_000, rel=0.02)
    assert not any(line.marks.values())
    assert "equal on these terms" in standing(line)
    assert "fewest" not in scorecard_answer(made.card(terms))


def test_exact_counts_need_no_repetition_to_be_told_apart(made: Made) -> None:
    for variant, parameters in (("rnn", 100), ("lstm", 400), ("gru", 300)):
        made.add(PARAMETER_COUNT, variant, measured=counts(parameters))
    lines = {line.column.name: line for line in made.question(PARAMETER_COUNT).lines}
    assert lines["parameters"].best == "RNN"
    assert standing(lines["parameters"]) == "Recurrent parameters: RNN is the best (exact)."
    assert lines["state_bytes"].best == "", "all are equal"


def test_one_seed_makes_no_best(made: Made) -> None:
    made.add(LENGTH_QUALITY, "rnn", measured=quality(5.0))
    made.add(LENGTH_QUALITY, "lstm", measured=quality(25.0))
    line, beyond, *_ = made.question(LENGTH_QUALITY).lines
    assert line.best == ""
    assert not any(line.marks.values())
    assert standing(line) == "Bottleneck length: too few seeds for a verdict (1 seed each)."
    cell = beyond.cells["RNN"]
    assert cell.estimate == Estimate(50.0, 45.0, 55.0, 60), "its own interval, over sentences"
    assert cell.over == "sentence"


def test_several_seeds_are_their_median_and_the_best_is_marked_where_it_is_no_noise(
    made: Made,
) -> None:
    for seed, (low, high) in enumerate([(5.0, 20.0), (6.5, 22.0), (7.0, 21.0), (8.0, 23.0)]):
        made.add(LENGTH_QUALITY, "rnn", measured=quality(low), seed=seed)
        made.add(LENGTH_QUALITY, "lstm", measured=quality(high), seed=seed)
    again = made.add(LENGTH_QUALITY, "rnn", measured=quality(6.0), seed=0)
    line = made.question(LENGTH_QUALITY).lines[0]
    cell = line.cells["RNN"]
    assert sorted(cell.values) == [6.0, 6.5, 7.0, 8.0], "a seed that was measured twice counts once"
    assert again.run_id in cell.runs
    assert (cell.estimate.n, cell.over) == (4, "seed")
    assert cell.estimate.value == pytest.approx(6.75)
    assert line.best == "LSTM"
    assert "1 pair by Holm, 4 seeds each" in standing(line)


def test_what_is_within_noise_is_called_so(made: Made) -> None:
    for seed in range(5):
        made.add(LENGTH_QUALITY, "rnn", measured=quality(5.0 + seed), seed=seed)
        made.add(LENGTH_QUALITY, "lstm", measured=quality(20.0 + seed), seed=seed)
        made.add(LENGTH_QUALITY, "gru", measured=quality(20.5 + seed), seed=seed)
    line = made.question(LENGTH_QUALITY).lines[0]
    assert line.best == ""
    marked = {kind for kind, mark in line.marks.items() if mark == "among the best"}
    assert marked == {"LSTM", "GRU"}
    assert "LSTM and GRU are not significantly different from the best" in standing(line)
    said = scorecard_answer(made.card())
    assert "No significant difference from the best: bottleneck length (LSTM and GRU)." in said
    assert "handles the longest sentences" not in said


def test_times_of_two_machines_never_stand_side_by_side(made: Made) -> None:
    speed = {"over_rnn": Estimate(10.0, 9.0, 11.0, 9), "latency_over_rnn": MISSING}
    here = [made.add(THROUGHPUT, v, measured=speed, chip="one") for v in ("rnn", "lstm")]
    there = made.add(THROUGHPUT, "gru", measured=speed, chip="two")
    assert made.question(THROUGHPUT).runs == tuple(run.run_id for run in here)
    assert made.question(THROUGHPUT, machine="CPU (two)").runs == (there.run_id,)
    nowhere = made.question(THROUGHPUT, machine="CPU (three)")
    assert absence(nowhere) == "Not measured on this machine, but on CPU (one) and CPU (two)."
    assert available_machines(made.records) == ["CPU (two)", "CPU (one)"]
    line = made.question(THROUGHPUT).lines[0]
    assert line.best == "", "one run each: nothing is known of how runs differ"
    assert line.cells["RNN"].over == "turn"


def test_what_is_missing_is_asked_for_with_the_settings_of_what_is_there(made: Made) -> None:
    for seed in (0, 1):
        made.add(LENGTH_QUALITY, "rnn", measured=quality(5.0), seed=seed, clip=None, tested_pairs=9)
    missing = made.question(LENGTH_QUALITY).missing
    assert [(c.architecture.kind, c.seed) for c in missing] == [
        ("LSTM", 0),
        ("LSTM", 1),
        ("GRU", 0),
        ("GRU", 1),
    ]
    assert {(c.flat()["clip"], c.flat()["tested_pairs"]) for c in missing} == {(None, 9)}
    for config in missing:
        made.add(LENGTH_QUALITY, config.architecture.variant, measured=quality(5.0))
        made.records[-1].settings.update(config.flat())  # type: ignore[attr-defined]
    assert made.question(LENGTH_QUALITY).missing == ()


def test_a_question_without_runs_is_asked_for_as_it_was_measured_elsewhere(made: Made) -> None:
    made.add(PARAMETER_COUNT, "rnn", measured=counts(1), hidden_size=32, input_size=7)
    missing = made.question(PARAMETER_COUNT).missing
    assert {(c.architecture.hidden_size, c.features) for c in missing} == {(64, 7)}
    budget = made.question(PARAMETER_COUNT, Terms(parameter_budget=50_000)).missing
    assert {c.parameter_budget for c in budget} == {50_000}
    assert len({c.architecture.hidden_size for c in budget}) == 3


def test_an_empty_store_asks_for_the_defaults_of_every_experiment(made: Made) -> None:
    card = made.card()
    assert scorecard_answer(card) == (
        "At hidden size 64, RNN has the fewest parameters (8,320). "
        "8 of 9 questions are not measured yet."
    )
    equal = made.card(Terms(parameter_budget=50_000))
    assert scorecard_answer(equal) == ("Nothing is measured at a budget of 50,000 parameters yet.")
    for question in card.questions:
        assert absence(question) == "Not measured yet."
        (default, *_) = question.experiment.configs(["rnn"], {"hidden_size": [64]})
        assert default in question.missing


def test_the_answer_names_each_best_once_and_counts_what_is_missing(made: Made) -> None:
    for variant, parameters in (("rnn", 100), ("lstm", 400), ("gru", 300)):
        made.add(PARAMETER_COUNT, variant, measured=counts(parameters))
    assert scorecard_answer(made.card()) == (
        "At hidden size 64, RNN has the fewest parameters (100). "
        "8 of 9 questions are not measured yet."
    )


def test_choices_are_what_the_store_has(made: Made) -> None:
    made.add(PARAMETER_COUNT, "rnn", hidden_size=32)
    made.add(PARAMETER_COUNT, "lstm", hidden_size=32, forget_bias=1)
    made.add(LENGTH_QUALITY, "rnn", hidden_size=64)
    made.add(PARAMETER_COUNT, "rnn", hidden_size=64)
    made.add(PARAMETER_COUNT, "gru", parameter_budget=9000)
    assert available_terms(made.records, MODES[0]) == [Terms(hidden_size=32), Terms(hidden_size=64)]
    made.add(PARAMETER_COUNT, "gru", state_budget=256)
    made.add(PARAMETER_COUNT, "gru", state_budget=128)
    assert available_terms(made.records, MODES[1]) == [Terms(parameter_budget=9000)]
    states = [Terms(state_budget=128), Terms(state_budget=256)]
    assert available_terms(made.records, MODES[2]) == states
    assert fullest_terms(made.records, THREE, MODES[2]) == states[0], "the newest"
    assert fullest_terms(made.records, THREE, MODES[0]) == Terms(hidden_size=64), "two questions"
    assert list(available_kinds(made.records)) == [*PLAIN, "LSTM · forget bias 1"]
    assert default_kinds(made.records) == ["RNN", "LSTM", "GRU"]
    made.add(PARAMETER_COUNT, "bi-gru")
    assert len(default_kinds(made.records)) == len(usual_variants())


def test_parameters_and_state_are_counted_where_no_run_has_measured_them(made: Made) -> None:
    lines = {line.column.name: line for line in made.question(PARAMETER_COUNT).lines}
    (lstm,) = PARAMETER_COUNT.configs(["lstm"], {"hidden_size": [64]})
    for name in ("parameters", "state_bytes"):
        cell = lines[name].cells["LSTM"]
        assert (cell.estimate.value, cell.runs) == (getattr(lstm, name), ())
    assert lines["parameters"].best == "RNN", "counts need no run to be told apart"
    assert lines["equation_activation_mib"].cells == {}, "which is measured"
    assert len(made.question(PARAMETER_COUNT).missing) == 3
    budget = made.question(PARAMETER_COUNT, Terms(parameter_budget=200_000))
    values = [cell.estimate.value for cell in budget.lines[0].cells.values()]
    assert len(values) == 3
    assert values == pytest.approx([200_000] * 3, rel=0.02)


def speed(p99: float, over: float = 1.0) -> dict[str, Any]:
    return {
        "over_rnn": Estimate(over, None, None, 9),
        "latency_over_rnn": MISSING,
        "latency_p50_us": p99 / 2,
        "latency_p99_us": p99,
    }


def test_limits_strike_out_what_does_not_fit_and_rank_what_is_left(made: Made) -> None:
    for seed in range(3):
        made.add(THROUGHPUT, "rnn", measured=speed(50 + seed), seed=seed)
        made.add(THROUGHPUT, "lstm", measured=speed(1200 + seed), seed=seed)
    for seed in range(6):
        made.add(LENGTH_QUALITY, "rnn", measured=quality(5.0 + seed), seed=seed)
        made.add(LENGTH_QUALITY, "lstm", measured=quality(40.0 + seed), seed=seed)
        made.add(LENGTH_QUALITY, "gru", measured=quality(20.0 + seed), seed=seed)
    card = made.card(AT_64, "", "p99<=1ms", "parameters<=30k")
    assert card.fits == {"RNN": "fits", "LSTM": "does not fit", "GRU": "not measured"}
    assert card.unmeasured == {"latency_p99_us"}
    assert fit_text(card, "LSTM") == (
        "✕ does not fit: p99 latency 1,201 µs (1,200 to 1,202 in 3 launches) and "
        "recurrent parameters 33,280"
    )
    said = scorecard_answer(card)
    first = "RNN fits p99 latency ≤ 1,000 µs and recurrent parameters ≤ 30,000, at hidden size 64."
    assert said.startswith(first)
    assert "Not measured yet: GRU (p99 latency)." in said
    assert "Struck out: LSTM (p99 latency 1,201 µs" in said
    for seed in range(3):
        made.add(THROUGHPUT, "gru", measured=speed(90 + seed), seed=seed)
    both = scorecard_answer(made.card(AT_64, "", "p99<=1ms", "parameters<=30k"))
    assert both.startswith("RNN and GRU fit ")
    assert "GRU handles the longest sentences (22.5 " in both
    line = made.question(LENGTH_QUALITY).lines[0]
    assert line.best == "LSTM"
    assert marks_among(line, ["RNN", "GRU"]) == {"RNN": "", "GRU": "best"}
    none = scorecard_answer(made.card(AT_64, "", "parameters<=1"))
    assert none.startswith("No variant surely fits recurrent parameters ≤ 1, at hidden size 64.")
    doubtful = scorecard_answer(made.card(AT_64, "", "p99<=91"))
    assert "Not decided: GRU (p99 latency 91 µs (90 to 92 in 3 launches))." in doubtful


def test_absolute_times_are_shown_and_not_ranked(made: Made) -> None:
    for seed in range(8):
        made.add(THROUGHPUT, "rnn", measured=speed(50 + seed), seed=seed)
        made.add(THROUGHPUT, "lstm", measured=speed(1200 + seed), seed=seed)
    line = made.card().lines["latency_p99_us"]
    assert line.best == ""
    assert standing(line) == (
        "p99 latency: not ranked, because it depends on what else the machine did."
    )


def test_too_few_repeats_ask_for_exactly_those_that_a_verdict_takes(made: Made) -> None:
    for variant in ("rnn", "lstm"):
        made.add(THROUGHPUT, variant, measured=speed(50), streamed_tokens=100)
    repeats = made.question(THROUGHPUT).repeats
    assert (repeats.noun, repeats.number, repeats.looks) == ("launch", 2, 1)
    asked = [(config.architecture.variant, config.seed) for _, config, _ in repeats.plan]
    assert asked == [("rnn", 1), ("rnn", 2), ("lstm", 1), ("lstm", 2)]
    assert {config.flat()["streamed_tokens"] for _, config, _ in repeats.plan} == {100}
    for seed in (1, 2):
        for variant in ("rnn", "lstm"):
            made.add(THROUGHPUT, variant, measured=speed(50), streamed_tokens=100, seed=seed)
    assert made.question(THROUGHPUT).repeats.plan == []
    assert made.question(PARAMETER_COUNT).repeats.plan == [], "a count needs no repetition"


def test_looks_at_a_growing_sample_are_corrected_for_here_too(made: Made) -> None:
    for seed, (low, high) in enumerate([(5.0, 20.0), (6.5, 22.0), (7.0, 21.0), (8.0, 23.0)]):
        made.add(LENGTH_QUALITY, "rnn", measured=quality(low), seed=seed)
        made.add(LENGTH_QUALITY, "lstm", measured=quality(high), seed=seed)
    once = made.question(LENGTH_QUALITY).lines[0].differences[0].corrected_p
    made.records[:] = [replace(record, looks=2) for record in made.records]
    twice = made.question(LENGTH_QUALITY).lines[0].differences[0].corrected_p
    assert once is not None
    assert twice == pytest.approx(2 * once)
