"""The recall task shows one symbol, at the lag that it says."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.tasks.recall import Recall, SeededRecall


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
