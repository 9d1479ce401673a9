"""The page of two-sided context: which networks a figure shows, and the refusal word for word."""

from __future__ import annotations

from typing import Any

import pytest

from core.experiments.two_sided_context import TWO_SIDED_CONTEXT
from core.settings import BadSetting
from core.store.recorder import Recorder
from core.store.tracking import Store
from dashboard.figures.base import Shown, read
from dashboard.figures.context import Control, with_control
from dashboard.figures.leading import ACCURACY, TRAINING, leading
from dashboard.figures.lines import Curves
from dashboard.ui.text import plain
from tests.dashboard.conftest import Show, texts
from tests.dashboard.scenes import close

PAGE = "views/results/two_sided_context.py"

TINY: dict[str, list[Any]] = {
    "hidden_size": [4],
    "training_steps": [2],
    "furthest": [2],
    "seeds": [2],
    "sequence_length": [6],
    "batch_size": [2],
    "tested_sequences": [10],
    "validations": [2],
}


@pytest.fixture
def measured(store: Store, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Variants really measured, small, and read."""
    monkeypatch.setattr("dashboard.store.cache.dark", lambda: False)

    def shown(*variants: str, **settings: list[Any]) -> Shown:
        for config in TWO_SIDED_CONTEXT.configs(variants, {**TINY, **settings}):
            run_id = store.create(TWO_SIDED_CONTEXT, config, sweep="one", status="RUNNING")
            recorder = Recorder(store, run_id, TWO_SIDED_CONTEXT)
            for event in TWO_SIDED_CONTEXT.measure(config):
                recorder.take(event)
            close(recorder)
            store.end(run_id, "FINISHED", "")
        return read(TWO_SIDED_CONTEXT, store.runs())

    return shown


def test_a_control_stands_beside_both_directions_as_they_are(measured: Any) -> None:
    shown = measured("gru", "bi-gru")
    for network, label in (
        ("itself", "GRU"),
        ("wider", "GRU, hidden size 6"),
        ("delayed", "GRU, answering later"),
    ):
        rows = with_control(shown, network).rows("context")
        assert set(rows["label"]) == {label, "bi-GRU"}
        assert len(rows) == 2 * 3 * 2
        of_gru = rows[rows["variant"] == "gru"]
        recorded = shown.rows("context").query("network == @network and variant == 'gru'")
        assert list(of_gru["accuracy"]) == list(recorded["accuracy"])
        both = rows[rows["variant"] == "bi-gru"]
        assert list(both["accuracy"]) == list(
            shown.rows("context").query("variant == 'bi-gru'")["accuracy"]
        )
        styles = with_control(shown, network).styles
        assert styles == {label: shown.styles["GRU"], "bi-GRU": shown.styles["bi-GRU"]}


def test_a_control_needs_a_run_of_one_direction(measured: Any) -> None:
    control = Control("At equal parameters", "wider", Curves("…", "context", (ACCURACY,)))
    assert not control.available(measured("bi-rnn"))
    assert control.available(measured("rnn"))


def test_the_first_figure_is_of_the_variants_themselves_beside_exact_chance(measured: Any) -> None:
    shown = measured("rnn", "bi-rnn")
    drawn = leading(TWO_SIDED_CONTEXT).preview(shown, intervals=True, height=200).to_dict()
    points = [row for data in drawn["datasets"].values() for row in data]
    assert {row["label"] for row in points if "label" in row} == {"RNN", "bi-RNN"}
    chance = {(row["look_ahead"], row["value"]) for row in points if "series" in row}
    assert chance == {(0, 100.0), (1, 25.0), (2, 25.0)}
    assert all(0 <= row["low"] <= row["high"] <= 100 for row in points if "low" in row)
    # While it trains, the axis does not shrink to the noise around chance, which is drawn.
    live = TRAINING[TWO_SIDED_CONTEXT.name].preview(shown, intervals=False, height=200).to_dict()
    low, high = live["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert low <= 0 < 100 <= high
    assert [{"value": 25.0}] in live["datasets"].values()


def test_the_refusal_is_the_decoders_own(measured: Any, show: Show) -> None:
    from core.models.architecture import Architecture
    from core.models.seq2seq import Seq2SeqShape

    measured("lstm", "gru", "bi-lstm")
    said = texts(show(PAGE, figure="Why it cannot generate"))
    shape = Architecture(cell="lstm", bidirectional=True)
    with pytest.raises(BadSetting) as refusal:
        Seq2SeqShape(shape, shape, "none", 10, 10, 8)
    assert f"**bi\\-LSTM**: {plain(f'No: {refusal.value}')}" in said
    assert f"**LSTM and GRU**: {plain('Yes, token by token')}" in said


def test_controls_are_tabs_only_where_they_were_measured(measured: Any, show: Show) -> None:
    measured("bi-gru")
    tabs = [tab.label for tab in show(PAGE).tabs]
    assert "Why it cannot generate" in tabs
    assert not {"At equal parameters", "Answering later"} & set(tabs)
    measured("gru")
    tabs = [tab.label for tab in show(PAGE).tabs]
    assert {"At equal parameters", "Answering later"} <= set(tabs)


def test_the_line_says_what_was_set(measured: Any, show: Show) -> None:
    measured("rnn", rule=["ahead", "compare"])
    line = (
        "Task: each tag is the token so many steps ahead and each tag compares the token so many "
        "steps ahead with the present one, 4 tokens. 2 training steps, 2 seeds."
    )
    assert plain(line) in texts(show(PAGE))


def test_rules_are_told_apart_once(measured: Any, show: Show) -> None:
    shown = measured("rnn", "bi-rnn", rule=["ahead", "compare"])
    assert "RNN · ahead rule" in set(shown.labels.values())
    app = show(PAGE)
    assert not app.exception
    assert texts(app).count(plain("rule · rule")) == 0
