"""The house as the README and the architecture draw it: names, imports that point one way."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from core.experiments import all_experiments
from experiments import cells
from experiments.cli import parse
from experiments.commands import configs_of
from experiments.suites import suite_named
from tests import house
from tests.house import PROJECT, imported, sources

DOCS = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
ALLOWED = {"core": {"core"}, "experiments": {"core", "experiments"}}
"""Package → packages of ours that it may import. The dashboard may import all."""
ONLY_IN = {
    "mlflow": ("core/store/tracking.py",),
    "streamlit": ("dashboard/",),
    "altair": ("dashboard/", "experiments/reports/"),
    "ray": ("experiments/executors/ray.py",),
}
"""Library → where it may be imported."""
RANKS = (
    ("settings", "stats"),
    (
        "formatting",
        "files",
        "secrets",
        "sqlite_copy",
        "device",
        "machine_load",
        "machine_lock",
        "machine_memory",
        "processes",
    ),
    (
        "models.layer",
        "models.scan",
        "models.own_cells",
        "models.successors",
        "models.registry",
        "models.architecture",
    ),
    ("models.counting",),
    ("experiment",),
    ("store.records", "models", "tasks"),
    ("analysis.groups", "analysis.runs", "analysis.comparison", "analysis.sentences"),
    ("analysis.sizes",),
    ("measure", "training"),
    ("experiments",),
    ("analysis", "chapter", "papers", "explorer", "store"),
    ("runner",),
)
"""Inside core: a file may import from its own rank and the ones before it."""


def rank_of(module: str) -> int:
    """The rank of `core.…`, by the longest name that fits."""
    name = module.removeprefix("core.")
    fitting = {
        prefix: rank
        for rank, prefixes in enumerate(RANKS)
        for prefix in prefixes
        if f"{name}.".startswith(f"{prefix}.")
    }
    return fitting[max(fitting, key=len)]


def test_the_top_level_has_the_seven_fixed_names() -> None:
    names = ("dashboard", "core", "experiments", "tests", "mlruns", "requirements.txt", "Makefile")
    assert [name for name in names if not (PROJECT / name).exists()] == []


@pytest.mark.parametrize("package", house.PACKAGES)
def test_imports_between_packages_point_one_way(package: str) -> None:
    wrong = []
    for name, path in sources().items():
        if name.split(".")[0] != package:
            continue
        roots = {module.split(".")[0] for module in imported(path)}
        ours = roots & {*house.PACKAGES, "tests"}
        wrong += [name] if not ours <= ALLOWED.get(package, {*house.PACKAGES}) else []
        place = str(path.relative_to(PROJECT))
        wrong += [
            f"{name} imports {library}"
            for library, places in ONLY_IN.items()
            if library in roots and not place.startswith(places)
        ]
    assert wrong == []


def test_imports_inside_core_point_one_way() -> None:
    modules = [name for name in sources() if name.startswith("core.")]
    wrong = [
        f"{name} imports {used}"
        for name in modules
        for used in imported(sources()[name])
        if used.startswith("core.") and rank_of(used) > rank_of(name)
    ]
    assert wrong == []


def test_there_is_no_import_circle() -> None:
    assert house.circles() == []


def test_imports_inside_functions_only_spare_a_heavy_library() -> None:
    """An import in a function hides no circle; what it brings is torch, mlflow and the like."""
    heavy = (
        *("boto3", "torch", "mlflow", "scipy", "pandas", "altair", "vl_convert"),
        *("sentencepiece", "sacrebleu", "psycopg_pool"),
    )
    ours = [
        line
        for line in house.imports_inside_functions()
        if not line.split()[1].startswith((*heavy, *TORCH_MODULES))
    ]
    assert ours == []


TORCH_MODULES = (
    "core.experiments.length_quality.translator",
    "core.explorer",
    "core.measure",
    "core.models",
    "core.runner",
    "experiments.executors.ray",
    "experiments.reports",
)
"""Our own modules that need torch, Altair or Ray, and are loaded only where they are used."""


def test_declarations_and_the_store_are_read_without_torch_and_mlflow() -> None:
    modules = "core.store.tracking, experiments.queue, experiments.worker, experiments.suites"
    code = (
        f"import sys, {modules};"
        "sys.exit(sorted({'torch', 'mlflow', 'altair', 'streamlit'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("experiment", all_experiments(), ids=lambda e: e.name)
def test_every_experiment_has_the_same_files(experiment) -> None:
    folder = PROJECT / Path(*experiment.module.split(".")[:-1])
    assert experiment.module.endswith(".measure")
    names = {path.stem for path in folder.glob("*.py")}
    assert {"__init__", "declaration", "measure", "answers"} <= names


def test_the_readme_is_short_and_draws_the_folders_that_are_there() -> None:
    readme = (PROJECT / "README.md").read_text()
    assert len(readme.splitlines()) <= 200
    tree = re.search(r"```text\n(.*?)```", readme, re.DOTALL)
    assert tree, "the README has no tree of folders"
    drawn, parent = set(), ""
    for line in tree.group(1).splitlines():
        name = line.split()[0]
        parent = parent if line.startswith(" ") else name
        drawn.add(name if name == parent else parent + name)
    assert sorted(name for name in drawn if not (PROJECT / name).is_dir()) == []


def test_every_requirement_is_pinned_exactly() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-cluster.txt"):
        for line in (PROJECT / name).read_text().splitlines():
            if line and not line.startswith(("#", "-r")):
                assert re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z]+\])?==[\w.]+", line), line


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_command_in_the_documentation_is_understood(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNROLL_CELLS", str(tmp_path))
    monkeypatch.setattr(cells, "_check", lambda *_: {"name": "leaky-rnn", "title": "Leaky RNN"})
    for command in re.findall(r"python -m experiments ([^`\n#]+)", path.read_text()):
        chosen = parse(
            shlex.split(command.replace("my_cell.py", str(PROJECT / "examples" / "leaky_rnn.py")))
        )
        if chosen.verb in ("run", "submit"):
            assert configs_of(chosen)
        elif chosen.verb == "suite":
            assert suite_named(chosen.name)


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_make_target_in_the_documentation_exists(path: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", path.read_text(), re.MULTILINE):
        assert target in targets
