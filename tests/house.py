"""The house in numbers: `python -m tests.house` prints files, lines, functions and import circles.

Source files are those of core, experiments and dashboard; tests and benchmarks are not counted.
"""

from __future__ import annotations

import ast
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PACKAGES = ("core", "experiments", "dashboard")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def sources() -> Mapping[str, Path]:
    """Module name → file."""
    files = (path for package in PACKAGES for path in sorted((PROJECT / package).rglob("*.py")))
    return {module_name(path): path for path in files}


def module_name(path: Path) -> str:
    """`core/store/__init__.py` → `core.store`."""
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imported(path: Path) -> frozenset[str]:
    """Every module that a file imports, at the top, for types alone, or inside a function."""
    modules: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            own = names & sources().keys()
            modules |= own | ({node.module} if names - own else set())
    return frozenset(modules)


def circles() -> list[list[str]]:
    """Groups of modules that import each other, directly or not (Tarjan's components)."""
    graph = {name: sorted(imported(path) & sources().keys()) for name, path in sources().items()}
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    components: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in graph[name]:
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            component = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(component) > 1:
                components.append(sorted(component))

    for name in graph:
        if name not in index:
            visit(name)
    return components


def functions() -> Iterator[tuple[Path, Function]]:
    """Every function and method, nested ones too."""
    for path in sources().values():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, Function):
                yield path, node


def imports_inside_functions() -> list[str]:
    """`file:line module` of every import in a function body."""
    found = []
    for path, function in functions():
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = getattr(node, "module", None) or node.names[0].name
                found.append(f"{path.relative_to(PROJECT)}:{node.lineno} {module}")
    return sorted(set(found))


def helpers_called_once() -> tuple[int, int]:
    """How many private top-level functions and methods are used at one place, and of how many."""
    once = total = 0
    for path in sources().values():
        tree = tree_of(path)
        private = [
            node.name
            for node in ast.walk(tree)
            if isinstance(node, Function)
            and node.name.startswith("_")
            and not node.name.startswith("__")
        ]
        uses = Counter(
            node.id if isinstance(node, ast.Name) else node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Name | ast.Attribute)
        )
        total += len(private)
        once += sum(uses[name] == 1 for name in private)
    return once, total


def report() -> str:
    """The numbers as lines of text."""
    lines = [len(path.read_text().splitlines()) for path in sources().values()]
    lengths = [(node.end_lineno or 0) - node.lineno + 1 for _, node in functions()]
    once, total = helpers_called_once()
    numbers = {
        "files": f"{len(lines)}",
        "lines": f"{sum(lines):,}",
        "lines a file": f"median {statistics.median(lines):g}, mean {statistics.mean(lines):.0f}",
        "functions": f"{len(lengths):,}",
        "lines a function": (
            f"median {statistics.median(lengths):g}, mean {statistics.mean(lengths):.1f}, "
            f"longest {max(lengths)}"
        ),
        "private helpers called once": f"{once} of {total} ({100 * once / total:.0f}%)",
        "import circles": f"{len(circles())}",
        "imports inside functions": f"{len(imports_inside_functions())}",
    }
    return "\n".join(f"{name:<28} {value}" for name, value in numbers.items())


if __name__ == "__main__":
    print(report())
    for circle in circles():
        print("circle:", ", ".join(circle))
