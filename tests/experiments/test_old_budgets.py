"""Runs recorded when a parameter budget counted the recurrent layers alone, in a store of today."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.analysis.groups import grouped
from core.analysis.scorecard import Terms, terms_of
from core.chapter.claim import Measurement
from core.experiment import Experiment
from core.experiments import config_of
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.length_quality.declaration import LengthQualityConfig
from core.experiments.length_quality.measure import model_files
from core.experiments.length_quality.model import build, corpus_of
from core.experiments.length_quality.translator import Translator
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.parameter_count import PARAMETER_COUNT
from core.store.records import TAG_CONFIG, RunRecord
from core.store.tracking import Store
from experiments import queue
from experiments.cli import parse
from experiments.commands import configs_of
from experiments.export import reproduction
from experiments.suites import Suite

OLD = {"parameter_budget": 50_000}

LSTM_WIDTH = 84
"""The hidden size that 50,000 recurrent parameters made of an LSTM reading 64 features."""


def old_settings(experiment: Experiment, width: int, **more: Any) -> dict[str, Any]:
    """The settings as they were recorded before there were state budgets."""
    (config, *_) = experiment.configs(["lstm"], {"hidden_size": [width]})
    flat = {**config.flat(), **OLD, **more}
    del flat["state_budget"]
    return flat


def put(store: Store, experiment: Experiment, settings: dict[str, Any]) -> RunRecord:
    run_id = store.create(experiment, experiment.config(), sweep="old")
    store.set_tags(run_id, {TAG_CONFIG: json.dumps(settings)})
    store.end(run_id, "FINISHED")
    return store.run(run_id)


def test_an_old_translator_stands_at_its_hidden_size_and_is_run_again_as_it_was(
    store: Store,
) -> None:
    record = put(store, LENGTH_QUALITY, old_settings(LENGTH_QUALITY, LSTM_WIDTH))
    assert record.old_budget == 50_000
    assert record.settings["parameter_budget"] is None
    assert terms_of(record.settings) == Terms(hidden_size=LSTM_WIDTH)
    again = store.run(queue.retry(store, record.run_id))
    assert config_of(again).architecture.hidden_size == LSTM_WIDTH
    assert again.old_budget is None
    words = reproduction(record).removeprefix("python -m experiments ").split()
    assert f"--hidden-size={LSTM_WIDTH}" in words
    assert config_of(record) in configs_of(parse(words))[1]


def test_an_old_translator_and_a_new_one_of_the_same_budget_are_two_groups(store: Store) -> None:
    old = put(store, LENGTH_QUALITY, old_settings(LENGTH_QUALITY, LSTM_WIDTH))
    (config,) = LENGTH_QUALITY.configs(["lstm"], {"parameter_budget": [50_000], "seeds": [1]})
    new = store.run(store.create(LENGTH_QUALITY, config, sweep="new"))
    assert new.settings["parameter_budget"] == 50_000
    assert config.architecture.hidden_size < LSTM_WIDTH / 2
    assert len(grouped(LENGTH_QUALITY, [old, new])) == 2


@pytest.mark.parametrize("experiment", [GRADIENT_DECAY, PARAMETER_COUNT], ids=lambda e: e.name)
def test_where_recurrent_layers_are_still_what_counts_an_old_budget_stands(
    store: Store, experiment: Experiment
) -> None:
    (config,) = experiment.configs(["lstm"], OLD | {"parameter_budget": [50_000]})
    settings = config.flat()
    del settings["state_budget"]
    record = put(store, experiment, settings)
    assert record.old_budget is None
    assert config_of(record) == config
    new = store.run(store.create(experiment, config, sweep="new"))
    assert len(grouped(experiment, [record, new])) == 1


def test_an_old_run_that_one_unit_would_exceed_says_why_it_cannot_be_repeated(
    store: Store,
) -> None:
    settings = old_settings(PARAMETER_COUNT, 1, parameter_budget=5)
    record = put(store, PARAMETER_COUNT, settings)
    with pytest.raises(ValueError, match="parameter_budget is 5, but lstm has 268 parameters"):
        queue.retry(store, record.run_id)


def test_a_run_that_is_older_than_a_setting_is_not_made_again_by_its_suite(store: Store) -> None:
    suite = Suite("s", "S", "", (Measurement("m", MEMORY_SPAN, ("lstm",)),))
    (config,) = suite.parts[0].configs()
    settings = config.flat()
    del settings["state_budget"]
    put(store, MEMORY_SPAN, settings)
    assert queue.missing(store, suite).plan == ()


def test_an_old_model_still_translates(tmp_path: Path) -> None:
    settings = old_settings(LENGTH_QUALITY, 12, task="copy", training_pairs=10, tested_pairs=2)
    config = LengthQualityConfig.from_flat({**settings, "parameter_budget": None})
    corpus = corpus_of(config)
    for artifact in model_files(config, corpus, build(config, corpus, "cpu")):  # type: ignore[arg-type]
        path = tmp_path / Path(artifact.path).name
        path.write_bytes(artifact.content)
    (tmp_path / "config.json").write_text(json.dumps(settings))
    assert Translator.load(tmp_path).config.architecture.hidden_size == 12


def test_what_a_run_compares_is_recorded_with_it(store: Store) -> None:
    (config,) = MEMORY_SPAN.configs(["gru"], {"parameter_budget": [50_000]})
    params = store.client.get_run(store.create(MEMORY_SPAN, config, sweep="s")).data.params
    assert params["parameters"] == str(config.parameters) == "49662"
    assert params["state_bytes"] == str(config.state_bytes)
    assert params["off_budget"] == "-0.68%"
    (config,) = MEMORY_SPAN.configs(["gru"], {"state_budget": [512]})
    params = store.client.get_run(store.create(MEMORY_SPAN, config, sweep="s")).data.params
    assert (params["state_budget"], params["state_bytes"]) == ("512", "512")
