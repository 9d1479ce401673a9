"""`throughput` end to end, without any tracker. No test depends on how fast the machine is."""

from __future__ import annotations

import gc
import itertools
import math
import resource
import statistics
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from core.device import describe_device
from core.experiment import Progress, Row
from core.experiments.throughput import THROUGHPUT, passes
from core.experiments.throughput.declaration import (
    GROWN,
    MAX_PACKED_TURNS,
    MODES,
    SUBJECTS,
    WARM_UP_TURNS,
    CompilationRow,
    GrowthRow,
    LatencyRow,
    Mode,
    PackingRow,
    RatioRow,
    SubjectRow,
    ThroughputConfig,
    ThroughputSummary,
    TimeRow,
    TurnRow,
    growth_work,
    latency_work,
    packing_work,
    passes_work,
    work,
)
from core.experiments.throughput.rows import ragged_lengths
from core.experiments.throughput.subjects import (
    NOT_COMPILED,
    build_subjects,
    normal,
    problem_of,
)
from core.machine_lock import TIMING_LOCK
from core.models.architecture import Architecture
from core.models.counting import count_parameters, pass_cost
from core.models.registry import variants
from core.settings import BadSetting
from core.stats.aggregation import GEOMETRIC_MEAN

SMALL: dict[str, Any] = {
    "sequence_length": 8,
    "shortest_length": 2,
    "batch_size": 3,
    "input_size": 4,
    "hidden_size": 6,
    "repetitions": 3,
    "streamed_tokens": 7,
}


def config(**settings: Any) -> ThroughputConfig:
    return ThroughputConfig.from_flat({**SMALL, **settings})


def rows_of(config: ThroughputConfig) -> list[Row]:
    return [event for event in THROUGHPUT.measure(config) if isinstance(event, Row)]


