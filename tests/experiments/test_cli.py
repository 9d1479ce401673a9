from __future__ import annotations

import functools
from argparse import ArgumentTypeError
from pathlib import Path

import pytest

from core.experiments import all_experiments
from core.models.registry import usual_variants
from core.settings import BadSetting, settings_of
from experiments import cli
from experiments.__main__ import main
from experiments.cli import PORT, SECONDS, VARIANT_SETTINGS, parse
from experiments.commands import configs_of

FITTING = {"parameter_budget": 100_000, "state_budget": 512}
FITTING |= {"sequence_length": 64, "vocabulary": 64}
"""Values that all else at its default has room for."""


def test_every_setting_has_a_flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_parser", functools.cache(cli._parser))  # most of the time
    book = tmp_path / "book.txt"
    book.write_text("\n".join(f"line {number} of a text" for number in range(5000)))
    settings = [(e, setting) for e in all_experiments() for setting in settings_of(e.config)]
    for experiment, setting in settings:
        if setting.name in VARIANT_SETTINGS or setting.derived:
            continue
        if setting.name == "file":  # refused unless another setting says that it is read
            continue
        least = FITTING.get(setting.name)
        least = least or setting.minimum or 1
        value = least if setting.default is None else setting.default
        value = setting.choices[1] if setting.choices else value
        value = "a.txt" if str in setting.types and not setting.choices else value
        variant = setting.cells[0] if setting.cells else "lstm"
        flag = "--" + setting.name.replace("_", "-")
        words = ["run", experiment.name, "--variants", variant, flag, str(value).lower()]
        words += ["--file", str(book)] if value == "file" else []
        _, (config, *_) = configs_of(parse(words))
        assert config.flat()[setting.name] == value


def test_without_flags_all_six_variants_run_at_their_defaults() -> None:
    experiment, configs = configs_of(parse(["run", all_experiments()[0].name]))
    assert [config.architecture.variant for config in configs] == list(usual_variants())
    assert configs[0] == experiment.config()


def test_comma_separated_values_make_one_run_each() -> None:
    words = "run gradient-decay --variants rnn,lstm --hidden-size 8,16 --forget-bias none,2"
    _, configs = configs_of(parse(words.split()))
    assert len(configs) == 2 + 4


def test_negative_values_are_values() -> None:
    for words in ("--forget-bias -2,0", "--forget-bias=-2,0"):
        _, configs = configs_of(parse(f"run gradient-decay --variants lstm {words}".split()))
        assert [config.architecture.forget_bias for config in configs] == [-2, 0]


BAD_USAGE = (
    ("run nonsense", "experiment is 'nonsense'; choose from gradient-decay"),
    ("run gradient-decay --variants lstmm", "variants has 'lstmm'; choose from rnn, lstm"),
    ("run gradient-decay --hidden-size 0", "hidden_size is '0'; give a whole number from 1 to"),
    ("run gradient-decay --hidden-size x", "hidden_size is 'x'; give a whole number from 1 to"),
    ("run gradient-decay --hiden-size 3", "did you mean --hidden-size?"),
    ("run gradient-decay --hidden-size", "--hidden-size: expected one argument"),
    ("run gradient-decay --preset none", "preset is 'none'; gradient-decay has chapter"),
    ("run", "required: EXPERIMENT"),
    ("explode", "command is 'explode'; choose from list, run, sweep, submit"),
    (
        "run gradient-decay --parameter-budget 1,234,567",
        "parameter_budget is '1,234,567', but here a comma separates values; give 1234567",
    ),
    ("match x", "parameter_budget is 'x'; give an amount such as"),
    ("suite nonsense", "suite is 'nonsense'; choose from first-look"),
    ("runs --status done", "status is 'DONE'; choose from SCHEDULED"),
    ("runs --experiment x", "experiment is 'x'; choose from"),
    ("export gradient-decay --table x", "table is 'x'; gradient-decay has gradient"),
    ("export gradient-decay --format x", "format is 'x'; choose from csv, json, parquet"),
    ("cancel 0000", "run is '0000', which fits 0 runs"),
    ("retry " + "0" * 32, "the store has no such run"),
    ("serve --dashboard-port x", "--dashboard-port: is 'x'; give a whole number from 1 to"),
    ("serve --mlflow-port 70000", "--mlflow-port: is '70000'; give a whole number from 1 to"),
    ("worker --exit-when-idle nan", "--exit-when-idle: is 'nan'; give a number of at least 0"),
)
"""Words → what the error says."""


def test_bad_usage_is_one_line_exit_two_and_records_nothing(
    store, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, sentence in BAD_USAGE:
        assert main(words.split()) == 2, words
        out, err = capsys.readouterr()
        assert out == "", words
        assert err.startswith("error: "), words
        assert err.count("\n") == 1, words
        assert sentence in err
    assert store.runs() == []


def test_help_is_derived_from_the_declaration(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["run", "gradient-decay", "--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    for setting in settings_of(all_experiments()[0].config):
        if setting.name not in VARIANT_SETTINGS:
            assert "--" + setting.name.replace("_", "-") in text


def test_every_port_there_is_can_be_given_and_no_other() -> None:
    assert [PORT(text) for text in ("1", "8501", "65535")] == [1, 8501, 65535]
    for text in ("0", "65536", "-1", "80.5", ""):
        with pytest.raises(ArgumentTypeError, match="give a whole number from 1 to 65,535"):
            PORT(text)


def test_a_worker_may_wait_any_time_that_there_is() -> None:
    assert [SECONDS(text) for text in ("0", "0.5", "600")] == [0, 0.5, 600]
    for text in ("-0.1", "-1", "inf", "nan", "x"):
        with pytest.raises(ArgumentTypeError, match="give a number of at least 0"):
            SECONDS(text)
    assert parse(["worker"]).exit_when_idle is None
    with pytest.raises(BadSetting, match="--exit-when-idle: is '-1'; give a number of at least 0"):
        parse(["worker", "--exit-when-idle", "-1"])


def test_a_negative_number_is_the_value_of_the_flag_before_it_alone() -> None:
    words = ["run", "gradient-decay", "--variants=lstm", "--forget-bias", "-.5,1"]
    assert parse(words).forget_bias == "-.5,1"
    with pytest.raises(BadSetting, match="-2 is not an option of this command"):
        parse([*words, "-2"])
