"""One search for runs: what each kind of term finds, and what a bad one is told."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace

import pytest

from core.analysis.search import EXAMPLES, parse, search, with_id
from core.experiments import all_experiments
from core.settings import BadSetting
from core.store.records import (
    NOTE,
    TAG_ARCHIVED,
    TAG_COMMENT,
    TAG_ORIGIN,
    TAG_STARRED,
    TAG_SWEEP_NAME,
    TAG_USER,
    RunRecord,
)

DAY = 86_400.0
NOW = time.mktime((2026, 11, 24, 12, 0, 0, 0, 0, -1))


def run(
    run_id: str, name: str, submitted: float = NOW, /, status: str = "FINISHED", **settings: object
) -> RunRecord:
    return RunRecord(
        run_id=run_id,
        experiment_id="1",
        experiment="memory-span",
        name=name,
        status=status,  # type: ignore[arg-type]
        settings=settings,  # type: ignore[arg-type]
        sweep="memory-span 2026",
        submitted=submitted,
        ended=None,
        metrics={},
        tags={},
    )


def tagged(record: RunRecord, **tags: str) -> RunRecord:
    return replace(record, tags={**record.tags, **tags})


RNN = run("aaaa1111", "RNN 16 · seed 0", cell="rnn", hidden_size=16, forget_bias=None)
LSTM = tagged(
    run("bbbb2222", "LSTM 16 · forget bias 1", cell="lstm", hidden_size=16, forget_bias=1.0),
    **{NOTE: "It learned lags up to 15 in 5 seeds.", TAG_USER: "Ana B", TAG_STARRED: "1"},
)
BI = tagged(
    run(
        "cccc3333",
        "bi-LSTM 160 · seed 5",
        NOW - 3 * DAY,
        status="FAILED",
        cell="lstm",
        bidirectional=True,
        hidden_size=160,
        initialisation="orthogonal",
    ),
    **{TAG_SWEEP_NAME: "Forget bias by width", TAG_COMMENT: "noisy machine", "device": "cuda"},
)
OLD = tagged(RNN, **{TAG_ARCHIVED: "1", "paper": "yes"})
RUNS = [RNN, LSTM, BI]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", RUNS),
        ("lstm", [LSTM, BI]),
        ("bi-lstm", [BI]),
        ("LST lags", [LSTM]),
        ("seeds", [LSTM]),
        ("seed", [RNN, LSTM, BI]),
        ("5", [LSTM, BI]),
        ('"5 seeds"', [LSTM]),
        ("15", [LSTM]),
        ("16 -5", [RNN]),
        ("orthogonal", [BI]),
        ("noisy", [BI]),
        ("bbbb", [LSTM]),
        ("id:cccc3", [BI]),
        ("hidden_size=16", [RNN, LSTM]),
        ("hidden-size = 16,160", RUNS),
        ("hidden_size!=16", [BI]),
        ("hidden_size>16", [BI]),
        ("forget_bias>=1", [LSTM]),
        ("forget_bias=none", [BI]),  # the RNN has no forget bias
        ("bidirectional=true", [BI]),
        ("cell=lstm variant:lstm", [LSTM]),
        ("status:failed", [BI]),
        ("-status:failed", [RNN, LSTM]),
        ("status:failed,finished", RUNS),
        ("experiment:memory-span", RUNS),
        ("experiment:throughput", []),
        ("user:ana", [LSTM]),
        ('user:"ana b"', [LSTM]),
        ('user:"b, ana",x', []),
        ("sweep:width", [BI]),
        ('"forget bias"', [LSTM, BI]),
        ("machine:cuda", [BI]),
        ("is:starred", [LSTM]),
        ("submitted>=2026-11-23", [RNN, LSTM]),
        ("submitted=2026-11-21", [BI]),
        ("LSTM · forget", [LSTM, BI]),
        ('""', RUNS),
    ],
)
def test_a_search_finds_what_it_says(text: str, found: list[RunRecord]) -> None:
    assert [one.run_id for one in search(RUNS, text)] == [one.run_id for one in found]


def test_an_imported_run_is_found_by_both_people() -> None:
    said = {"run_id": "0" * 32, "user": "Rui", "imported": 1.0}
    imported = tagged(LSTM, **{TAG_ORIGIN: json.dumps(said)})
    for text in ("rui", "ana", "user:rui", 'user:"ana b"'):
        assert search([imported, RNN], text) == [imported]


def test_archived_runs_are_found_only_if_the_search_asks_for_them() -> None:
    assert search([OLD, LSTM], "") == [LSTM]
    assert search([OLD, LSTM], "is:archived") == [OLD]
    assert search([OLD], "is:archived tag:paper tag:paper=yes") == [OLD]
    assert search([OLD], "is:archived tag:paper=no") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("status:done", "status is 'done'; choose waiting, running, finished, failed"),
        ("hiden_size=16", "no hiden_size (did you mean hidden_size); to find it as text"),
        ("owner:ana", "there is no owner (known are status, experiment"),
        ("colour=red", "no colour (python -m experiments list has the settings)"),
        ("hidden_size=wide", "hidden_size is 'wide'; give a whole number from 1 to"),
        ("cell=lstmm", "cell is 'lstmm'; choose rnn, lstm"),
        ("cell>lstm", "cell is compared by > with 'lstm'; use = or !="),
        ("bidirectional=maybe", "bidirectional is 'maybe'; give true or false"),
        ("submitted>monday", "submitted is 'monday'; give a day as 2026-11-23"),
        ("seconds<soon", "seconds is 'soon'; give a number"),
        ("is:good", "is is 'good'; choose starred, pinned or archived"),
        ('lstm "5 seeds', "a quotation mark is not closed"),
        ('user:""', "search has 'user:\"\"'; give user a value"),
        ("user:·", "user is '·'; give a word of it"),
    ],
)
def test_a_bad_search_is_told_what_came_and_what_is_allowed(text: str, said: str) -> None:
    with pytest.raises(BadSetting, match=re.escape(said)):
        parse(text)


def test_every_setting_of_every_experiment_can_be_searched() -> None:
    for experiment in all_experiments():
        for name, value in experiment.config().flat().items():
            shown = "none" if value is None else str(value).lower()
            parse(f"{name}={shown}")


def test_every_example_of_the_help_can_be_read() -> None:
    for example in EXAMPLES:
        parse(example)


def test_a_run_is_named_by_the_beginning_of_its_id() -> None:
    assert with_id(RUNS, "bbbb") == [LSTM]
    assert with_id(RUNS, "bb") == []
