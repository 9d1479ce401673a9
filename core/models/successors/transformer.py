"""A causal transformer block: attention over the last steps, whose keys and values it keeps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from core.models.layer import Parameters, State, StepCell

if TYPE_CHECKING:
    import torch
    from torch import Tensor

WINDOW = 128
"""Steps W that a step attends to, itself among them: a rolling cache (Jiang et al. 2023)."""
HEAD_SIZE = 16
"""Numbers of a head, where the width is a multiple of it; else there is one head."""
TOGETHER = 24
"""Steps that a scan takes at once: it reads so many more keys and values than the window has."""
EXPANSION = 4
"""By how much the feed-forward layer is wider."""
SLOWEST = 10_000
"""The position with which the slowest pair of numbers of a key has turned by one radian."""


class Transformer(StepCell):
    """Vaswani et al. (2017), "Attention Is All You Need", one block of a decoder, with the norms
    before the parts (Xiong et al. 2020) and rotary positions (Su et al. 2021).

    u = W_in x
    q, k, v = W_q n, W_k n, W_v n   with n = norm(u) ⊙ g_1 + b_1
    a_t = Σ_s softmax_s(q_t · R_{t−s} k_s / √d) v_s   over s = t − W + 1 … t, in every head
    r = u + W_o a
    y = r + W_2 relu(W_1 (norm(r) ⊙ g_2 + b_2) + c_1) + c_2

    R_j turns the i-th pair of a key's d numbers by the angle −j / 10000^(2i/d), so that a score
    depends on how far back a step is. norm takes the mean away and divides by the standard
    deviation. The state is the cache: keys and values, oldest first, and which of them were read.
    Nothing is fed back: within the window no gradient passes through other steps, and beyond it
    there is none.
    """

    name: ClassVar[str] = "transformer"
    title: ClassVar[str] = "Transformer"
    source: ClassVar[str] = "Vaswani et al. (2017)"
    recurrent: ClassVar[bool] = False
    scans_from_nothing: ClassVar[bool] = True

    def parameters(self, inputs: int, width: int) -> Mapping[str, tuple[int, ...]]:
        square = (width, width)
        return {
            "W_in": (width, inputs),
            "g_1": (width,),
            "b_1": (width,),
            "W_q": square,
            "W_k": square,
            "W_v": square,
            "W_o": square,
            "g_2": (width,),
            "b_2": (width,),
            "W_1": (EXPANSION * width, width),
            "c_1": (EXPANSION * width,),
            "W_2": (width, EXPANSION * width),
            "c_2": (width,),
        }

    def initial(self, inputs: int, width: int, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Norms that change nothing; the rest from U(−1/√n, 1/√n) with n the numbers read."""
        import torch

        drawn = {}
        for name, shape in self.parameters(inputs, width).items():
            parameter = torch.zeros(shape, dtype=torch.float64)
            if name in ("g_1", "g_2"):
                parameter += 1
            elif len(shape) == 2:
                bound = 1 / math.sqrt(shape[1])
                parameter.uniform_(-bound, bound, generator=generator)
            drawn[name] = parameter
        return drawn

    def prepared(self, p: Parameters) -> Parameters:
        """With the turns of the cache's places."""
        cos, sin = _turns(WINDOW, p.W_q)
        return Parameters({**p, "cos": cos, "sin": sin})

    def states(self, width: int) -> Mapping[str, int]:
        return {"keys": WINDOW * width, "values": WINDOW * width, "filled": WINDOW}

    def step(self, x: Tensor, state: State, p: Parameters) -> State:
        """The oldest key and value make room for those of x."""
        import torch

        n = _norm(x @ p.W_in.T, p.g_1, p.b_1)
        keys, values, filled = state
        width = n.shape[-1]
        keys = torch.cat([keys[..., width:], n @ p.W_k.T], -1)
        values = torch.cat([values[..., width:], n @ p.W_v.T], -1)
        if self.watched:
            self.watch("keys'", _places(keys))
            self.watch("values'", _places(values))
        return keys, values, torch.cat([filled[..., 1:], torch.ones_like(filled[..., :1])], -1)

    def output(self, x: Tensor, state: State, p: Parameters) -> Tensor:
        u = x @ p.W_in.T
        q = (_norm(u, p.g_1, p.b_1) @ p.W_q.T)[..., None, :]
        keys, values = (_by_head(_places(part)) for part in state[:2])
        q = _turned(_by_head(q), p.cos[-1:], p.sin[-1:])
        weights = _weights(q, _turned(keys, p.cos, p.sin), (state[2] < HALF)[..., None, :])
        if self.watched:
            self.watch("attention of head 1", weights[..., 0, 0, :])
        return _after_attention(u, _read(weights, values)[..., 0, :], p)

    def scan(self, x_TBI: Tensor, first: State, p: Parameters) -> tuple[Tensor, State]:
        """Some steps at once, each with the window before it."""
        import torch

        u_TBH = x_TBI @ p.W_in.T
        n_TBH = _norm(u_TBH, p.g_1, p.b_1)
        made = [(n_TBH @ weight.T).movedim(0, -2) for weight in (p.W_k, p.W_v)]
        made.append(torch.ones_like(made[0][..., :1]))
        if first:
            old = (_places(part) for part in first)
            made = [torch.cat(parts, -2) for parts in zip(old, made, strict=True)]
        keys, values, filled = made
        before, places = WINDOW if first else 0, keys.shape[-2]
        cos, sin = _turns(places, p.W_q)
        q = _by_head((n_TBH @ p.W_q.T).movedim(0, -2))
        q = _turned(q, cos[before:], sin[before:])
        turned, read = _turned(_by_head(keys), cos, sin), _by_head(values)
        reads = []
        for start in range(before, places, TOGETHER):
            end = min(places, start + TOGETHER)
            near = slice(max(0, start + 1 - WINDOW), end)
            place = torch.arange(places, device=x_TBI.device)
            back = place[start:end, None] - place[near]
            hidden = (back < 0) | (back >= WINDOW) | (filled[..., None, near, 0] < HALF)
            k, v = (part[..., near, :].contiguous() for part in (turned, read))
            reads.append(_read(_weights(q[..., start - before : end - before, :], k, hidden), v))
        a_TBH = torch.cat(reads, -2).movedim(-2, 0)
        last = tuple(_cache(part) for part in (keys, values, filled))
        return _after_attention(u_TBH, a_TBH, p), last


