"""The reference: reversing digits, trained on lengths 5 to 20, with attention and without.

A plain script without the encoder's state at every step reached, in percent of exact matches at
10 / 15 / 20 / 25 / 30 digits: without attention 95-97 / 30-39 / 0.1 / 0 / 0, with it 100 / 99.7 /
95 / 42-46 / 1-2. Here the decoder reads that state again at every step, which helps at 15.
"""

from __future__ import annotations

import pytest

from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.length_quality.declaration import LengthRow

LENGTHS = (10, 15, 20, 25, 30)

EXPECTED = {
    "none": ((93, 100), (25, 65), (0, 8), (0, 1), (0, 1)),
    "dot": ((98, 100), (97, 100), (88, 100), (25, 65), (0, 12)),
}


@pytest.mark.slow
@pytest.mark.parametrize("attention", EXPECTED)
def test_reversing_digits_comes_out_as_the_reference_says(attention: str) -> None:
    asked = {"attention": [attention], "seeds": [1]}
    (config,) = LENGTH_QUALITY.configs(["lstm"], asked, "reverse")
    rows = [event for event in LENGTH_QUALITY.measure(config) if isinstance(event, LengthRow)]
    exact = {
        row.length: row.exact_match.value
        for row in rows
        if (row.by, row.decoding) == ("source", "free")
    }
    for length, (low, high) in zip(LENGTHS, EXPECTED[attention], strict=True):
        assert low <= (exact[length] or 0.0) <= high, f"{length} digits"
