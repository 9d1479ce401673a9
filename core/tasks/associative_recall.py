"""Multi-query associative recall: name the value that stood behind a key. Without torch.

A sequence begins with pairs of a key and a value. Later each key comes once more, and the answer
there is its value (Arora et al. 2023, "Zoology"; distributed as their generator draws it):

    pairs 4 9, 2 7; length 12    4 9 2 7 2 · · · 4 · · ·  →  7 after the second 2, 9 after 4

Token 0 is blank. The lower half of the vocabulary are keys, the upper half values; no key and no
value comes twice among the pairs, and all are drawn evenly. What follows the pairs is divided into
slots of two tokens; the first of the two is where a key may come again, the second is a filler.
The keys choose their slots one after the other, in the order of the pairs, among those still free:
the g-th with a probability in proportion to g^(a − 1). With a small `power` a most are near.
"""

from __future__ import annotations

from dataclasses import dataclass

BLANK = 0


@dataclass(frozen=True)
class AssociativeRecall:
    """The task with a vocabulary of V tokens."""

    vocabulary: int
    power: float = 0.01

    @property
    def keys(self) -> range:
        """The tokens that are keys."""
        return range(BLANK + 1, self.vocabulary // 2)

    @property
    def values(self) -> range:
        """The tokens that are values."""
        return range(self.vocabulary // 2, self.vocabulary)

    @property
    def most_pairs(self) -> int:
        """How many pairs can differ in their keys and in their values."""
        return min(len(self.keys), len(self.values))

    def slots(self, pairs: int, length: int) -> list[float]:
        """The probability of each slot for the key that chooses first.

        Raises ValueError where there are not as many slots as pairs.
        """
        free = (length - 2 * pairs) // 2
        if free < pairs:
            raise ValueError(f"{pairs} pairs need a length of {4 * pairs}, and it is {length}")
        weights = [gap ** (self.power - 1) for gap in range(1, free + 1)]
        return [weight / sum(weights) for weight in weights]

    @property
    def chance(self) -> float:
        """Percent right of the best answer that reads nothing: any value is equally likely."""
        return 100 / len(self.values)

    @property
    def without_memory(self) -> float:
        """Percent right of the best answer that reads the query alone. A key's value is drawn
        without regard to the key, so that this is no better than to read nothing."""
        return 100 / len(self.values)

    def values_alone(self, pairs: int) -> float:
        """Percent right of the best answer that knows the set of values that came, and neither
        their keys nor their order: any of them. Who knows the order does somewhat better without
        any key, since earlier pairs tend to be asked for sooner."""
        return 100 / pairs
