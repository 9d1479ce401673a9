from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.experiments import all_experiments
from core.settings import BadSetting, parse_values, settings_of
from tests.toy import TOY, ToyConfig


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"hidden_size": 0}, "hidden_size is 0; give a whole number from 1 to 16,384"),
        ({"hidden_size": "many"}, "hidden_size is 'many'; give a whole number from 1 to 16,384"),
        ({"hidden_size": 1.5}, "hidden_size is 1.5; give a whole number from 1 to 16,384"),
        ({"hidden_size": True}, "hidden_size is true; give a whole number from 1 to 16,384"),
        (
            {"cell": "lstmm"},
            "cell is 'lstmm'; give rnn, lstm, gru, min-gru, min-lstm, lru, s6, s-lstm, m-lstm, "
            "delta-net, sru, tcn or transformer",
        ),
        ({"infinite": "maybe"}, "infinite is 'maybe'; give true or false"),
        ({"recurrent_gain": "nan"}, "recurrent_gain is 'nan'; give a number from 0 to 100"),
        (
            {"fail_after": -1},
            "fail_after is -1; give a whole number from 0 to 10,000, or leave it out",
        ),
    ],
)
def test_a_bad_value_names_the_field_what_came_and_what_is_allowed(
    values: dict[str, object], sentence: str
) -> None:
    with pytest.raises(BadSetting) as caught:
        ToyConfig.from_flat(values)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("forget_bias", " 0, 1,,none, 1", ["0", "1", None]),
        ("forget_bias", "-1:1:0.5", ["-1", "-0.5", "0", "0.5", "1"]),
        ("recurrent_gain", "0.1:0.35:0.1", ["0.1", "0.2", "0.3"]),
        ("hidden_size", "2:4, 16", ["2", "3", "4", "16"]),
        ("hidden_size", "none", ["none"]),
        ("parameter_budget", "50k:150k:50k", ["50000", "100000", "150000"]),
        ("cell", "rnn,lstm", ["rnn", "lstm"]),
    ],
)
def test_a_list_of_values_may_hold_ranges(name: str, text: str, values: list[str | None]) -> None:
    setting = next(s for s in settings_of(ToyConfig) if s.name == name)
    assert parse_values(setting, text) == values


@pytest.mark.parametrize(
    "text", ["0:3:0", "3:0", "0:1e9:1", "a:b", "1:2:3:4", "nan:1", "0:inf", ":"]
)
def test_a_bad_range_names_the_field_what_came_and_what_is_allowed(text: str) -> None:
    setting = next(s for s in settings_of(ToyConfig) if s.name == "hidden_size")
    with pytest.raises(BadSetting) as caught:
        parse_values(setting, text)
    assert str(caught.value).startswith(f"hidden_size is '{text}'; give a whole number from 1 to")
    assert "a range start:end:step" in str(caught.value)


def test_an_empty_list_is_refused() -> None:
    setting = next(s for s in settings_of(ToyConfig) if s.name == "hidden_size")
    with pytest.raises(BadSetting, match="hidden_size is ' , '; give a whole number from 1 to"):
        parse_values(setting, " , ")


def test_more_runs_than_one_launch_makes_are_refused_before_they_are_built() -> None:
    asked = {"hidden_size": list(range(1, 2001)), "layers": list(range(1, 2001))}
    with pytest.raises(BadSetting, match="variants, hidden_size, layers make 4,000,000 runs"):
        TOY.configs(["rnn"], asked)


def test_an_unknown_setting_is_refused_not_dropped() -> None:
    with pytest.raises(BadSetting, match="hiden_size is 3, but there is no such setting"):
        ToyConfig.from_flat({"hiden_size": 3})


def test_a_setting_that_the_cell_does_not_have_is_refused() -> None:
    with pytest.raises(BadSetting, match=r"forget_bias is 1\.0, but cell gru has none"):
        ToyConfig.from_flat({"cell": "gru", "forget_bias": 1})


@pytest.mark.parametrize("experiment", all_experiments(), ids=lambda e: e.name)
def test_flat_and_back_is_the_same_config(experiment) -> None:
    config = experiment.config()
    assert experiment.config.from_flat(config.flat()) == config
    assert (
        experiment.config.from_flat({k: str(v) for k, v in config.flat().items() if v is not None})
        == config
    )


@pytest.mark.parametrize("experiment", all_experiments(), ids=lambda e: e.name)
def test_every_setting_is_explained_and_its_default_is_allowed(experiment) -> None:
    for setting in settings_of(experiment.config):
        assert setting.title, setting.name
        assert setting.description.endswith((".", ")")), setting.name
        assert setting.default is not None or setting.optional
        if setting.choices:
            assert setting.default in setting.choices
        if int in setting.types or float in setting.types:
            assert setting.minimum is not None, f"{setting.name} has no lower bound"
            assert setting.maximum is not None, f"{setting.name} has no upper bound"


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([s.name for s in settings_of(ToyConfig)]),
        st.text() | st.integers() | st.floats() | st.none() | st.booleans(),
    )
)
def test_any_input_gives_a_config_or_one_line(values: dict[str, object]) -> None:
    refusal = ""
    try:
        config = ToyConfig.from_flat(values)
        assert ToyConfig.from_flat(config.flat()) == config
    except BadSetting as error:
        refusal = str(error)
    assert "\n" not in refusal
