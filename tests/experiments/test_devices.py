"""A device that is not there is refused in a sentence, and nothing is recorded."""

from __future__ import annotations

import subprocess
import sys

import pytest

from core.chapter import Measurement
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.length_quality import LENGTH_QUALITY
from core.settings import BadSetting
from core.store.folder import PROJECT
from core.store.tracking import Store
from experiments import queue, suites
from experiments.__main__ import main

MISSING = "device is cuda, but this machine has none; choose auto or cpu"

WORDS = ["length-quality", "--variants=rnn", "--seeds=1", "--device=cuda"]


@pytest.fixture(autouse=True)
def only_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    here = {"cuda": False, "mps": False, "cpu": True}
    monkeypatch.setattr("experiments.queue.devices_here", lambda: here)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the store were a server's, from which any machine takes runs."""
    monkeypatch.setattr("experiments.queue.database_path", lambda _: None)


@pytest.mark.parametrize("verb", ["run", "submit"])
def test_it_is_one_line_exit_two_and_nothing_recorded(
    verb: str, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([verb, *WORDS]) == 2
    assert capsys.readouterr() == ("", f"error: {MISSING}\n")
    assert store.runs() == []


def test_one_of_several_values_is_enough(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", *WORDS[:3], "--device=cpu,cuda"]) == 2
    assert MISSING in capsys.readouterr().err
    assert store.runs() == []


def test_the_precision_counts_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.queue.devices_here", lambda: {"mps": True, "cpu": True})
    configs = GRADIENT_DECAY.configs(["rnn"], {"device": ["mps"]})
    with pytest.raises(BadSetting, match="device is mps, which does not support float64"):
        queue.submit(store, GRADIENT_DECAY, configs)
    queue.submit(store, LENGTH_QUALITY, LENGTH_QUALITY.configs(["rnn"], {"device": ["mps"]}))
    assert len(store.runs()) == 3


def test_a_suite_is_refused_whole(store: Store) -> None:
    first = Measurement("first", GRADIENT_DECAY, ("rnn",))
    second = Measurement("second", LENGTH_QUALITY, ("rnn",), {"device": ("cuda",)})
    with pytest.raises(BadSetting, match=MISSING):
        queue.submit_suite(store, suites.Suite("two", "Two", "", (first, second)))
    assert store.runs() == []


def test_a_run_of_another_machine_is_not_repeated_here(store: Store) -> None:
    (config, *_) = LENGTH_QUALITY.configs(["rnn"], {"device": ["cuda"]})
    run_id = store.create(LENGTH_QUALITY, config, sweep="there")
    store.end(run_id, "FINISHED")
    with pytest.raises(BadSetting, match=MISSING):
        queue.retry(store, run_id)
    assert len(store.runs()) == 1


def test_the_queue_of_a_server_takes_it_and_the_foreground_does_not(
    store: Store, elsewhere: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *WORDS]) == 2
    assert store.runs() == []
    assert main(["submit", *WORDS]) == 0
    assert [run.settings["device"] for run in store.runs(status="SCHEDULED")] == ["cuda"]


def test_torch_is_asked_in_another_process() -> None:
    code = (
        "import sys; from experiments.queue import devices_here\n"
        "found = devices_here()\n"
        "assert found['cpu'] and set(found) == {'cuda', 'mps', 'cpu'}\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0
