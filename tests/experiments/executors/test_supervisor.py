"""A run on a node: real processes, but no cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from core.experiments.gradient_decay import GRADIENT_DECAY
from core.processes import process_exists
from core.store.folder import PROJECT
from core.store.records import TAG_NODE, RunRecord
from core.store.tracking import Store
from tests.experiments.processes import ENDLESS, QUICK, until

CODE = """
import sys
from experiments.executors.supervisor import supervise
uri, *run_ids = sys.argv[1:]
for run_id in run_ids:
    print(supervise(uri, run_id, "a-node"), flush=True)
"""


@dataclass
class Node:
    """A store and what supervises runs of it."""

    store: Store
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def submit(self, settings: dict[str, list[object]]) -> str:
        (config,) = GRADIENT_DECAY.configs(["gru"], settings)
        return self.store.create(GRADIENT_DECAY, config, sweep="s")

    def supervise(self, *run_ids: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", CODE, self.store.uri, *run_ids]
        process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        return process

    def endless(self) -> tuple[subprocess.Popen[str], RunRecord]:
        """A run that has measured something, and goes on."""
        run_id = self.submit(ENDLESS)
        process = self.supervise(run_id)
        until(lambda: self.store.run(run_id).state.get("rows"))
        return process, self.store.run(run_id)


@pytest.fixture
def node(store: Store) -> Iterator[Node]:
    node = Node(store)
    yield node
    for process in node.processes:
        process.kill()
        process.wait()


def lines(process: subprocess.Popen[str]) -> Sequence[str]:
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return output.splitlines()


@pytest.mark.slow
def test_a_run_is_executed_and_not_a_second_time(node: Node) -> None:
    run_id = node.submit(QUICK)
    elsewhere = node.submit(QUICK)
    node.store.take(elsewhere, {"host": "gone", "pid": 1, "created": "1", "started": 1.0}, {})
    assert lines(node.supervise(run_id, run_id, elsewhere)) == [
        "its process ended with exit status 0",
        "it had ended before it was placed",
        "the node gone or its process there is gone",
    ]
    record = node.store.run(run_id)
    assert record.status == "FINISHED"
    assert record.tags[TAG_NODE] == "a-node"
    assert not node.store.spool(run_id).exists()
    assert node.store.run(elsewhere).owner["host"] == "gone"


@pytest.mark.slow
def test_a_supervisor_that_is_interrupted_stops_its_run_and_keeps_the_rows(node: Node) -> None:
    process, record = node.endless()
    process.send_signal(signal.SIGINT)
    assert lines(process) == ["its process ended with exit status 0"]
    assert node.store.run(record.run_id).status == "KILLED"
    assert "rows measured until then are kept" in node.store.run(record.run_id).error


@pytest.mark.slow
def test_a_run_that_is_killed_is_ended_by_its_supervisor_with_its_rows(node: Node) -> None:
    process, record = node.endless()
    os.kill(record.owner["pid"], signal.SIGKILL)
    assert "SIGKILL" in lines(process)[0]
    lost = node.store.run(record.run_id)
    assert lost.status == "FAILED"
    assert "rows measured until then kept; retry runs it again" in lost.error
    assert len(node.store.table(lost, "gradient")) >= 2 * 20


@pytest.mark.slow
@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_ends_with_its_supervisor(node: Node, signal_number: int) -> None:
    process, record = node.endless()
    process.send_signal(signal_number)
    process.wait(10)
    until(lambda: not process_exists(record.owner["pid"], record.owner["created"]), seconds=5)
    assert node.store.run(record.run_id).status == "RUNNING"