HALF = 0.5
"""Between an empty place of the cache, 0, and a filled one, 1."""


def _places(cache: Tensor) -> Tensor:
    """The vectors of a cache, side by side → one under the other, ...WH."""
    return cache.view(*cache.shape[:-1], WINDOW, -1)


def _cache(made: Tensor) -> Tensor:
    """The last W vectors (...PH), side by side; empty places where there are fewer."""
    import torch

    last = made[..., -WINDOW:, :].flatten(-2)
    return torch.nn.functional.pad(last, (WINDOW * made.shape[-1] - last.shape[-1], 0))


def _norm(x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
    """(x − mean) / standard deviation, over the last axis, scaled and shifted (Ba et al. 2016)."""
    import torch

    return torch.nn.functional.layer_norm(x, x.shape[-1:]) * gain + bias


def _after_attention(u: Tensor, a: Tensor, p: Parameters) -> Tensor:
    """The second half of the block."""
    r = u + a @ p.W_o.T
    return r + (_norm(r, p.g_2, p.b_2) @ p.W_1.T + p.c_1).relu() @ p.W_2.T + p.c_2


def _by_head(x: Tensor) -> Tensor:
    """...PH → ...NPD, with N heads of D numbers."""
    width = x.shape[-1]
    heads = width // HEAD_SIZE if width % HEAD_SIZE == 0 else 1
    return x.reshape(*x.shape[:-1], heads, -1).movedim(-2, -3)


def _weights(q: Tensor, keys: Tensor, hidden: Tensor) -> Tensor:
    """How much of each key (...NKD) queries (...NQD) read in every head: ...NQK.

    `hidden` (...QK) are the keys that a query does not read.
    """
    scores = q @ keys.mT / math.sqrt(q.shape[-1])
    return scores.masked_fill(hidden[..., None, :, :], -math.inf).softmax(-1)


def _read(weights: Tensor, values: Tensor) -> Tensor:
    """The values (...NKD) by these weights, all heads side by side: ...QH."""
    return (weights @ values).movedim(-3, -2).flatten(-2)


def _turns(places: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine by which every pair of a head's numbers turns at each place, each P × D/2."""
    import torch

    width = like.shape[-1]
    pairs = (HEAD_SIZE if width % HEAD_SIZE == 0 else width) // 2
    slower = torch.arange(pairs, dtype=torch.float64) / max(1, pairs)
    angles = torch.arange(places, dtype=torch.float64)[:, None] * SLOWEST**-slower
    return angles.cos().to(like), angles.sin().to(like)


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Each vector (...PD) turned for its place. With D odd, one number stays."""
    import torch

    pairs = cos.shape[-1]
    one, other, rest = x.tensor_split((pairs, 2 * pairs), -1)
    return torch.cat([one * cos - other * sin, one * sin + other * cos, rest], -1)
