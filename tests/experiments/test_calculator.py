"""The process that computes with torch: it answers, refuses, and is never missed for long."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.explorer.exploration import Exploration, ExplorerConfig
from core.models import own_cells
from core.settings import BadSetting
from dashboard.store import cache
from experiments import calculations
from experiments import calculator as shared
from experiments.calculator import PROJECT, Broken, Calculator

SMALL = {"hidden_size": 4, "sequence_length": 6}


def exploration(cell: str = "lstm") -> Exploration:
    return Exploration(ExplorerConfig.from_flat({"cell": cell, **SMALL}))


@pytest.fixture(scope="module", autouse=True)
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of own cells, the same for all tests: a process starts with it."""
    folder = tmp_path_factory.mktemp("cells")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(own_cells.CELLS_VARIABLE, str(folder))
        yield folder


@pytest.fixture(scope="module")
def calculator(own: Path) -> Iterator[Calculator]:
    one = Calculator()
    yield one
    one.end()


def process_of(calculator: Calculator) -> psutil.Process:
    assert calculator._process is not None
    return psutil.Process(calculator._process.pid)


def own_cell(body: str, head: str = "") -> str:
    """The full name of a cell whose file is taken for checked."""
    content = (
        f"import os\nfrom core.models.layer import StepCell\n{head}"
        "class Mine(StepCell):\n    name = 'mine'\n    title = 'Mine'\n"
        "    def parameters(self, inputs, width):\n        return {'W': (width, inputs)}\n"
        f"    def step(self, x, state, p):\n        (h,) = state\n        {body}\n"
    )
    return own_cells.keep(content.encode(), "mine", "Mine", "mine.py").name


def test_its_answers_are_those_of_the_functions_themselves(calculator: Calculator) -> None:
    for function, given in (
        ("calculations", (exploration(), None, 2, 3)),
        ("kept", (exploration("gru"), None, 2)),
        ("singular", (exploration(), None, 2)),
        ("family", (exploration(), None, "forget_bias", (None, 2.0), "log10_input_gradient")),
        ("curve", (exploration("rnn"), None)),
    ):
        sent = pickle.dumps(getattr(calculations, function)(*given))
        assert pickle.dumps(calculator.ask(function, *given)) == pickle.dumps(pickle.loads(sent))
    mine, there = (
        ask("stepped", exploration("min-gru"), None)
        for ask in (lambda name, *given: getattr(calculations, name)(*given), calculator.ask)
    )
    assert list(mine.value_rows()) == list(there.value_rows())


def test_a_refusal_is_the_same_sentence_and_a_fault_of_ours_has_its_name(
    calculator: Calculator,
) -> None:
    cell = own_cell("raise KeyError('x')")
    with pytest.raises(BadSetting, match=r"Mine .* cannot be stepped at this size \(KeyError"):
        calculator.ask("stepped", exploration(cell), None)
    with pytest.raises(Broken, match="stepped: AttributeError"):
        calculator.ask("stepped", "no exploration", None)
    assert calculator.ask("kept", exploration(), None, 1)  # the same process goes on


def test_a_cell_that_ends_the_process_or_never_ends_is_refused_and_the_next_one_answered(
    calculator: Calculator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = exploration(own_cell("os._exit(3)"))
    with pytest.raises(BadSetting, match="the calculation ended its process"):
        calculator.ask("stepped", ends, None)
    started = time.monotonic()
    with pytest.raises(BadSetting, match="the calculation ended its process"):
        calculator.ask("stepped", ends, None)
    assert time.monotonic() - started < 0.5  # it is not tried again at once
    assert calculator.ask("kept", exploration(), None, 1)
    before = process_of(calculator)
    with monkeypatch.context() as patch:
        patch.setattr(calculator, "_patience", 1.0)
        with pytest.raises(BadSetting, match="took longer than 1 seconds and was ended"):
            calculator.ask("stepped", exploration(own_cell("while True: pass")), None)
    assert not before.is_running()
    assert calculator.ask("kept", exploration(), None, 1)


@pytest.mark.parametrize("error", ["Refused('a', 'b')", "SystemExit(1)"])
def test_whatever_a_cell_raises_is_a_sentence(error: str, calculator: Calculator) -> None:
    """Also an exception of its own type, which nobody else can make or read."""
    head = "from core.settings import BadSetting\nclass Refused(BadSetting):\n"
    head += "    def __init__(self, one, other):\n        super().__init__(one + other)\n"
    cell = own_cell(f"raise {error}", head)
    with pytest.raises(BadSetting, match=r"^ab$|ended its process") as caught:
        calculator.ask("stepped", exploration(cell), None)
    assert type(caught.value) is BadSetting
    assert calculator.ask("kept", exploration(), None, 1)


def test_who_asks_first_starts_it_and_several_who_ask_the_same_ask_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = Calculator()
    asked = []

    def ask(function: str, *given: Any) -> Any:
        asked.append(function)
        return one.ask(function, *given)

    monkeypatch.setattr("experiments.calculator._SHARED", one)
    monkeypatch.setattr("experiments.calculator.ask", ask)
    kept = cache.calculated("kept", 8)
    try:
        with ThreadPoolExecutor(4) as people:
            answers = list(people.map(lambda _: kept(exploration(), None, 1), range(4)))
    finally:
        one.end()
    assert asked == ["kept"]
    assert all(answer == calculations.kept(exploration(), None, 1) for answer in answers)


def test_to_wait_for_it_is_to_have_it_loaded(
    calculator: Calculator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "_SHARED", calculator)
    calculator.end()
    shared.start()
    assert not shared.has_answered()
    shared.wait()
    assert shared.has_answered()


def test_one_that_was_killed_while_nobody_asked_is_started_again(calculator: Calculator) -> None:
    calculator.start()
    before = process_of(calculator)
    before.send_signal(signal.SIGKILL)
    before.wait()
    assert calculator.ask("kept", exploration(), None, 1)
    assert process_of(calculator) != before


ASKS = """
import sys
from core.explorer.exploration import Exploration, ExplorerConfig
from experiments.calculator import Calculator
one = Calculator()
one.start()
print(one._process.pid, flush=True)
for cell in ("lstm", sys.argv[1]):
    one.ask("stepped", Exploration(ExplorerConfig.from_flat({"cell": cell})), None)
    print("torch" in sys.modules, flush=True)
"""


def test_it_ends_with_whoever_started_it_who_never_loads_torch(own: Path) -> None:
    """Also while it computes something that does not end."""
    with subprocess.Popen(
        [sys.executable, "-c", ASKS, own_cell("while True: pass")],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    ) as asking:
        assert asking.stdout is not None
        calculator = psutil.Process(int(asking.stdout.readline()))
        assert asking.stdout.readline() == "False\n"
        before = sum(calculator.cpu_times()[:2])
        until(lambda: sum(calculator.cpu_times()[:2]) > before + 0.5)
        asking.kill()
    until(lambda: not calculator.is_running() or calculator.status() == psutil.STATUS_ZOMBIE)


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60.0
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)
