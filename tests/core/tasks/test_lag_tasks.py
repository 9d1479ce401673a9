"""The tasks are as their docstrings draw them, and the memoryless scores are those of the draws."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.tasks.lag_shapes import COPIED
from core.tasks.lag_tasks import (
    Adding,
    CopyMemory,
    CuedRecall,
    LagTask,
    Recall,
    SeededRecall,
)

TASKS: tuple[LagTask, ...] = (CuedRecall(8), Adding(), CopyMemory(8))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
@settings(deadline=None)
@given(lag=st.integers(2, 40), count=st.integers(1, 9), seed=st.integers(0, 99))
def test_a_batch_has_the_shape_that_the_task_states(
    task: LagTask, lag: int, count: int, seed: int
) -> None:
    x_TBI, target_AB = task.draw(lag, count, generator(seed))
    assert x_TBI.shape == (task.shape.steps(lag), count, task.shape.inputs)
    assert target_AB.shape == (task.answer_steps(lag), count)
    assert x_TBI.dtype == torch.float32
    again = task.draw(lag, count, generator(seed))
    assert torch.equal(x_TBI, again.x_TBI)
    assert torch.equal(target_AB, again.target_AB)


@settings(deadline=None)
@given(lag=st.integers(1, 30), symbols=st.integers(2, 9), seed=st.integers(0, 99))
def test_recall_shows_the_symbol_once_with_the_cue(lag: int, symbols: int, seed: int) -> None:
    x_TBI, target_AB = CuedRecall(symbols).draw(lag, 6, generator(seed))
    assert torch.equal(x_TBI[0, :, :-1].argmax(-1), target_AB[0])
    assert torch.equal(x_TBI[0, :, :-1].sum(-1), torch.ones(6))
    assert (x_TBI[0, :, -1] == 1).all()
    assert (x_TBI[1:, :, -1] == 0).all()


def test_recalls_noise_is_standard_normal() -> None:
    x_TBI, _ = CuedRecall(4).draw(50, 2000, generator())
    noise = x_TBI[1:, :, :-1]
    assert float(noise.mean()) == pytest.approx(0, abs=0.01)
    assert float(noise.std()) == pytest.approx(1, abs=0.01)


@settings(deadline=None)
@given(lag=st.integers(2, 31), seed=st.integers(0, 99))
def test_adding_marks_one_number_in_each_half_and_asks_their_sum(lag: int, seed: int) -> None:
    x_TBI, target_AB = Adding().draw(lag, 7, generator(seed))
    number_TB, mark_TB = x_TBI.unbind(-1)
    assert set(mark_TB.flatten().tolist()) <= {0.0, 1.0}
    assert (mark_TB[: lag // 2].sum(0) == 1).all()
    assert (mark_TB[lag // 2 :].sum(0) == 1).all()
    torch.testing.assert_close((number_TB * mark_TB).sum(0), target_AB[0])
    assert float(number_TB.min()) >= 0
    assert float(number_TB.max()) < 1


@settings(deadline=None)
@given(lag=st.integers(1, 30), symbols=st.integers(2, 9), seed=st.integers(0, 99))
def test_copy_reads_ten_symbols_a_pause_and_a_delimiter(lag: int, symbols: int, seed: int) -> None:
    x_TBI, target_TB = CopyMemory(symbols).draw(lag, 5, generator(seed))
    read_TB, blank = x_TBI.argmax(-1), symbols
    assert (x_TBI.sum(-1) == 1).all()
    assert torch.equal(read_TB[:COPIED], target_TB[-COPIED:])
    assert int(read_TB[:COPIED].max()) < symbols
    assert (target_TB[:-COPIED] == blank).all()
    after = read_TB[COPIED:]
    assert torch.nonzero(after == symbols + 1)[:, 0].tolist() == [lag - 1] * 5
    assert int((after == blank).sum()) == 5 * (lag + COPIED - 1)


@pytest.mark.parametrize("symbols", [2, 8])
def test_symbols_to_recall_come_as_often_as_chance_has_it(symbols: int) -> None:
    """The best constant answer names the commonest symbol, or states how common each is."""
    task = CuedRecall(symbols)
    _, target_AB = task.draw(1, 40_000, generator())
    shares = torch.bincount(target_AB[0], minlength=symbols) / 40_000
    assert float(shares.max()) == pytest.approx(task.chance, abs=0.01)
    assert float(-(shares * shares.log()).sum()) == pytest.approx(task.baseline(1), abs=1e-3)
    assert (task.baseline(1), task.chance) == (math.log(symbols), 1 / symbols)


@pytest.mark.parametrize("lag", [2, 5, 50])
def test_always_answering_one_is_wrong_by_a_sixth(lag: int) -> None:
    _, target_AB = Adding().draw(lag, 100_000, generator())
    assert float((target_AB - 1).square().mean()) == pytest.approx(1 / 6, abs=2e-3)
    assert float(target_AB.mean()) == pytest.approx(1, abs=5e-3)


@pytest.mark.parametrize("lag", [2, 5, 10, 50])
def test_adding_without_memory_is_as_wrong_as_the_best_answer_to_the_last_input(lag: int) -> None:
    task = Adding()
    x_TBI, target_AB = task.draw(lag, 200_000, generator())
    number_B, mark_B = x_TBI[-1].unbind(-1)
    best_B = torch.where(mark_B == 1, number_B + 0.5, 1.0)
    error = float((target_AB[0] - best_B).square().mean())
    assert error == pytest.approx(task.baseline(lag), abs=1.5e-3)
    if lag % 2 == 0:
        assert task.baseline(lag) == pytest.approx((1 - 1 / lag) / 6)


@pytest.mark.parametrize("lag", [2, 5, 50, 100])
def test_the_older_number_of_adding_lies_about_three_quarters_of_the_sequence_back(
    lag: int,
) -> None:
    x_TBI, _ = Adding().draw(lag, 100_000, generator())
    back_B = lag - 1 - x_TBI[..., 1].argmax(0)  # the first of the two marks
    assert float(back_B.float().mean()) == pytest.approx(Adding.shape.distance(lag), rel=5e-3)
    assert int(back_B.min()) == lag - lag // 2
    assert int(back_B.max()) == lag - 1
    assert Adding.shape.distance(100) == 74.5


@pytest.mark.parametrize("lag", [1, 30])
def test_what_must_be_remembered_is_read_as_many_steps_before_the_answer_as_is_said(
    lag: int,
) -> None:
    recall, copying = CuedRecall(4), CopyMemory(4)
    x_TBI, _ = recall.draw(lag, 3, generator())
    (cued,) = set(x_TBI[..., -1].argmax(0).tolist())
    assert len(x_TBI) - 1 - cued == recall.shape.distance(lag) == lag
    x_TBI, target_TB = copying.draw(lag, 3, generator())
    distance = int(copying.shape.distance(lag))
    assert distance == lag + COPIED
    assert torch.equal(x_TBI.argmax(-1)[:COPIED], target_TB[distance:][:COPIED])
    assert len(target_TB) == distance + COPIED


@pytest.mark.parametrize("lag", [1, 30, 100])
def test_copying_without_memory_scores_ten_logarithms_over_all_steps(lag: int) -> None:
    """Certain of the blanks, and of the last ten as sure of each symbol as they are common."""
    task = CopyMemory(8)
    _, target_TB = task.draw(lag, 5000, generator())
    shares = torch.bincount(target_TB[-COPIED:].flatten(), minlength=9) / (COPIED * 5000)
    log_TC = torch.full((task.shape.steps(lag), 9), -math.inf)
    log_TC[:-COPIED, 8], log_TC[-COPIED:] = 0.0, shares.log()
    loss = -log_TC.gather(1, target_TB).mean()
    assert float(loss) == pytest.approx(10 * math.log(8) / (lag + 20), rel=1e-3)
    assert task.baseline(lag) == 10 * math.log(8) / (lag + 20)
    assert float(shares.max()) == pytest.approx(task.chance, abs=0.01)


@given(
    length=st.integers(1, 30),
    lag=st.integers(0, 29),
    symbols=st.integers(1, 5),
    noises=st.integers(1, 5),
    seed=st.integers(0, 9),
)
def test_exactly_one_symbol_is_shown_and_it_is_the_target(
    length: int, lag: int, symbols: int, noises: int, seed: int
) -> None:
    lag = min(lag, length - 1)
    batch = Recall(length, lag, lag, symbols, noises).draw(4, torch.Generator().manual_seed(seed))
    shown_TB = batch.tokens_TB < symbols
    assert (shown_TB.sum(0) == 1).all()
    assert torch.equal(batch.tokens_TB[length - 1 - lag], batch.target_B)
    assert int(batch.tokens_TB.max()) < symbols + noises


def test_lags_come_from_the_whole_range() -> None:
    batch = Recall(10, 2, 5, 3, 2).draw(500, torch.Generator().manual_seed(0))
    steps, _ = torch.nonzero(batch.tokens_TB < 3, as_tuple=True)
    assert set((9 - steps).tolist()) == {2, 3, 4, 5}


@pytest.mark.parametrize("lags", [(0, 10), (-1, 3), (5, 4)])
def test_impossible_lags_are_refused_with_the_room_there_is(lags: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="10 steps have room for 0 to 9"):
        Recall(10, *lags, 3, 2)


def test_a_token_is_always_the_same_vector_and_seeds_have_their_own() -> None:
    generators = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
    recall = SeededRecall(Recall(6, 1, 2, 2, 2), 3, generators, torch.empty(0))
    x_STBI, target_SB = recall.draw(5)
    assert x_STBI.shape == (2, 6, 5, 3)
    assert target_SB.shape == (2, 5)
    for seed in (0, 1):
        vectors = {tuple(v) for v in x_STBI[seed].flatten(0, 1).tolist()}
        known = {tuple(v) for v in recall.embedding_SVI[seed].tolist()}
        assert vectors <= known
    assert not torch.equal(recall.embedding_SVI[0], recall.embedding_SVI[1])
