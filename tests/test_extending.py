"""docs/extending.md is carried out word for word on a copy of the project, all at once."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.store.tracking import Store
from tests.house import PROJECT

TEXT = (PROJECT / "docs" / "extending.md").read_text()
FILES = dict(re.findall(r"^`([\w/]+\.py)`\n\n```python\n(.*?)```", TEXT, re.DOTALL | re.MULTILINE))
"""Path → the block that the page gives for it."""

pytestmark = pytest.mark.slow

END = "— end of a command —"


def block_after(words: str) -> str:
    """The first block of code below some words of the page."""
    match = re.search(re.escape(words) + r".*?```python\n(.*?)```", TEXT, re.DOTALL)
    assert match, words
    return match.group(1)


def edit(path: Path, *replacements: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in replacements:
        assert old in text, f"{path.name} has no {old!r}"
        text = text.replace(old, new, 1)
    path.write_text(text)


def add_experiment(copy: Path) -> None:
    """Add the page's experiment with its page and chart."""
    for name, content in FILES.items():
        path = copy / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    edit(
        copy / "core/experiments/__init__.py",
        (
            "from core.experiments.throughput import",
            "from core.experiments.state_norm import STATE_NORM\n"
            "from core.experiments.throughput import",
        ),
        ("        TWO_SIDED_CONTEXT,\n", "        TWO_SIDED_CONTEXT,\n        STATE_NORM,\n"),
    )
    edit(
        copy / "dashboard/navigation.py",
        (
            "PAGES: tuple[Page, ...] = (\n",
            "PAGES: tuple[Page, ...] = (\n    Page(\n"
            '        path="views/results/state_norm.py",\n        title="State norm",\n'
            '        icon=":material/straighten:",\n        section="Results",\n'
            '        summary="How large the state gets.",\n'
            '        experiment="state-norm",\n    ),\n',
        ),
    )


def add_cell(copy: Path) -> None:
    """Add the page's cell: its file is among the others, and this is its line."""
    edit(
        copy / "core/models/successors/__init__.py",
        ("    MinGRU(),", "    LeakyRNN(),\n    MinGRU(),"),
        (
            "from core.models.successors.min_gru",
            "from core.models.successors.leaky import LeakyRNN\n"
            "from core.models.successors.min_gru",
        ),
    )


COMMANDS = (
    "list",
    "run state-norm --variants rnn,lstm --seeds 3 --hidden-size 8 --json",
    "compare --experiment state-norm",
    "export state-norm --table norms",
    "run gradient-decay --variants leaky,rnn --seeds 3 --hidden-size 8 --sequence-length 20 --json",
    "compare --experiment gradient-decay",
)

PROGRAM = f"""
import shlex
import torch
from core.models.architecture import Architecture
from core.models.recurrent import Recurrent
from experiments.__main__ import main
from streamlit.testing.v1 import AppTest

for line in {COMMANDS!r}:
    assert main(shlex.split(line)) == 0, line
    print({END!r})

app = AppTest.from_file('dashboard/script.py', default_timeout=60)
app.switch_page('views/results/state_norm.py').run()
assert not app.exception, app.exception
print([tab.label for tab in app.tabs], [s.value for s in app.subheader])
print({END!r})

shape = Architecture(cell='leaky', hidden_size=3, bidirectional=True)
model = Recurrent(shape, 2, implementation='equations').double()
x = torch.randn(4, 2, 2, dtype=torch.float64, requires_grad=True)
print(torch.autograd.gradcheck(lambda x: model(x)[0], (x,)))
"""


@pytest.fixture(scope="module")
def printed(
    new_store: Callable[[Path], Store], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Command → what it printed, in a copy of the project with both; of the page and of the
    gradient's check too. One process does all of it: to start one takes seconds."""
    folder = tmp_path_factory.mktemp("extended")
    copy, store = folder / "copy", new_store(folder / "store")
    for package in ("core", "experiments", "dashboard", "tests"):
        shutil.copytree(
            PROJECT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    (copy / "mlruns").mkdir()
    add_experiment(copy)
    add_cell(copy)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=copy,
        env={**os.environ, "MLFLOW_TRACKING_URI": store.uri, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    parts = done.stdout.split(f"{END}\n")
    return dict(zip((*COMMANDS, "page", "gradient"), parts, strict=True))


def test_an_experiment_with_its_page_and_chart(printed: dict[str, str]) -> None:
    assert len(FILES) == 8
    listing, runs, compared, rows = (printed[command] for command in COMMANDS[:4])
    assert "How large does the state get?" in listing
    assert [run["status"] for run in json.loads(runs)] == ["FINISHED", "FINISHED"]
    assert "keeps the smallest state: last norm" in compared
    assert "significantly" in compared
    assert len(rows.splitlines()) == 1 + 2 * 3 * 20
    assert "Seeds" in printed["page"]
    assert "keeps the smallest state" in printed["page"]


def test_a_cell(printed: dict[str, str]) -> None:
    assert printed["gradient"] == "True\n"
    runs, compared = (printed[command] for command in COMMANDS[4:])
    assert [run["status"] for run in json.loads(runs)] == ["FINISHED", "FINISHED"]
    assert "Leaky RNN has the highest, " in compared
