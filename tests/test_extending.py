"""docs/extending.md is carried out word for word on a copy of the project."""

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


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project's sources in another folder."""
    for package in ("core", "experiments", "dashboard", "tests"):
        shutil.copytree(
            PROJECT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    (tmp_path / "mlruns").mkdir()
    return tmp_path


@pytest.fixture
def python(copy: Path, store: Store) -> Callable[..., str]:
    """Run Python in the copy, on a store of this test's own; what it prints."""

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=copy,
            env={**os.environ, "MLFLOW_TRACKING_URI": store.uri, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    return run


@pytest.fixture
def commands(python: Callable[..., str]) -> Callable[..., list[str]]:
    """Carry out commands of the copy, one after another in one process; what each prints."""

    def run(*lines: str) -> list[str]:
        code = (
            "import shlex\n"
            "from experiments.__main__ import main\n"
            f"for line in {lines!r}:\n"
            "    assert main(shlex.split(line)) == 0, line\n"
            f"    print({END!r})"
        )
        return python("-c", code).split(f"{END}\n")[:-1]

    return run


def test_an_experiment_with_its_page_and_chart(
    copy: Path, python: Callable[..., str], commands: Callable[..., list[str]]
) -> None:
    assert len(FILES) == 7
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
    listing, runs, compared, rows = commands(
        "list",
        "run state-norm --variants rnn,lstm --seeds 3 --hidden-size 8 --json",
        "compare --experiment state-norm",
        "export state-norm --table norms",
    )
    assert "How large does the state get?" in listing
    assert [run["status"] for run in json.loads(runs)] == ["FINISHED", "FINISHED"]
    assert "keeps the smallest state: last norm" in compared
    assert "by more than noise" in compared
    assert len(rows.splitlines()) == 1 + 2 * 3 * 20
    page = python(
        "-c",
        "from streamlit.testing.v1 import AppTest\n"
        "app = AppTest.from_file('dashboard/app.py', default_timeout=60)\n"
        "app.switch_page('views/results/state_norm.py').run()\n"
        "assert not app.exception, app.exception\n"
        "print([tab.label for tab in app.tabs], [s.value for s in app.subheader])",
    )
    assert "Seeds" in page
    assert "keeps the smallest state" in page


def test_a_cell(copy: Path, python: Callable[..., str], commands: Callable[..., list[str]]) -> None:
    cells, registry = copy / "core/models/cells.py", copy / "core/models/registry.py"
    kind = block_after("Add to `_KINDS`").rstrip()
    indented = "".join(f"    {line}\n" for line in f"{kind},".splitlines())
    edit(
        registry,
        (
            'CellName = Literal["rnn", "lstm", "gru"]',
            'CellName = Literal["rnn", "lstm", "gru", "leaky"]',
        ),
        ("\n)\n\n\ndef cell_kinds", f"\n{indented})\n\n\ndef cell_kinds"),
    )
    edit(
        cells,
        (
            "\n\nCELLS: ",
            f"\n\n{block_after('Add to `core/models/cells.py`')}\n\nCELLS: ",
        ),
        ('    "gru": ', '    "leaky": lambda architecture: LeakyRNN(),\n    "gru": '),
    )
    gradient = (
        "import torch\n"
        "from core.models.architecture import Architecture\n"
        "from core.models.recurrent import Recurrent\n"
        "shape = Architecture(cell='leaky', hidden_size=3, bidirectional=True)\n"
        "model = Recurrent(shape, 2, implementation='equations').double()\n"
        "x = torch.randn(4, 2, 2, dtype=torch.float64, requires_grad=True)\n"
        "assert torch.autograd.gradcheck(lambda x: model(x)[0], (x,))\n"
    )
    python("-c", gradient)
    small = "--seeds 3 --hidden-size 8 --sequence-length 20"
    runs, compared = commands(
        f"run gradient-decay --variants leaky,rnn {small} --json",
        "compare --experiment gradient-decay",
    )
    assert [run["status"] for run in json.loads(runs)] == ["FINISHED", "FINISHED"]
    assert "Leaky RNN has the highest, " in compared
