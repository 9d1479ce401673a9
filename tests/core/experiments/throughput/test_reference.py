"""The harness against torch's own timer, and how time grows. Takes a minute; wants a quiet machine.

`make test-slow` runs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from core.experiments.throughput import THROUGHPUT
from core.experiments.throughput.declaration import CompilationRow, ThroughputConfig, TimeRow
from tests.bench.timing import agreements, growth_exponents, harness_shares

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_harness_adds_less_than_a_percent() -> None:
    assert max(harness_shares().values()) < 0.01


def test_the_harness_agrees_with_torchs_timer_within_the_noise_that_both_report() -> None:
    apart = [name for name, agreement in agreements().items() if not agreement.within_noise]
    assert apart == []


def test_recurrent_time_grows_linearly_and_attention_faster() -> None:
    exponents: dict[str, Any] = growth_exponents()
    attention = exponents.pop("attention")
    assert attention.low > 1
    for exponent in exponents.values():
        assert exponent.value == pytest.approx(1.0, abs=0.1)


def test_what_can_be_compiled_is_compiled_and_timed() -> None:
    shape = {"sequence_length": 4, "shortest_length": 4, "batch_size": 2, "hidden_size": 8}
    fast = {"repetitions": 3, "streamed_tokens": 0, "packed": False, "compile": True}
    rows = list(THROUGHPUT.measure(ThroughputConfig.from_flat({**shape, **fast})))
    compilations = [row for row in rows if isinstance(row, CompilationRow)]
    assert len(compilations) == 12
    for row in compilations:
        parallel = row.subject in ("linear", "feed-forward", "attention")
        assert (row.compile_seconds is not None and row.compile_seconds > 0) == parallel
    assert all(row.milliseconds for row in rows if isinstance(row, TimeRow))
