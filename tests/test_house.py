"""The house as the README and the architecture draw it: names, and imports that point one way."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
SOURCES = sorted(
    path
    for folder in ("core", "experiments", "dashboard")
    for path in (PROJECT / folder).rglob("*.py")
)
ALLOWED = {"core": {"core"}, "experiments": {"core", "experiments"}}
"""Package → packages of ours that it may import. The dashboard may import all."""


@functools.cache
def imported(path: Path) -> set[str]:
    """Every module that a file imports, at the top or inside a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)}


def test_the_top_level_has_the_seven_fixed_names() -> None:
    names = ("dashboard", "core", "experiments", "tests", "mlruns", "requirements.txt", "Makefile")
    assert [name for name in names if not (PROJECT / name).exists()] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PROJECT)))
def test_imports_point_one_way(path: Path) -> None:
    package = path.relative_to(PROJECT).parts[0]
    ours = roots(path) & {"core", "experiments", "dashboard", "tests"}
    assert ours <= ALLOWED.get(package, {"core", "experiments", "dashboard"})
    if path != PROJECT / "core" / "tracking.py":
        assert "mlflow" not in roots(path)
    if package != "dashboard":
        assert not roots(path) & {"streamlit", "altair"}


RANKS = (
    {"settings", "statistics", "device", "words", "alone", "amounts", "ranks"},
    {"pooling", "differences"},
    {"architecture"},
    {"parameters"},
    {"experiment"},
    {"samples"},
    {"tasks"},
    {"models"},
    {"gradients", "jacobians", "training", "activations", "timing", "memory", "quality"},
    {"bottleneck"},
    {"experiments"},
    {"claims", "exploring"},
    {"scorecard"},
    {"store_folder", "database", "tracking", "recorder", "runner"},
)
"""Inside core: a file may import from its own rank and the ones before it."""


@pytest.mark.parametrize(
    "path",
    [p for p in SOURCES if "core" in p.parts and p.name != "__init__.py"],
    ids=lambda p: p.stem,
)
def test_imports_inside_core_point_one_way(path: Path) -> None:
    rank = {name: number for number, names in enumerate(RANKS) for name in names}
    parts = path.relative_to(PROJECT / "core").with_suffix("").parts
    used = {m.split(".")[1] for m in imported(path) if m.startswith("core.")}
    too_high = [name for name in used if rank[name] > rank[parts[0]]]
    assert too_high == []


def test_declarations_and_the_store_are_read_without_torch_and_mlflow() -> None:
    code = (
        "import sys, core.tracking, experiments.queue, experiments.worker, experiments.suites;"
        "sys.exit('torch' in sys.modules or 'mlflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0


def test_the_readme_draws_the_tree_that_is_there() -> None:
    readme = (PROJECT / "README.md").read_text()
    tree = re.search(r"```text\n(.*?)```", readme, re.DOTALL)
    assert tree, "the README has no file tree"
    drawn, folders = set(), []
    for line in tree.group(1).splitlines():
        name = line.strip().split()[0] if line.strip() else ""
        depth = (len(line) - len(line.lstrip())) // 2
        folders = [*folders[:depth], name]
        if name:
            drawn.add("".join(folders))
    missing = sorted(name for name in drawn if not (PROJECT / name).exists())
    assert missing == [], "drawn, but not there"
    there = {str(p.relative_to(PROJECT)) for p in SOURCES if p.name != "__init__.py"}
    assert sorted(there - drawn) == [], "there, but not drawn"


def test_every_requirement_is_pinned_exactly() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (PROJECT / name).read_text().splitlines():
            if line and not line.startswith(("#", "-r")):
                assert re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z]+\])?==[\w.]+", line), line


def test_every_command_in_the_readme_is_understood() -> None:
    from experiments.arguments import parse
    from experiments.commands import configs_of
    from experiments.suites import suite_named

    text = (PROJECT / "README.md").read_text()
    commands = re.findall(r"python -m experiments ([^`\n#]+)", text)
    assert commands
    for command in commands:
        chosen = parse(command.split())
        if chosen.verb in ("run", "submit"):
            assert configs_of(chosen)
        elif chosen.verb == "suite":
            assert suite_named(chosen.name)


def test_every_make_target_in_the_readme_exists() -> None:
    readme = (PROJECT / "README.md").read_text()
    targets = re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", readme, re.MULTILINE):
        assert target in targets