def of_type(rows: list[Row], kind: type[Row]) -> list[Any]:
    return [row for row in rows if isinstance(row, kind)]


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """No test here depends on a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.measure.timing.SHORTEST_SAMPLE_NS", 50_000)
        patch.setattr("core.measure.timing.WARM_UP_CALLS", 2)
        yield


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(variant, marks=[] if variant in ("lstm", "bi-gru") else [pytest.mark.slow])
        for variant in variants()
    ],
)
def measured(request: pytest.FixtureRequest) -> tuple[ThroughputConfig, list[Row]]:
    """A tiny run of each variant; in the usual suite, of one that reads one way and one that reads
    both."""
    setup = config(**variants()[request.param], repetitions=6)
    return setup, rows_of(setup)


def test_every_table_but_compilation_is_there_and_the_summary_last(measured: Any) -> None:
    setup, rows = measured
    assert {type(row) for row in rows} == set(THROUGHPUT.rows) - {CompilationRow}
    assert isinstance(rows[-1], ThroughputSummary)
    lengths = len(setup.lengths)
    assert lengths == 3
    assert len(of_type(rows, SubjectRow)) == 6
    assert len(of_type(rows, TimeRow)) == 2 * 6 * lengths
    assert len(of_type(rows, RatioRow)) == 2 * 2 * 4 * lengths
    assert len(of_type(rows, LatencyRow)) == 6 * lengths
    assert len(of_type(rows, PackingRow)) == 2 * lengths


def test_every_time_is_consistent(measured: Any) -> None:
    setup, rows = measured
    for row in of_type(rows, TimeRow):
        assert row.problem == ""
        assert row.repetitions == setup.repetitions
        assert 0 < row.milliseconds_q1 <= row.milliseconds <= row.milliseconds_q3 < math.inf
        tokens = row.sequence_length * setup.batch_size
        assert row.tokens_per_second == pytest.approx(1000 * tokens / row.milliseconds)
        assert row.peak_mib > 0


def test_short_lengths_come_first(measured: Any) -> None:
    lengths = [row.sequence_length for row in of_type(measured[1], TimeRow)]
    assert lengths == sorted(lengths)


def test_every_ratio_has_its_interval_and_the_summary_is_its_inverse(measured: Any) -> None:
    setup, rows = measured
    summary = rows[-1]
    ratios = {
        (r.subject, r.baseline, r.mode, r.sequence_length): r.times_as_fast
        for r in of_type(rows, RatioRow)
    }
    for ratio in ratios.values():
        assert 0 < ratio.low <= ratio.value <= ratio.high
        assert ratio.n == setup.repetitions
    for estimate, baseline, mode in (
        (summary.over_rnn, "rnn", "training"),
        (summary.over_linear, "linear", "forward"),
        (summary.over_feed_forward, "feed-forward", "training"),
        (summary.over_attention, "attention", "training"),
    ):
        inverse = ratios["fused", baseline, mode, setup.sequence_length]
        assert estimate.low == pytest.approx(1 / inverse.high)
        assert estimate.high == pytest.approx(1 / inverse.low)


def test_every_turn_is_recorded_with_its_order(measured: Any) -> None:
    setup, rows = measured
    turns = of_type(rows, TurnRow)
    assert len(turns) == 2 * len(setup.lengths) * setup.repetitions * len(SUBJECTS)
    for mode in MODES:
        for length in setup.lengths:
            here = [r for r in turns if (r.mode, r.sequence_length) == (mode, length)]
            for subject in SUBJECTS:
                own = [r for r in here if r.subject == subject]
                places = sorted(r.position for r in own)
                assert places == [1, 2, 3, 4, 5, 6], "six turns: a Williams square"
                time = next(
                    r.milliseconds
                    for r in of_type(rows, TimeRow)
                    if (r.subject, r.mode, r.sequence_length) == (subject, mode, length)
                )
                assert statistics.median(r.milliseconds for r in own) == pytest.approx(time)
    by_turn = {
        (r.turn, r.subject): r.milliseconds
        for r in turns
        if (r.mode, r.sequence_length) == ("training", setup.sequence_length)
    }
    ratios = [math.log(by_turn[t, "fused"] / by_turn[t, "rnn"]) for t in range(1, 7)]
    assert math.log(rows[-1].over_rnn.value) == pytest.approx(statistics.median(ratios))


def test_growth_is_measured_at_all_lengths_in_the_same_turns(measured: Any) -> None:
    setup, rows = measured
    growth = {(r.subject, r.shorter_length, r.sequence_length) for r in of_type(rows, GrowthRow)}
    assert growth == {
        (subject, *pair) for subject in GROWN for pair in itertools.pairwise(setup.lengths)
    }
    for row in of_type(rows, GrowthRow):
        assert row.local_exponent.n == setup.repetitions


def test_with_less_beside_it_the_variant_has_the_same_ratios_to_rnn_and_linear() -> None:
    setup, every = (
        config(cell="lstm", repetitions=6, packed=False, timed_beside=beside)
        for beside in ("rnn and linear", "everything")
    )
    rows = rows_of(setup)
    assert {row.subject for row in of_type(rows, TimeRow)} == {"fused", "rnn", "linear"}
    assert {row.subject for row in of_type(rows, LatencyRow)} == {"fused", "rnn", "linear"}
    assert {row.baseline for row in of_type(rows, RatioRow)} == {"rnn", "linear"}
    summary = rows[-1]
    for ratio in (summary.over_rnn, summary.over_linear, summary.latency_over_rnn):
        assert ratio.value is not None
    assert {row.subject for row in of_type(rows, GrowthRow)} == {"fused"}
    for ratio in (summary.over_attention, summary.over_feed_forward, summary.equations_over_fused):
        assert ratio.value is None
    assert work(setup) < work(every)


def test_launches_are_runs_with_seeds_of_their_own() -> None:
    assert len(THROUGHPUT.configs(["rnn"], {})) == 3
    five = THROUGHPUT.configs(["rnn", "gru"], {"launches": ["5"], "seed": [7]})
    assert [config.seed for config in five] == [7, 8, 9, 10, 11] * 2
    with pytest.raises(BadSetting, match="launches is '0'; give"):
        THROUGHPUT.configs(["rnn"], {"launches": ["0"]})
    assert "seeds" not in {setting.name for setting in THROUGHPUT.settings}
    columns = {column.name: column for column in THROUGHPUT.summary.columns()}
    for headline in THROUGHPUT.headlines:
        assert columns[headline.name].unit == "times"
        assert columns[headline.name].aggregation is GEOMETRIC_MEAN


def test_the_summary_agrees_with_the_tables(measured: Any) -> None:
    setup, rows = measured
    summary = rows[-1]
    times = {(r.subject, r.mode, r.sequence_length): r for r in of_type(rows, TimeRow)}
    training = times["fused", "training", setup.sequence_length]
    assert summary.training_ms.value == pytest.approx(training.milliseconds)
    assert summary.tokens_per_second.value == pytest.approx(training.tokens_per_second)
    assert summary.tokens_per_second.low <= summary.tokens_per_second.high
    assert summary.peak_mib == training.peak_mib
    assert summary.parameters == count_parameters(setup.architecture, setup.input_size).core
    assert summary.local_exponent.n in (0, 6), "six turns, or not determined"
    assert summary.compile_seconds is None
    facts = describe_device(torch.device("cpu"))
    assert (summary.device, summary.chip) == ("cpu", facts["chip"])
    assert summary.noise_percent >= 0
    assert summary.other_load >= 0
    assert summary.disturbed_turns == 0
    assert 0 < summary.harness_percent < 100


def test_one_token_is_timed_for_what_reads_one_way(measured: Any) -> None:
    setup, rows = measured
    for row in of_type(rows, LatencyRow):
        if setup.architecture.bidirectional and row.subject in ("fused", "equations"):
            assert "the end" in row.problem
            assert (row.p50_us, row.p99_us, row.tokens) == (None, None, 0)
        else:
            assert row.problem == ""
            assert row.tokens == setup.streamed_tokens
            assert row.p50_us > 0
            assert row.empty_us > 0
            assert row.over_rnn.value > 0
            assert row.p99_us is None, "too few tokens for a 99th percentile"
    assert (rows[-1].latency_p50_us is None) == setup.architecture.bidirectional


def test_packed_batches_are_compared_with_padded_ones(measured: Any) -> None:
    setup, rows = measured
    for row in of_type(rows, PackingRow):
        assert row.problem == ""
        assert min(row.packed_ms, row.padded_ms) > 0
        assert row.packed_over_padded.n == setup.repetitions
        lengths = ragged_lengths(row.sequence_length, setup.batch_size)
        assert row.real_percent == pytest.approx(
            100 * sum(lengths) / len(lengths) / row.sequence_length
        )


def test_subjects_are_counted_in_their_tensors(measured: Any) -> None:
    setup, rows = measured
    subjects = {row.subject: row for row in of_type(rows, SubjectRow)}
    shape = setup.architecture
    core = count_parameters(shape, 4).core
    assert subjects["fused"].parameters == subjects["equations"].parameters == core
    assert subjects["rnn"].parameters == count_parameters(Architecture(hidden_size=6), 4).core
    assert subjects["linear"].parameters == 4 * 6 + 6
    assert subjects["attention"].parameters == (4 + 1) * 18 + (6 + 1) * 6
    outputs = 6 * shape.directions
    assert abs(subjects["feed-forward"].parameters - core) <= (4 + 1 + outputs) / 2
    assert subjects["feed-forward"].width == (subjects["feed-forward"].parameters - outputs) / (
        4 + 1 + outputs
    )


def test_the_same_seed_gives_the_same_weights_and_both_implementations_share_them() -> None:
    cpu, setup = torch.device("cpu"), config(cell="lstm", layers=2, seed=3)
    first, second = build_subjects(setup, cpu), build_subjects(setup, cpu)
    for name in SUBJECTS:
        states = first[name].state_dict(), second[name].state_dict()
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    for key, value in first["fused"].state_dict().items():
        assert torch.equal(value, first["equations"].state_dict()[key])
    other = build_subjects(config(cell="lstm", layers=2, seed=4), cpu)
    assert not torch.equal(other["linear"].weight, first["linear"].weight)
    assert torch.equal(normal(setup, cpu, 4, 3), normal(setup, cpu, 4, 3))


def test_building_subjects_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    build_subjects(config(), torch.device("cpu"))
    assert torch.equal(torch.rand(3), expected)


def test_the_chapters_set_up_is_a_preset() -> None:
    setup, *others = THROUGHPUT.configs(["lstm"], {}, "chapter")
    assert [other.seed for other in others] == [1, 2], "three launches"
    assert isinstance(setup, ThroughputConfig)
    assert (setup.input_size, setup.architecture.hidden_size) == (256, 256)
    assert (setup.batch_size, setup.sequence_length) == (32, 512)


def test_lengths_halve_from_the_longest_down() -> None:
    for longest, shortest, lengths in (
        (8, 2, [2, 4, 8]),
        (8, 8, [8]),
        (9, 2, [2, 4, 9]),
        (100, 30, [50, 100]),
    ):
        assert config(sequence_length=longest, shortest_length=shortest).lengths == lengths


def test_a_ragged_batch_spreads_evenly_down_to_a_quarter() -> None:
    for longest, batch, lengths in (
        (8, 4, [8, 6, 4, 2]),
        (8, 1, [8]),
        (2, 3, [2, 2, 1]),
        (16, 2, [16, 4]),
    ):
        assert ragged_lengths(longest, batch) == lengths


def test_progress_rises_to_the_whole_work_and_nothing_is_held_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.training.Throttle.due", lambda _: True)
    setup = config()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    reports = []
    for event in THROUGHPUT.measure(setup):
        assert resource.getrlimit(resource.RLIMIT_AS) == limits
        assert not TIMING_LOCK.locked()
        assert gc.isenabled()
        assert not torch.is_inference_mode_enabled()
        reports += [event] if isinstance(event, Progress) else []
    assert reports[0].done == 0
    assert "computing on cpu" in reports[0].message
    assert [p.done for p in reports] == sorted(p.done for p in reports)
    assert reports[-1].done == pytest.approx(reports[-1].total)
    assert {p.total for p in reports} == {THROUGHPUT.work(setup)}
    turns = [p.message for p in reports if p.message.startswith("training at T = 8, turn")]
    assert turns == [f"training at T = 8, turn {turn}" for turn in (1, 2, 3)]


def test_a_run_that_is_given_up_leaves_nothing_behind() -> None:
    limits = resource.getrlimit(resource.RLIMIT_AS)
    events = THROUGHPUT.measure(config())
    for _ in range(12):
        next(events)
    events.close()
    assert resource.getrlimit(resource.RLIMIT_AS) == limits
    assert not TIMING_LOCK.locked()
    assert gc.isenabled()


def test_no_latency_and_no_packing_where_none_is_asked_for() -> None:
    rows = rows_of(config(streamed_tokens=0, packed=False))
    assert not of_type(rows, LatencyRow)
    assert not of_type(rows, PackingRow)
    assert rows[-1].latency_p50_us is None
    assert rows[-1].packed_over_padded.value is None


@pytest.mark.slow
def test_a_shape_beyond_the_memory_limit_is_a_row_and_the_run_goes_on() -> None:
    """The fused LSTM's training takes 43 MiB at T = 32; its forward pass 40 at T = 128."""
    setup = config(
        cell="lstm", hidden_size=64, input_size=64, batch_size=256, sequence_length=128,
        shortest_length=32, memory_limit_mib=64, streamed_tokens=0,
    )  # fmt: skip
    limits = resource.getrlimit(resource.RLIMIT_AS)
    rows = rows_of(setup)
    assert resource.getrlimit(resource.RLIMIT_AS) == limits
    training = {
        (row.subject, row.sequence_length): row
        for row in of_type(rows, TimeRow)
        if row.mode == "training"
    }
    problems = [training["fused", length].problem for length in (32, 64, 128)]
    assert problems == ["", "out of memory", "out of memory at T = 64 already"]
    assert training["fused", 32].milliseconds > 0
    assert training["fused", 128].milliseconds is None
    assert training["fused", 128].repetitions == 0
    assert training["linear", 128].problem == ""
    assert all(row.peak_mib <= 64 for row in training.values() if row.peak_mib is not None)
    packing = {(r.mode, r.sequence_length): r for r in of_type(rows, PackingRow)}
    assert "out of memory" in packing["training", 128].problem
    assert packing["training", 128].packed_ms is None
    summary = rows[-1]
    assert summary.tokens_per_second.value is None
    assert summary.over_rnn.value is None
    assert summary.forward_tokens_per_second.value > 0
    assert summary.length_exponent.value is None


