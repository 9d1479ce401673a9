"""`gradient-decay` end to end, without any tracker: the reference values, and its promises."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from typing import Any

import numpy
import pandas
import pytest
import torch

from core.experiment import Progress, Row
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.gradient_decay.declaration import (
    ConvergenceRow,
    DecayRow,
    GradientDecayConfig,
    GradientDecaySummary,
    GradientRow,
    JacobianRow,
    LyapunovRow,
    TrainingRow,
    measured_steps,
)
from core.experiments.gradient_decay.measure import (
    MAX_CONVERGENCE_POINTS,
    GradientStudy,
)
from core.models.architecture import Architecture
from core.models.counting import pass_cost
from core.models.recurrent import Recurrent
from core.models.registry import cell_kind, usual_variants, variants
from core.stats.estimates import mean_estimate, settled_estimate
from tests.core.made import every_variant

SMALL = {"seeds": 2, "sequence_length": 20, "batch_size": 3, "input_size": 4, "hidden_size": 6}


def config(**settings: Any) -> GradientDecayConfig:
    return GradientDecayConfig.from_flat({**SMALL, **settings})


def rows_of(config: GradientDecayConfig) -> list[Row]:
    return [event for event in GRADIENT_DECAY.measure(config) if isinstance(event, Row)]


def of_type(rows: list[Row], kind: type[Row]) -> list[Any]:
    return [row for row in rows if isinstance(row, kind)]


def summary_of(**settings: Any) -> GradientDecaySummary:
    (summary,) = of_type(rows_of(config(**settings)), GradientDecaySummary)
    return summary


HALVED = [
    ({"forget_bias": 2.0}, 4.7, 0.9, "fades"),
    ({"forget_bias": 3.0}, 1.1, 0.2, "bends"),
    ({"forget_bias": 5.0}, 0.6, 0.2, "bends"),
]


@pytest.mark.parametrize(("bias", "half", "tolerance", "course"), HALVED, ids=str)
def test_half_is_gone_long_before_the_lines_half_life(
    bias: dict[str, Any], half: float, tolerance: float, course: str
) -> None:
    """What a straight line says of these three: 22 steps, infinite, and exploding."""
    setup = {"cell": "lstm", "hidden_size": 64, "input_size": 16, "sequence_length": 100}
    made = config(**setup, **bias, seeds=8, batch_size=16, spectrum=False)
    (summary,) = of_type(rows_of(made), GradientDecaySummary)
    assert summary.half_distance_steps.value == pytest.approx(half, abs=tolerance)
    assert summary.half_life_steps.value > 16
    words = GRADIENT_DECAY.sentence(made, dict(zip(summary.header(), summary.flat(), strict=True)))
    assert ("a straight line does not describe" in words) == (course == "bends")
    assert "explode" not in words


def test_the_chapters_curve_halves_where_its_recorded_norms_do() -> None:
    """From the rows alone, by numpy, as a student would check it."""
    rows = rows_of(config(**GRADIENT_DECAY.presets["chapter"], spectrum=False))
    for decay in of_type(rows, DecayRow):
        curve = [r.log10_input_gradient for r in of_type(rows, GradientRow) if r.seed == decay.seed]
        k = next(k for k, y in enumerate(curve) if y <= curve[0] + math.log10(0.5))
        expected = numpy.interp(curve[0] + math.log10(0.5), curve[k - 1 : k + 1][::-1], [k, k - 1])
        assert decay.half_distance_steps == pytest.approx(expected)
        slope = numpy.polyfit(range(10, 61), curve[10:61], 1)[0]
        assert decay.decay_rate == pytest.approx(10**slope)
        assert decay.line_fit == pytest.approx(
            numpy.corrcoef(range(10, 61), curve[10:61])[0, 1] ** 2
        )


def test_an_older_runs_distances_come_from_its_recorded_curves() -> None:
    """Without the columns, and without the axis, that it did not know."""
    made = config(**GRADIENT_DECAY.presets["chapter"], cell="lstm", spectrum=False)
    rows = rows_of(made)
    tables = {
        kind.table: pandas.DataFrame([r.flat() for r in of_type(rows, kind)], columns=kind.header())
        for kind in (GradientRow, DecayRow)
    }
    by_seed = GRADIENT_DECAY.by_seed
    assert by_seed is not None
    new = by_seed(made.flat(), tables.get)
    known = ["training_step", "layer", "seed", "decay_rate", "state_decay_rate"]
    older = {"gradient": tables["gradient"].drop(columns="side"), "decay": tables["decay"][known]}
    old = by_seed(made.flat(), older.get)
    for name in ("half_distance_steps", "percent_distance_steps", "line_fit", "decay_rate"):
        assert old[name] == pytest.approx(new[name])


def test_an_older_run_of_two_directions_has_no_distances() -> None:
    """Its loss was at the last step: at k = 0 both halves read the input, beyond it one."""
    made = config(**GRADIENT_DECAY.presets["chapter"], bidirectional=True, spectrum=False)
    rows = [r for r in of_type(rows_of(made), GradientRow) if r.side == "past"]
    table = pandas.DataFrame([r.flat() for r in rows], columns=GradientRow.header())
    older = {"gradient": table.drop(columns="side")}
    assert GRADIENT_DECAY.by_seed is not None
    assert set(GRADIENT_DECAY.by_seed(made.flat(), older.get)) == {"zero_percent", "line_fit"}


def test_two_directions_are_measured_on_both_sides_and_one_on_the_past_alone() -> None:
    both, one = (summary_of(**kind) for kind in ({"cell": "gru", "bidirectional": True}, {}))
    assert both.half_distance_steps.n == both.future_half_distance_steps.n == 2
    assert both.loss_at == "at step 20 of 39"
    assert (one.future_half_distance_steps.n, one.loss_at) == (0, "at the last of 20 steps")


def test_an_interval_of_the_exponent_covers_though_a_transient_is_left() -> None:
    """1,000 simulated runs of 8 networks: each has its own exponent about 0, steps add noise, and a
    transient dies within the first half. The t interval of the whole misses; the wider one covers.
    """
    draw = numpy.random.default_rng(0)
    covered = {"whole": 0, "widened": 0}
    for _ in range(1000):
        own = draw.normal(0, 0.004, 8)
        halves = draw.normal(own[:, None], 0.003, (8, 2))
        halves[:, 0] += 0.02
        whole = dict(enumerate(halves.mean(1)))
        drift = dict(enumerate(halves[:, 1] - halves[:, 0]))
        for name, estimate in (
            ("whole", mean_estimate(whole.values())),
            ("widened", settled_estimate(whole, drift)),
        ):
            covered[name] += estimate.low <= 0 <= estimate.high
    assert covered["whole"] < 100
    assert 930 <= covered["widened"] <= 985


def test_without_a_transient_the_exponents_interval_is_hardly_wider() -> None:
    draw, covered, ratio = numpy.random.default_rng(1), 0, []
    for _ in range(1000):
        halves = draw.normal(draw.normal(0, 0.004, 8)[:, None], 0.003, (8, 2))
        whole = dict(enumerate(halves.mean(1)))
        drift = dict(enumerate(halves[:, 1] - halves[:, 0]))
        plain, wide = mean_estimate(whole.values()), settled_estimate(whole, drift)
        covered += wide.low <= 0 <= wide.high
        ratio.append((wide.high - wide.low) / (plain.high - plain.low))
    assert 940 <= covered <= 985
    assert numpy.mean(ratio) < 1.3


@pytest.mark.slow
def test_forget_bias_threes_exponent_is_near_zero_and_not_above_it() -> None:
    """Over 100 steps from zero it read +.0093 [.0042, .0143]; over 1,500 it is −.0008."""
    summary = summary_of(
        cell="lstm",
        forget_bias=3.0,
        hidden_size=64,
        input_size=16,
        seeds=8,
        sequence_length=100,
        batch_size=1,
    )
    low, high = summary.leading_exponent.low, summary.leading_exponent.high
    assert low < -0.0008 < high
    assert high < 0.0042
    assert abs(summary.exponent_drift.value) < 0.003


REFERENCES = [
    ({"cell": "rnn"}, 0.567),
    ({"cell": "rnn", "initialisation": "orthogonal"}, 0.874),
    ({"cell": "rnn", "initialisation": "identity", "nonlinearity": "relu"}, 0.994),
    ({"cell": "lstm"}, 0.637),
    ({"cell": "lstm", "forget_bias": 1.0}, 0.856),
    ({"cell": "lstm", "forget_bias": 2.0}, 0.975),
    ({"cell": "lstm", "forget_bias": 3.0}, 1.006),
    ({"cell": "gru"}, 0.635),
    ({"cell": "gru", "update_bias": 1.0}, 0.797),
    ({"cell": "gru", "update_bias": 3.0}, 0.958),
]


@pytest.mark.parametrize(("settings", "rate"), REFERENCES, ids=str)
def test_decay_rates_are_the_independent_references(settings: dict[str, Any], rate: float) -> None:
    shape = {"hidden_size": 128, "input_size": 16, "batch_size": 16, "sequence_length": 100}
    summary = summary_of(**shape, **settings, seeds=5, spectrum=False)
    assert summary.decay_rate.value == pytest.approx(rate, abs=0.03)
    assert summary.state_decay_rate.value == pytest.approx(rate, abs=0.03)
    assert summary.decay_rate.n == 5


CHAPTER = [
    ({"cell": "rnn"}, 30.4),
    ({"cell": "lstm"}, 21.4),
    ({"cell": "gru"}, 20.7),
    ({"cell": "lstm", "forget_bias": 1.0}, 8.4),
    ({"cell": "lstm", "forget_bias": 3.0}, 0.2),
    ({"cell": "rnn", "recurrent_gain": 2.0}, 6.2),
]


@pytest.mark.parametrize(("settings", "ratio"), CHAPTER, ids=str)
def test_the_chapters_ratio_is_the_independent_reference(
    settings: dict[str, Any], ratio: float
) -> None:
    """The references are medians of few seeds; over 300 seeds torch.nn gives 29.9, 20.7, 20.5,
    8.2, 0.17 and 6.2."""
    preset = GRADIENT_DECAY.presets["chapter"]
    summary = summary_of(**{**preset, "seeds": 64, "batch_size": 1, "spectrum": False, **settings})
    assert summary.log10_last_over_first.value == pytest.approx(ratio, abs=1.0)
    assert summary.zero_percent == 0


def test_the_preset_is_the_chapters_set_up() -> None:
    (chapter,) = GRADIENT_DECAY.configs(["rnn"], {}, "chapter")
    assert isinstance(chapter, GradientDecayConfig)
    assert (chapter.input_size, chapter.architecture.hidden_size) == (32, 64)
    assert (chapter.sequence_length, chapter.loss) == (100, "sum")


def test_float32_underflows_to_exact_zeros_which_are_counted() -> None:
    """Ten orders of magnitude in 33 steps: after 200 nothing is left that float32 can hold."""
    preset = {**GRADIENT_DECAY.presets["chapter"], "sequence_length": 200, "spectrum": False}
    single = rows_of(config(**preset, dtype="float32"))
    double = rows_of(config(**preset))
    zeros = [row.input_zeros for row in of_type(single, GradientRow)]
    assert max(zeros) == SMALL["batch_size"]
    for row in of_type(single, GradientRow):
        assert (row.log10_input_gradient is None) == (row.input_zeros == SMALL["batch_size"])
    assert of_type(single, GradientDecaySummary)[0].zero_percent > 10
    assert of_type(single, GradientDecaySummary)[0].log10_last_over_first.value is None
    assert of_type(double, GradientDecaySummary)[0].zero_percent == 0
    rates = [of_type(rows, GradientDecaySummary)[0].decay_rate.value for rows in (single, double)]
    assert rates[0] == pytest.approx(rates[1], rel=0.01)


def test_at_the_chapters_length_only_squares_underflow_in_float32() -> None:
    """The gradient of about 1e-30 is a float32; its square is not. Only the naive norm is zero."""
    preset = {**GRADIENT_DECAY.presets["chapter"], "spectrum": False}
    assert summary_of(**preset, dtype="float32").zero_percent == 0
    model = Recurrent(Architecture(), 32, generators=torch.Generator().manual_seed(0))
    x_TBI = torch.randn(100, 1, 32, generator=torch.Generator().manual_seed(1)).requires_grad_()
    (gradient,) = torch.autograd.grad(model(x_TBI)[0][-1].sum(), x_TBI)
    assert gradient[0].abs().max() > 0
    assert gradient[0].norm() == 0


TRAINED = {"layers": 2, "training_steps": 2, "checkpoints": 2, "seeds": 3, "sequence_length": 12}


@functools.cache
def trained_rows(variant: str) -> list[Row]:
    return rows_of(config(**variants()[variant], **TRAINED))


@pytest.mark.parametrize("variant", every_variant())
def test_every_variant_yields_every_table_and_the_summary_last(variant: str) -> None:
    setup, rows = config(**variants()[variant], **TRAINED), trained_rows(variant)
    assert {type(row) for row in rows} == set(GRADIENT_DECAY.rows)
    assert isinstance(rows[-1], GradientDecaySummary)
    assert [type(row) for row in rows].index(GradientRow) < [type(r) for r in rows].index(
        JacobianRow
    )
    directions = setup.architecture.directions
    kind = cell_kind(setup.architecture.cell)
    numbers = sum(kind.state_sizes(setup.architecture.hidden_size).values())
    networks = 2 * 2 * directions * 3
    assert len(of_type(rows, GradientRow)) == networks * 12
    assert len(of_type(rows, DecayRow)) == networks
    assert len(of_type(rows, JacobianRow)) == networks * 12
    assert len(of_type(rows, LyapunovRow)) == networks * numbers
    assert len(of_type(rows, ConvergenceRow)) == networks * MAX_CONVERGENCE_POINTS
    assert len(of_type(rows, TrainingRow)) == 2 * 3


@pytest.mark.parametrize("variant", every_variant())
def test_the_same_seed_gives_identical_rows(variant: str) -> None:
    assert rows_of(config(**variants()[variant], **TRAINED)) == trained_rows(variant)


@pytest.mark.parametrize("variant", usual_variants())
def test_a_seed_alone_gives_the_rows_it_gives_among_others_to_rounding(variant: str) -> None:
    """Bit for bit on most processors. With AVX-512, MKL has another kernel for one matrix than for
    three at once: of the two-sided RNN one value in 410 differs by 2e-16."""
    alone = rows_of(config(**{**variants()[variant], **TRAINED, "seeds": 1, "seed": 2}))[:-1]
    among = [row for row in trained_rows(variant)[:-1] if row.seed == 2]
    assert [type(row) for row in among] == [type(row) for row in alone]
    values = ([*itertools.chain(*map(dataclasses.astuple, rows))] for rows in (among, alone))
    for one, other in zip(*values, strict=True):
        close = isinstance(one, float) and math.isclose(one, other, rel_tol=1e-14)
        assert one == other or close


def test_every_variant_reads_the_same_past_and_two_directions_as_long_a_future() -> None:
    cpu = torch.device("cpu")
    studies = [GradientStudy(config(**kind), cpu) for kind in variants().values()]
    past = SMALL["sequence_length"]
    assert all(torch.equal(s.x_STBI[:, :past], studies[0].x_STBI) for s in studies)
    assert {s.x_STBI.shape[1] - past for s in studies} == {0, past - 1}


def test_the_sum_loss_is_the_projection_on_ones() -> None:
    assert (GradientStudy(config(loss="sum"), torch.device("cpu")).grad_loss_SBH == 1).all()


def test_an_orthogonal_linear_recurrence_through_the_whole_pipeline() -> None:
    """`identity` is no setting that a person may choose, so validation is passed by."""
    orthogonal = config(sequence_length=100, initialisation="orthogonal")
    linear = orthogonal.architecture.model_copy(update={"nonlinearity": "identity"})
    setup = orthogonal.model_copy(update={"architecture": linear})
    rows = rows_of(setup)
    assert all(abs(row.exponent) < 1e-12 for row in of_type(rows, LyapunovRow))
    assert all(abs(row.log10_product_norm) < 1e-12 for row in of_type(rows, JacobianRow))
    assert all(abs(row.state_decay_rate - 1) < 1e-12 for row in of_type(rows, DecayRow))


def test_progress_rises_to_the_whole_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.training.Throttle.due", lambda _: True)
    settings = config(cell="lstm", layers=2, bidirectional=True, training_steps=3)
    reports = [e for e in GRADIENT_DECAY.measure(settings) if isinstance(e, Progress)]
    assert reports[0].done == 0
    assert "computing on cpu" in reports[0].message
    assert [p.done for p in reports] == sorted(p.done for p in reports)
    assert reports[-1].done == pytest.approx(reports[-1].total)
    assert reports[-1].total == pytest.approx(GRADIENT_DECAY.work(settings))


def test_measurements_are_evenly_spaced_with_the_start_and_the_end() -> None:
    for steps, checkpoints, expected in (
        (0, 8, [0]),
        (10, 1, [0, 10]),
        (10, 2, [0, 10]),
        (10, 3, [0, 5, 10]),
        (3, 8, [0, 1, 2, 3]),
        (700, 8, [0, 100, 200, 300, 400, 500, 600, 700]),
    ):
        settings = config(training_steps=steps, checkpoints=checkpoints)
        assert measured_steps(settings) == expected


def test_the_first_measurement_of_a_training_is_that_of_no_training() -> None:
    untrained = of_type(rows_of(config()), GradientRow)
    trained = of_type(rows_of(config(training_steps=2)), GradientRow)
    assert trained[: len(untrained)] == untrained
    assert trained[-1] != untrained[-1]


def test_training_changes_how_the_gradient_fades() -> None:
    settings = {"cell": "gru", "training_steps": 120, "learning_rate": 0.01, "hidden_size": 16}
    rows = rows_of(config(**settings, batch_size=16, checkpoints=2, spectrum=False))
    before, after = (
        [row for row in of_type(rows, DecayRow) if row.training_step == step] for step in (0, 120)
    )
    assert all(b.decay_rate > a.decay_rate for a, b in zip(before, after, strict=True))
    losses = of_type(rows, TrainingRow)
    assert losses[0].loss == pytest.approx(math.log(4), abs=0.3)
    assert losses[-1].loss < losses[0].loss


@pytest.mark.parametrize(
    "settings",
    [
        {"recurrent_gain": 0.0},
        {"nonlinearity": "relu", "recurrent_gain": 100.0, "sequence_length": 200},
        {"nonlinearity": "relu", "recurrent_gain": 100.0, "dtype": "float32"},
        {"nonlinearity": "relu", "initialisation": "identity", "recurrent_gain": 0.0},
        {"cell": "lstm", "forget_bias": -20.0, "recurrent_gain": 0.0},
        {"cell": "gru", "update_bias": 20.0},
        {"hidden_size": 1, "input_size": 1, "batch_size": 1, "seeds": 1, "sequence_length": 10},
        {"hidden_size": 1, "bidirectional": True, "layers": 3, "training_steps": 1},
    ],
    ids=str,
)
def test_extreme_settings_leave_fields_empty_rather_than_infinite(settings: dict[str, Any]) -> None:
    setup = config(**settings)
    rows = rows_of(setup)
    for row in rows:
        for name, value in zip(row.header(), row.flat(), strict=True):
            if isinstance(value, float) and not name.startswith(("half_life", "decay_rate")):
                assert math.isfinite(value), (row.table, name, value)
            assert not (isinstance(value, float) and math.isnan(value)), (row.table, name)
    summary = dict(zip(GradientDecaySummary.header(), rows[-1].flat(), strict=True))
    assert GRADIENT_DECAY.sentence(setup, summary).endswith(".")


def test_overflows_are_counted() -> None:
    setup = config(nonlinearity="relu", recurrent_gain=100.0, dtype="float32", sequence_length=100)
    gradients = of_type(rows_of(setup), GradientRow)
    assert max(row.overflows for row in gradients) > 0


def test_float32_and_float64_start_from_the_same_networks() -> None:
    rates = [summary_of(dtype=dtype).decay_rate.value for dtype in ("float32", "float64")]
    assert rates[0] == pytest.approx(rates[1], rel=1e-3)


def test_work_grows_with_everything_that_takes_time() -> None:
    base = config()
    for more in (
        {"seeds": 4},
        {"sequence_length": 40},
        {"batch_size": 6},
        {"hidden_size": 12},
        {"layers": 2},
        {"bidirectional": True},
        {"training_steps": 1},
        {"cell": "lstm"},
    ):
        assert GRADIENT_DECAY.work(config(**more)) > GRADIENT_DECAY.work(base)
    assert GRADIENT_DECAY.work(config(spectrum=False)) < GRADIENT_DECAY.work(base)


def test_a_spectrum_is_measured_before_and_after_training_only() -> None:
    rows = rows_of(config(training_steps=4, checkpoints=5))
    steps = [row.training_step for row in of_type(rows, JacobianRow)]
    assert [step for step, _ in itertools.groupby(steps)] == [0, 4]


def test_work_is_a_pass_for_every_measurement_and_every_training_step() -> None:
    once = pass_cost(config().architecture, 4, steps=20, sequences=2 * 3)
    assert GRADIENT_DECAY.work(config(spectrum=False)) == once
    trained = config(spectrum=False, training_steps=7, checkpoints=3)
    assert measured_steps(trained) == [0, 4, 7]
    assert GRADIENT_DECAY.work(trained) == (3 + 7) * once


def test_jacobians_add_work_by_layer_step_and_the_size_of_the_state() -> None:
    def added(**settings: Any) -> float:
        with_them, without = config(**settings), config(spectrum=False, **settings)
        return GRADIENT_DECAY.work(with_them) - GRADIENT_DECAY.work(without)

    assert added() > 0
    for twice in (
        {"layers": 2},
        {"bidirectional": True},
        {"sequence_length": 40},
        {"training_steps": 1, "checkpoints": 1},  # before training and after it
    ):
        assert added(**twice) == pytest.approx(2 * added()), twice
    of_two_seeds = {
        shape: added(seeds=4, **settings) - added(seeds=2, **settings)
        for shape, settings in {
            "rnn": {},
            "wide rnn": {"hidden_size": 12},
            "lstm": {"cell": "lstm"},  # h and c
        }.items()
    }
    assert 4 < of_two_seeds["wide rnn"] / of_two_seeds["rnn"] < 8, "squares and cubes"
    assert of_two_seeds["lstm"] == pytest.approx(of_two_seeds["wide rnn"])


def test_of_a_very_large_state_no_jacobian_is_decomposed_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.experiments.gradient_decay.declaration.MAX_SPECTRUM_STATE", 8)
    events = list(GRADIENT_DECAY.measure(config(cell="rnn", hidden_size=9)))
    said = [event.message for event in events if isinstance(event, Progress)]
    assert "no Jacobians: the state has 9 numbers, and at most 8 are decomposed" in said
    rows = [event for event in events if isinstance(event, Row)]
    assert of_type(rows, JacobianRow) == of_type(rows, LyapunovRow) == []
    (summary,) = of_type(rows, GradientDecaySummary)
    assert summary.spectral_radius.value is None
    assert summary.half_distance_steps.value is not None
    assert of_type(rows_of(config(cell="rnn", hidden_size=8)), JacobianRow)


def test_of_a_layer_that_feeds_nothing_back_jacobians_say_nothing_and_that_is_said() -> None:
    events = list(GRADIENT_DECAY.measure(config(cell="tcn", hidden_size=2)))
    said = [event.message for event in events if isinstance(event, Progress)]
    assert "no Jacobians: a TCN feeds no state back, so that they say nothing of it" in said
    rows = [event for event in events if isinstance(event, Row)]
    assert of_type(rows, JacobianRow) == of_type(rows, LyapunovRow) == []
    (summary,) = of_type(rows, GradientDecaySummary)
    assert summary.half_distance_steps.value is not None
