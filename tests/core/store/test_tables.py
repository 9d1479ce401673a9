"""A text column holds what was written, whatever pandas would take it for."""

from __future__ import annotations

import pytest

from core.experiments import all_experiments
from core.store.tables import read_table, row_of

LIKE_NOTHING = (
    "null",
    "NULL",
    "nan",
    "NaN",
    "NA",
    "N/A",
    "n/a",
    "None",
    "",
    "-nan",
    "<NA>",
    "1.5",
    "007",
)


@pytest.mark.parametrize("text", LIKE_NOTHING)
def test_a_sentence_may_look_like_nothing(text: str) -> None:
    row = row_of("length-quality", "samples")
    assert row is not None
    header = row.header()
    values = dict.fromkeys(header, "1") | {"source": text, "output": text}
    csv = ",".join(header) + "\n" + ",".join(values[name] for name in header) + "\n"
    table = read_table(csv.encode(), row)
    assert (table["source"][0], table["output"][0]) == (text, text)


def test_numbers_are_numbers_and_missing_ones_are_missing() -> None:
    row = row_of("length-quality", "training")
    assert row is not None
    header = row.header()
    csv = ",".join(header) + "\n" + ",".join("" if n == "training_loss" else "2" for n in header)
    table = read_table(f"{csv}\n".encode(), row)
    assert table["training_loss"].isna().all()
    assert table["training_step"][0] == 2


def test_every_text_column_of_every_table_is_read_as_text() -> None:
    for experiment in all_experiments():
        for row in experiment.rows:
            header = row.header()
            csv = ",".join(header) + "\n" + ",".join(["NA"] * len(header)) + "\n"
            table = read_table(csv.encode(), row)
            texts = [name for name in header if table[name][0] == "NA"]
            declared = [c.name for c in row.columns() if c.role == "note"]
            assert set(declared) <= set(texts), row.table
    assert row_of("length-quality", "no such table") is None
    assert row_of("no such experiment", "summary") is None