def failing(monkeypatch: pytest.MonkeyPatch, names: set[str], error: Exception) -> None:
    """Passes of these subjects raise."""
    real = passes.pass_of
    names_by_id = {id(model): name for name, model in CURRENT.items()}

    def pass_of(model: torch.nn.Module, *rest: Any) -> Any:
        if names_by_id.get(id(model)) not in names:
            return real(model, *rest)

        def fail() -> None:
            raise error

        return fail

    monkeypatch.setattr(passes, "pass_of", pass_of)


CURRENT: dict[str, torch.nn.Module] = {}


@pytest.fixture
def subjects(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run has the models in CURRENT."""
    CURRENT.clear()
    CURRENT.update(build_subjects(config(), torch.device("cpu")))
    monkeypatch.setattr("core.experiments.throughput.bench.build_subjects", lambda *_: CURRENT)


HALF = RuntimeError("\"addmm_impl_cpu_\" not implemented for 'Half'\nmore")


@pytest.mark.usefixtures("subjects")
def test_a_kernel_that_is_not_there_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, {"fused", "attention"}, HALF)
    rows = rows_of(config())
    problems = {row.subject: row.problem for row in of_type(rows, TimeRow)}
    problem = "float32 is not available here: \"addmm_impl_cpu_\" not implemented for 'Half'"
    broken = ("fused", "attention")
    assert problems == {name: problem if name in broken else "" for name in SUBJECTS}
    assert rows[-1].tokens_per_second.value is None
    assert {row.subject for row in of_type(rows, RatioRow)} == {"equations"}


@pytest.mark.usefixtures("subjects")
def test_a_run_without_any_time_of_the_variant_fails_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing(monkeypatch, {"fused", "equations"}, HALF)
    with pytest.raises(
        BadSetting, match="RNN 6 cannot be timed at T = 2 or longer: float32 is not"
    ):
        rows_of(config())


@pytest.mark.usefixtures("subjects")
def test_a_bug_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, {"linear"}, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        rows_of(config())


def test_problems_are_told_from_bugs() -> None:
    for error, words in (
        (MemoryError(), "out of memory"),
        (HALF, "float16 is not available here: \"addmm_impl_cpu_\" not implemented for 'Half'"),
        (NotImplementedError("Could not run 'aten::x' with 'MPS'"), "float16 is not available"),
        (RuntimeError("shape mismatch"), ""),
        (TypeError("not a tensor"), ""),
        (KeyError("is not supported"), ""),
        (NotImplementedError(""), ""),
    ):
        problem = problem_of(error, "float16")
        assert problem.startswith(words)
        assert bool(problem) == bool(words), error


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_other_precisions_are_timed_or_said_not_to_be_there(dtype: str) -> None:
    rows = rows_of(config(cell="gru", dtype=dtype, sequence_length=4, shortest_length=4))
    for row in of_type(rows, TimeRow):
        assert (row.milliseconds is None) == row.problem.startswith(dtype)


def test_a_run_may_be_of_one_length_and_one_step() -> None:
    rows = rows_of(
        config(sequence_length=2, shortest_length=2, batch_size=1, hidden_size=1, input_size=1)
    )
    assert rows[-1].length_exponent.value is None
    assert rows[-1].local_exponent.value is None
    assert not of_type(rows, GrowthRow)
    assert rows[-1].tokens_per_second.low is None, "three repetitions have no interval"


def test_compilation_is_timed_apart_and_what_cannot_be_compiled_is_timed_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passes, "compiled", lambda model: model)
    monkeypatch.setattr("core.experiments.throughput.measure.start_compiler", lambda: None)
    rows = rows_of(config(compile=True, sequence_length=4, shortest_length=4))
    compilations = of_type(rows, CompilationRow)
    assert len(compilations) == len(SUBJECTS) * len(MODES)
    for row in compilations:
        left = row.subject in NOT_COMPILED
        assert (row.compile_seconds is None) == left
        assert row.problem.startswith("timed as it is" if left else "")
    assert all(row.milliseconds for row in of_type(rows, TimeRow))
    seconds = [row.compile_seconds for row in compilations if row.compile_seconds is not None]
    assert rows[-1].compile_seconds == pytest.approx(sum(seconds))


def test_a_failed_compilation_is_a_row_and_has_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._inductor.exc import InvalidCxxCompiler

    class Broken(torch.nn.Module):
        def forward(self, x_TBI: torch.Tensor) -> torch.Tensor:
            raise InvalidCxxCompiler

    monkeypatch.setattr(passes, "compiled", lambda _: Broken())
    monkeypatch.setattr("core.experiments.throughput.measure.start_compiler", lambda: None)
    rows = rows_of(config(compile=True, sequence_length=4, shortest_length=4))
    for row in of_type(rows, TimeRow):
        assert row.problem.startswith(
            "" if row.subject in NOT_COMPILED else "torch.compile failed: "
        )
        assert (row.milliseconds is None) == bool(row.problem)


def test_work_grows_with_everything_that_takes_time() -> None:
    base = config(cell="rnn", sequence_length=256, shortest_length=64, batch_size=16)
    for more in (
        {"sequence_length": 512},
        {"shortest_length": 32},
        {"batch_size": 64},
        {"input_size": 256},
        {"hidden_size": 128},
        {"layers": 2},
        {"bidirectional": True},
        {"cell": "lstm"},
        {"repetitions": 4},
        {"streamed_tokens": 8},
    ):
        changed = base.from_flat({**base.flat(), **more})
        assert THROUGHPUT.work(changed) > THROUGHPUT.work(base), more
    for less in ({"packed": False}, {"streamed_tokens": 0}):
        assert THROUGHPUT.work(base.from_flat({**base.flat(), **less})) < THROUGHPUT.work(base)


class TestWork:
    def test_it_is_the_sum_of_all_lengths(self) -> None:
        asked = config()
        assert asked.lengths == [2, 4, 8]
        passes = sum(passes_work(asked, n, mode) for n in asked.lengths for mode in MODES)
        packing = sum(packing_work(asked, n, mode) for n in asked.lengths for mode in MODES)
        latency = len(asked.lengths) * latency_work(asked)
        growth = growth_work(asked)
        assert min(passes, packing, latency, growth) > 0
        assert THROUGHPUT.work(asked) == pytest.approx(passes + packing + latency + growth)
        assert THROUGHPUT.work(config(packed=False)) == pytest.approx(passes + latency + growth)
        unstreamed = config(packed=False, streamed_tokens=0)
        assert THROUGHPUT.work(unstreamed) == pytest.approx(passes + growth)
        assert growth_work(config(shortest_length=8)) == 0, "one length does not grow"

    def test_a_turn_has_both_implementations_the_plain_rnn_and_attention(self) -> None:
        turn = config().repetitions + WARM_UP_TURNS
        lstm = Architecture(cell="lstm", hidden_size=6, layers=2)
        rnn = Architecture(hidden_size=6, layers=2)
        for mode in MODES:
            asked = {"steps": 8, "sequences": 3, "backward": mode == "training"}
            passes = 2 * pass_cost(lstm, 4, **asked) + pass_cost(rnn, 4, **asked)
            attention = 8 * 8 * 3 * 6
            found = passes_work(config(cell="lstm", layers=2), 8, mode)
            assert found == pytest.approx(turn * (passes + attention))

    def test_warming_up_counts_as_turns_do(self) -> None:
        for mode in MODES:
            few, many = (passes_work(config(repetitions=n), 8, mode) for n in (3, 30))
            assert many / few == pytest.approx((30 + WARM_UP_TURNS) / (3 + WARM_UP_TURNS))

    def test_packed_turns_are_limited(self) -> None:
        few, most, more = (
            packing_work(config(repetitions=n), 8, "training")
            for n in (MAX_PACKED_TURNS - 1, MAX_PACKED_TURNS, MAX_PACKED_TURNS + 100)
        )
        assert few < most == more

    def test_only_packed_training_grows_as_the_square_of_the_length(self) -> None:
        def bend(mode: Mode) -> float:
            """Second difference: zero of what is linear, the same everywhere of a square."""
            one, two, three = (packing_work(config(), n, mode) for n in (100, 200, 300))
            return one - 2 * two + three

        assert bend("forward") == pytest.approx(0, abs=1e-3)
        assert bend("training") > 0
        gru, rnn = (config(cell=cell) for cell in ("gru", "rnn"))
        squares = [
            packing_work(asked, 200, "training") - 2 * packing_work(asked, 100, "training")
            for asked in (gru, rnn)
        ]
        assert squares[0] == pytest.approx(3 * squares[1]), "one for each block of weights"

    def test_latency_is_every_token_of_every_subject(self) -> None:
        token = pass_cost(config().architecture, 4, steps=1, sequences=1, backward=False)
        assert latency_work(config()) == 7 * len(SUBJECTS) * token


@pytest.mark.parametrize("cell", ["min-gru", "sru"])
def test_a_cell_without_a_kernel_is_timed_with_the_defaults_and_not_packed(cell: str) -> None:
    asked = config(cell=cell)
    assert asked.packed
    assert not asked.packs
    assert config(cell="lstm").packs
    (summary,) = of_type(rows_of(asked), THROUGHPUT.summary)
    assert summary.packed_over_padded.value is None
    assert summary.parameters > 0
