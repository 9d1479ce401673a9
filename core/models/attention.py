"""Where a decoder looks: nowhere (one fixed vector), or back at every state of the encoder.

Shapes: B batch, S source steps, T target steps, H context and decoder state, A attention size.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

AttentionName = Literal["none", "additive", "dot", "general"]


class Memory(NamedTuple):
    """What an encoder leaves for the decoder to read."""

    states_BSH: Tensor
    """One state per source position."""
    summary_BH: Tensor
    """The last state: all that there is without attention."""
    real_BS: Tensor
    """True where there is a token, False where there is padding."""


class Keys(NamedTuple):
    """A memory, and what scores are computed from; made once per sentence."""

    keys_BSA: Tensor
    memory: Memory


class NoAttention(nn.Module):
    """The context of every step is the encoder's last state (Cho et al. 2014): one vector."""

    def keys(self, memory: Memory) -> Keys:
        """Nothing to prepare."""
        return Keys(memory.states_BSH, memory)

    def forward(self, h_BTH: Tensor, keys: Keys) -> tuple[Tensor, Tensor | None]:
        """Contexts, BTH; there are no weights."""
        return keys.memory.summary_BH[:, None].expand_as(h_BTH), None


class Attention(nn.Module):
    """softmax over the scores of the real positions, and the mean of the states under it.

    weights_ts = softmax_s score(h_t, s_s);  context_t = Σ_s weights_ts · s_s

    Subclasses say what the score is.
    """

    def keys(self, memory: Memory) -> Keys:
        """What scores are computed from."""
        return Keys(memory.states_BSH, memory)

    def scores(self, h_BTH: Tensor, keys_BSA: Tensor) -> Tensor:
        """BTS."""
        raise NotImplementedError

    def forward(self, h_BTH: Tensor, keys: Keys) -> tuple[Tensor, Tensor | None]:
        """Contexts, BTH, and weights, BTS: zero at padding, else they sum to one."""
        scores_BTS = self.scores(h_BTH, keys.keys_BSA)
        scores_BTS = scores_BTS.masked_fill(~keys.memory.real_BS[:, None], -torch.inf)
        weights_BTS = scores_BTS.softmax(-1)
        return weights_BTS @ keys.memory.states_BSH, weights_BTS


class DotAttention(Attention):
    """score(h, s) = h · s  (Luong, Pham & Manning 2015, `dot`)."""

    def scores(self, h_BTH: Tensor, keys_BSA: Tensor) -> Tensor:
        """BTS."""
        return h_BTH @ keys_BSA.mT


class GeneralAttention(Attention):
    """score(h, s) = h · W s  (Luong, Pham & Manning 2015, `general`)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.key = nn.Linear(size, size, bias=False)

    def keys(self, memory: Memory) -> Keys:
        """W s of every position."""
        return Keys(self.key(memory.states_BSH), memory)

    def scores(self, h_BTH: Tensor, keys_BSA: Tensor) -> Tensor:
        """BTS."""
        return h_BTH @ keys_BSA.mT


class AdditiveAttention(Attention):
    """score(h, s) = v · tanh(W h + U s)  (Bahdanau, Cho & Bengio 2015).

    Here h is the state of the step itself, where Bahdanau takes the one before: then all steps of
    a known target are one product, and nothing else changes.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.query = nn.Linear(size, size)
        self.key = nn.Linear(size, size, bias=False)
        self.score = nn.Linear(size, 1, bias=False)

    def keys(self, memory: Memory) -> Keys:
        """U s of every position."""
        return Keys(self.key(memory.states_BSH), memory)

    def scores(self, h_BTH: Tensor, keys_BSA: Tensor) -> Tensor:
        """BTS; one target step at a time, or the sums of all would fill the memory."""
        query_BTA = self.query(h_BTH)
        sums = (query_BTA[:, t, None] + keys_BSA for t in range(query_BTA.shape[1]))
        return torch.stack([self.score(s.tanh()).squeeze(-1) for s in sums], dim=1)


def attention_named(name: AttentionName, size: int) -> NoAttention | Attention:
    """An attention over states of that size."""
    if name == "none":
        return NoAttention()
    if name == "dot":
        return DotAttention()
    return GeneralAttention(size) if name == "general" else AdditiveAttention(size)
