"""Whatever comes in is taken, or refused in one line that names the field: soon, and by nothing
else than a `BadSetting`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from core import files
from core.experiment import Experiment
from core.experiments import all_experiments
from core.tasks.uploads import Uploads
from tests.hostile_input import config_faults, configs, faults, upload_faults, uploads


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_random_configs_are_taken_or_refused_in_a_line(count: int) -> None:
    assert list(config_faults(count, seed=17)) == []


@pytest.mark.parametrize("experiment", all_experiments(), ids=lambda experiment: experiment.name)
def test_every_setting_refuses_what_cannot_be_printed_by_its_own_name(
    experiment: Experiment,
) -> None:
    found = [
        fault
        for setting in experiment.settings
        for value in (10**5000, -(10**5000), {"cell": 10**5000})
        for fault in faults(
            partial(experiment.config.from_flat, {setting.name: value}), setting.name
        )
    ]
    assert found == []


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_random_uploads_are_taken_or_refused_in_a_line(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpora = tmp_path / "corpora"
    corpora.mkdir()
    monkeypatch.setenv(files.CORPORA, str(corpora))
    kept = Uploads(tmp_path / "store", "ana@example.org")

    def keep(name: str, content: bytes) -> None:
        assert files.read("file", kept.keep(name, content)) == content

    assert list(upload_faults(count, seed=17, keep=keep)) == []
    assert [path.name for path in tmp_path.iterdir()] == ["corpora"], "nothing beside it"
    assert [path.name for path in corpora.iterdir()] == ["uploads"]


def test_a_seed_makes_the_same_input_again() -> None:
    names = [[(c.experiment.name, c.variant, [*c.settings]) for c in configs(50, 3)] for _ in "ab"]
    assert names[0] == names[1]
    assert list(uploads(20, 3)) == list(uploads(20, 3))


def test_some_of_it_is_taken_and_some_refused() -> None:
    """Else it would test the same refusal over and over."""
    taken = refused = 0
    for experiment, variant, settings in configs(300, 1):
        given = {name: [value] for name, value in settings.items()}
        try:
            experiment.configs([variant], given)
            taken += 1
        except ValueError:
            refused += 1
    assert taken > 20
    assert refused > 100


def test_other_answers_are_faults() -> None:
    def fail() -> None:
        raise KeyError("x")

    assert faults(fail, "x") == ["KeyError: \"'x'\""]
    assert faults(lambda: None, "x") == []
