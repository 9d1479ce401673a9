"""Counting models of text: the next character by how often it followed the last ones. No torch.

Interpolated as Witten & Bell (1991, method C; Chen & Goodman 1999, equation 18) do: where the last
k characters h came c(h) times in training and N(h) different characters followed,

    P_k(x | h) = (c(h x) + N(h) P_{k−1}(x | h without its first)) / (c(h) + N(h)),

and P_k = P_{k−1} where h never came. P_{−1} is 1/V.
"""

from __future__ import annotations

import numpy
from numpy.typing import NDArray

Numbers = NDArray[numpy.int64]


def counted_bits(
    training: Numbers, text: Numbers, vocabulary: int, order: int
) -> NDArray[numpy.float64]:
    """−log₂ P_k of every character of a text after its last k, for k from 0 to `order`: (k, i).

    Where fewer than k characters stand before the i-th, as many as there are count.
    """
    before, after = numpy.zeros_like(training), numpy.zeros_like(text)  # numbers of the contexts
    p = numpy.full(len(text), 1 / vocabulary)
    bits = numpy.empty((order + 1, len(text)))
    for k in range(order + 1):
        if k:  # a context is the shorter one with the character before it
            longer = [
                contexts[k:] * vocabulary + numbers[: max(0, len(numbers) - k)]
                for contexts, numbers in ((before, training), (after, text))
            ]
            named = numpy.unique(numpy.concatenate(longer), return_inverse=True)[1]
            before[k:], after[k:] = named[: len(longer[0])], named[len(longer[0]) :]
        contexts, own = before[k:], after[k:]
        pairs, counts = numpy.unique(contexts * vocabulary + training[k:], return_counts=True)
        size = 1 + max(contexts.max(initial=0), own.max(initial=0))
        came = numpy.bincount(contexts, minlength=size)[own]
        followers = numpy.bincount(pairs // vocabulary, minlength=size)[own]
        wanted = own * vocabulary + text[k:]
        place = numpy.searchsorted(pairs, wanted).clip(max=max(0, len(pairs) - 1))
        together = numpy.where(pairs[place] == wanted, counts[place], 0) if len(pairs) else 0
        known = came > 0
        smoothed = (together + followers * p[k:]) / numpy.where(known, came + followers, 1)
        p[k:] = numpy.where(known, smoothed, p[k:])
        bits[k] = -numpy.log2(p)
    return bits
