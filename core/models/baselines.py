"""What recurrence is compared with: networks that treat all positions of a sequence at once.

Like the recurrent layers they read time-major x (TBI) and have no positional encoding, no norm and
no residual: the bare operation is what is timed.

Shapes: T time, B batch, I input, W hidden width, O output, H model width, N heads, K = H/N.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class FeedForward(nn.Module):
    """y_t = W₂ max(0, W₁ x_t + b₁) + b₂ at every position (Vaswani et al. 2017, equation 2)."""

    def __init__(self, input_size: int, width: int, output_size: int) -> None:
        super().__init__()
        self.width = width
        self.inner = nn.Linear(input_size, width)
        self.outer = nn.Linear(width, output_size)

    def forward(self, x_TBI: Tensor) -> Tensor:
        y_TBO: Tensor = self.outer(torch.relu(self.inner(x_TBI)))
        return y_TBO


def feed_forward_width(input_size: int, output_size: int, parameters: int) -> int:
    """The width W whose W·(I + 1 + O) + O parameters come closest to a number; at least 1."""
    per_unit = input_size + 1 + output_size
    # Half a unit rounds down: the smaller of two that are equally close.
    return max(1, math.ceil((parameters - output_size) / per_unit - 0.5))


class Cache(NamedTuple):
    """Keys and values of the tokens read so far, with room for more."""

    keys_BNTK: Tensor
    values_BNTK: Tensor
    length: int
    """How many tokens were read."""


class CausalAttention(nn.Module):
    """Multi-head self-attention in which position t sees positions 1 to t (Vaswani et al. 2017).

    head = softmax(Q Kᵀ / √K + mask) V with Q, K, V = x W_qkv; y = concat(heads) W_o. The softmax is
    inside torch's `scaled_dot_product_attention`.
    """

    def __init__(self, input_size: int, width: int) -> None:
        super().__init__()
        self.width, self.heads = width, head_count(width)
        self.queries_keys_values = nn.Linear(input_size, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, x_TBI: Tensor) -> Tensor:
        q_BNTK, k_BNTK, v_BNTK = self._split_heads(x_TBI)
        read_BNTK = scaled_dot_product_attention(q_BNTK, k_BNTK, v_BNTK, is_causal=True)
        return self._merge_heads(read_BNTK)

    def new_cache(self, like_TBI: Tensor, room: int) -> Cache:
        """An empty cache for so many tokens of a batch like this one."""
        shape = (like_TBI.shape[1], self.heads, room, self.width // self.heads)
        return Cache(like_TBI.new_zeros(shape), like_TBI.new_zeros(shape), 0)

    def read_on(self, x_TBI: Tensor, cache: Cache) -> tuple[Tensor, Cache]:
        """One token per sequence (T = 1) after those in the cache: its output, and the cache after.

        The cache's memory is written to. Raises ValueError if T is not 1 or there is no room.
        """
        room = cache.keys_BNTK.shape[2]
        if x_TBI.shape[0] != 1 or cache.length >= room:
            raise ValueError(
                f"cannot read {x_TBI.shape[0]} tokens after {cache.length} of {room}; give one at "
                "a time, and a cache with room"
            )
        q_BNTK, k_BNTK, v_BNTK = self._split_heads(x_TBI)
        length = cache.length + 1
        cache.keys_BNTK[:, :, cache.length] = k_BNTK[:, :, 0]
        cache.values_BNTK[:, :, cache.length] = v_BNTK[:, :, 0]
        seen = cache.keys_BNTK[:, :, :length], cache.values_BNTK[:, :, :length]
        read_BNTK = scaled_dot_product_attention(q_BNTK, *seen)
        return self._merge_heads(read_BNTK), cache._replace(length=length)

    def _split_heads(self, x_TBI: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        split = self.queries_keys_values(x_TBI).unflatten(-1, (3, self.heads, -1))
        q_BNTK, k_BNTK, v_BNTK = split.permute(2, 1, 3, 0, 4).unbind(0)
        return q_BNTK, k_BNTK, v_BNTK

    def _merge_heads(self, read_BNTK: Tensor) -> Tensor:
        y_TBH: Tensor = self.output(read_BNTK.permute(2, 0, 1, 3).flatten(-2))
        return y_TBH


def head_count(width: int) -> int:
    """The divisor of a width that makes heads of about 64, the size of Vaswani et al. (2017)."""
    divisors = [n for n in range(1, width + 1) if width % n == 0]
    return min(divisors, key=lambda n: abs(math.log(width / n / 64)))
