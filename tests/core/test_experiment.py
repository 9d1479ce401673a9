from __future__ import annotations

from typing import Any

import pytest

from core.experiments import all_experiments, experiment_named
from core.experiments.parameter_count import PARAMETER_COUNT
from core.models.architecture import Architecture, variant_title
from core.models.registry import usual_variants
from core.settings import BadSetting
from core.stats.estimates import Estimate
from tests.toy import TOY, SquareRow, ToySummary


def test_every_combination_of_variants_and_values_is_one_config() -> None:
    configs = TOY.configs(["rnn", "bi-gru"], {"hidden_size": ["8", "16"], "seed": [0, 1]})
    found = {(c.architecture.variant, c.architecture.hidden_size, c.seed) for c in configs}
    assert found == {(v, h, s) for v in ("rnn", "bi-gru") for h in (8, 16) for s in (0, 1)}


def test_a_setting_of_one_cell_goes_to_that_cell_only() -> None:
    configs = TOY.configs(["rnn", "lstm", "gru"], {"forget_bias": [0, 1], "update_bias": [2]})
    labels = [config.architecture.label for config in configs]
    assert labels == [
        "RNN 64",
        "LSTM 64 · forget bias 0",
        "LSTM 64 · forget bias 1",
        "GRU 64 · update bias 2",
    ]


def test_a_setting_that_no_chosen_variant_has_is_refused() -> None:
    with pytest.raises(BadSetting, match="forget_bias is set, but it belongs to lstm"):
        TOY.configs(["rnn", "bi-gru"], {"forget_bias": [1]})


def test_a_preset_is_a_set_of_values_that_can_be_overridden() -> None:
    assert TOY.configs(["rnn"], {}, "short")[0].flat()["count"] == 1
    assert TOY.configs(["rnn"], {"count": [2]}, "short")[0].flat()["count"] == 2
    with pytest.raises(BadSetting, match="preset is 'long'; toy has short"):
        TOY.configs(["rnn"], {}, "long")


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(BadSetting, match=r"variants has 'lstmm'; choose from rnn, lstm"):
        TOY.configs(["lstmm"], {})
    with pytest.raises(BadSetting, match="experiment is 'x'; choose from gradient-decay"):
        experiment_named("x")
    with pytest.raises(BadSetting, match="table is 'x'; toy has squares, summary"):
        TOY.row("x")


def test_an_estimate_takes_four_flat_columns() -> None:
    assert ToySummary.header() == ("mean", "mean_low", "mean_high", "mean_n", "rows", "remark")
    made = ToySummary(Estimate(2.0, 1.0, 3.0, 5), 7, "all")
    assert made.flat() == (2.0, 1.0, 3.0, 5, 7, "all")
    assert TOY.summary is ToySummary


def test_columns_know_their_title_unit_and_role() -> None:
    columns = {column.name: column for column in SquareRow.columns()}
    assert columns["square"].heading == "Square (steps²)"
    assert columns["square"].better == "higher"
    assert [name for name, column in columns.items() if column.curve] == ["number"]


@pytest.mark.parametrize("experiment", all_experiments(), ids=lambda e: e.name)
def test_every_declaration_is_complete(experiment) -> None:
    assert experiment.question.endswith("?")
    assert experiment.summary in experiment.rows
    for row in experiment.rows:
        curves = sum(column.curve for column in row.columns())
        assert curves == 0 if row is experiment.summary else curves <= 1
    for preset in experiment.presets:
        assert experiment.configs(list(usual_variants()), {}, preset)


@pytest.mark.parametrize("experiment", all_experiments(), ids=lambda e: e.name)
def test_every_experiment_compares_at_equal_parameters(experiment) -> None:
    for config in experiment.configs(list(usual_variants()), {"parameter_budget": ["50k"]}):
        shape = config.architecture
        assert abs(config.parameters - 50_000) < 2_000
        assert f" {shape.hidden_size}" in shape.label
        assert experiment.config.from_flat(config.flat()) == config


@pytest.mark.parametrize("experiment", all_experiments(), ids=lambda e: e.name)
def test_every_experiment_compares_at_equal_state(experiment) -> None:
    for config in experiment.configs(list(usual_variants()), {"state_budget": ["512"]}):
        assert config.state_bytes == 512
        assert experiment.config.from_flat(config.flat()) == config


def test_a_state_budget_counts_both_vectors_of_an_lstm_and_the_bytes_of_the_precision() -> None:
    (half,) = PARAMETER_COUNT.configs(["lstm"], {"state_budget": [512], "dtype": ["float16"]})
    (whole,) = PARAMETER_COUNT.configs(["lstm"], {"state_budget": [512]})
    (deep,) = PARAMETER_COUNT.configs(["bi-gru"], {"state_budget": [512], "layers": [2]})
    widths = [config.architecture.hidden_size for config in (half, whole, deep)]
    assert widths == [128, 64, 32], "512 / (2 states of 2 bytes, 2 of 4, 4 passes of 4)"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"parameter_budget": [9000], "state_budget": [512]},
            "state_budget is 512, but parameter_budget is 9,000 too; give one of the two, or "
            "neither for equal width",
        ),
        (
            {"state_budget": [512], "hidden_size": [65]},
            "hidden_size is 65, but state_budget 512 makes it 64 for lstm; leave one of the two "
            "out",
        ),
        (
            {"parameter_budget": [5]},
            "parameter_budget is 5, but lstm has 268 parameters (recurrent layers) at hidden size "
            "1; give at least 268",
        ),
        (
            {"state_budget": [7]},
            "state_budget is 7, but lstm has a state of 8 bytes at hidden size 1; give at least 8",
        ),
        (
            {"state_budget": [32_769]},
            "state_budget is 32769; give a whole number from 1 to 32,768, or leave it out",
        ),
        (
            {"state_budget": ["few"]},
            "state_budget is 'few'; give an amount such as 100000, 100k or 1.5 M",
        ),
    ],
)
def test_budgets_that_contradict_or_cannot_be_met_are_refused_in_one_line(
    settings: dict[str, list[Any]], sentence: str
) -> None:
    with pytest.raises(BadSetting) as refused:
        PARAMETER_COUNT.configs(["lstm"], settings)
    assert str(refused.value) == sentence


def test_a_budget_and_a_width_that_does_not_follow_from_it_contradict() -> None:
    with pytest.raises(
        BadSetting, match="hidden_size is 64, but parameter_budget 1000 makes it 28 for rnn; leave"
    ):
        TOY.configs(["rnn"], {"parameter_budget": [1000], "hidden_size": [64]})


def test_a_presets_width_gives_way_to_a_budget() -> None:
    experiment = next(e for e in all_experiments() if "hidden_size" in e.presets.get("chapter", {}))
    (config,) = experiment.configs(["gru"], {"parameter_budget": ["1M"]}, "chapter")
    assert config.architecture.hidden_size > 300
    both = experiment.configs(["gru"], {"parameter_budget": [None, "1M"]}, "chapter")
    assert both[0].architecture.hidden_size == experiment.presets["chapter"]["hidden_size"]
    assert both[1] == config


def test_six_variants_with_readable_labels() -> None:
    titles = [variant_title(variant) for variant in usual_variants()]
    assert titles == ["RNN", "LSTM", "GRU", "bi-RNN", "bi-LSTM", "bi-GRU"]
    for name, kind in usual_variants().items():
        assert Architecture(**kind).variant == name
    deep = Architecture(cell="rnn", layers=3, initialisation="identity", nonlinearity="relu")
    assert deep.label == "RNN 64 · 3 layers · relu · identity"
