"""How sharp the tests are: small faults are put into the sources, one at a time, and counted.

`python -m tests.mutation --count 150 --seed 1` draws places in `core` and `experiments`, writes
one fault at a time into a copy of the project, and runs the tests that mirror the changed file.
A fault is noticed when they fail or run out of time. F-strings stay as they are, because Python
3.11 does not know where their parts stand. `--check` runs the same tests without a fault.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import functools
import json
import os
import queue
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise
from pathlib import Path

from core.stats.estimates import success_estimate
from tests.house import imported

PROJECT = Path(__file__).resolve().parent.parent
PACKAGES = ("core", "experiments")
LEFT_OUT = "experiments/bench/"
NOT_COPIED = (".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "mlruns", "shared")
PYTEST = ("-m", "pytest", "-x", "-q", "-m", "not slow and not browser", "-p", "no:cacheprovider")
NO_TESTS_RAN = 5
"""This is the exit status with which pytest says so."""
ALL_TOGETHER = 5
"""All tests of a place may take this many times as long as one of them."""
OPERATORS = {
    **{"Lt": ("<", "<="), "LtE": ("<=", "<"), "Gt": (">", ">="), "GtE": (">=", ">")},
    **{"Eq": ("==", "!="), "NotEq": ("!=", "=="), "Is": ("is", "is not"), "In": ("in", "not in")},
    **{"IsNot": ("is not", "is"), "NotIn": ("not in", "in"), "And": ("and", "or")},
    **{"Or": ("or", "and"), "Add": ("+", "-"), "Sub": ("-", "+"), "Mult": ("*", "/")},
    **{"Div": ("/", "*"), "FloorDiv": ("//", "/")},
}
"""How each operator is written, and what is written instead."""
EXACT_OPPOSITES = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)
"""To negate such a comparison is to change its operator, so it is not counted twice."""


@dataclass(frozen=True)
class Place:
    """One place in a source file, and what is written there instead; offsets count bytes."""

    path: str
    line: int
    kind: str
    start: int
    end: int
    old: str
    new: str
    shown: str

    def __str__(self) -> str:
        old, new = (" ".join(text.split()) for text in (self.old, self.new))
        return f"{self.path}:{self.line}  {old} -> {new}   | {self.shown}"


@dataclass(frozen=True)
class Result:
    """What the mirrored tests said about the fault at one place."""

    place: Place
    tests: tuple[str, ...]
    outcome: str
    seconds: float

    @property
    def noticed(self) -> bool:
        """A fault is noticed by a test that fails, and by one that never ends."""
        return self.outcome in ("noticed", "timeout")


class Places:
    """The places of one file, in the order of its syntax tree."""

    def __init__(self, path: str, source: bytes) -> None:
        self.path, self.source, self.lines = path, source, source.splitlines(keepends=True)
        self.starts = [0, *accumulate(map(len, self.lines))]
        self.found: list[Place] = []
        for node in counting(ast.parse(source)):
            self.look_at(node)

    def span(self, node: ast.AST) -> tuple[int, int]:
        """The offsets of the node's first byte and of the one behind its last."""
        assert isinstance(node, ast.expr)
        last, end = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
        return self.starts[node.lineno - 1] + node.col_offset, self.starts[last - 1] + end

    def add(self, kind: str, start: int, end: int, new: str) -> None:
        """Note a place."""
        line, old = self.source.count(b"\n", 0, start), self.source[start:end].decode()
        shown = self.lines[line].decode().strip()
        self.found.append(Place(self.path, line + 1, kind, start, end, old, new, shown))

    def operator(self, kind: str, left: ast.AST, operator: ast.AST, right: ast.AST) -> None:
        """Note an operator; besides it there are only brackets and comments between operands."""
        if names := OPERATORS.get(type(operator).__name__):
            start, end = self.span(left)[1], self.span(right)[0]
            gap = re.sub(rb"#[^\n]*", lambda text: b" " * len(text[0]), self.source[start:end])
            pattern = re.escape(names[0]).replace(r"\ ", r"[ \t]+").encode()
            if found := re.search(pattern, gap):
                self.add(kind, start + found.start(), start + found.end(), names[1])

    def condition(self, test: ast.expr) -> None:
        """Note a condition to negate, unless another place has that effect."""
        match test:
            case ast.UnaryOp(op=ast.Not()):
                return
            case ast.Compare(ops=[operator]) if isinstance(operator, EXACT_OPPOSITES):
                return
        start, end = self.span(test)
        self.add("condition", start, end, f"not ({self.source[start:end].decode()})")

    def look_at(self, node: ast.AST) -> None:
        """Note what can be changed in the node itself; its children are looked at later."""
        match node:
            case ast.Compare(left=first, ops=operators, comparators=others):
                lefts = [first, *others[:-1]]
                for left, operator, right in zip(lefts, operators, others, strict=True):
                    self.operator("comparison", left, operator, right)
            case ast.BoolOp(op=operator, values=values):
                for left, right in pairwise(values):
                    self.operator("boolean", left, operator, right)
            case ast.BinOp(left=left, op=operator, right=right) if not joins(node):
                self.operator("arithmetic", left, operator, right)
            case ast.AugAssign(target=left, op=operator, value=right) if not joins(right):
                self.operator("arithmetic", left, operator, right)
            case ast.UnaryOp(op=ast.Not()):
                start = self.span(node)[0]
                if found := re.match(rb"not[ \t]*", self.source[start:]):
                    self.add("not", start, start + found.end(), "")
            case ast.Return(value=ast.Constant(value=bool(value)) as constant):
                self.add("return", *self.span(constant), str(not value))
            case ast.Constant(value=int(value) | float(value)):
                if not isinstance(value, bool) and value + 1 != value:
                    self.add("number", *self.span(node), repr(value + 1))
            case ast.If(test=test) | ast.IfExp(test=test):
                self.condition(test)
            case ast.comprehension(ifs=tests):
                for test in tests:
                    self.condition(test)


def counting(node: ast.AST) -> Iterator[ast.AST]:
    """The node and those inside it, but no annotations, no prose, and nothing that never runs."""
    match node:
        case ast.JoinedStr() | ast.arg() | ast.keyword(arg="title" | "description"):
            return
        case ast.Subscript(value=ast.Name(id="Literal" | "Annotated")):
            return
        case ast.If(test=test) if re.search(r"\b(TYPE_CHECKING|__name__)\b", ast.unparse(test)):
            inside: list[ast.AST] = list(node.orelse)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            inside = [*node.decorator_list, node.args, *node.body]
        case ast.AnnAssign():
            inside = [node.value] if node.value else []
        case _:
            yield node
            inside = list(ast.iter_child_nodes(node))
    for child in inside:
        yield from counting(child)


def joins(node: ast.expr) -> bool:
    """Whether an expression joins texts, lists or paths, where another operator only breaks."""
    match node:
        case ast.BinOp(left=left, right=right):
            return joins(left) or joins(right)
        case ast.JoinedStr() | ast.List() | ast.ListComp() | ast.Tuple():
            return True
    return isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)


def all_places() -> list[Place]:
    """Every place of every source file that counts, in the order of paths."""
    found: list[Place] = []
    for path in sorted(path for name in PACKAGES for path in (PROJECT / name).rglob("*.py")):
        name = path.relative_to(PROJECT).as_posix()
        if not name.startswith(LEFT_OUT):
            found += Places(name, path.read_bytes()).found
    return found


@functools.cache
def mirrored(path: str) -> tuple[str, ...]:
    """The test files of a source file: of its own name, else of one that begins alike, else all
    those of its package, else those that import it."""
    source = Path(path)
    folder = PROJECT / "tests" / source.parent
    beside = {test.stem.removeprefix("test_"): test for test in sorted(folder.glob("test_*.py"))}
    alike = tuple(
        stem for stem in beside if stem.startswith(source.stem) or source.stem.startswith(stem)
    )
    if source.stem in beside:
        found = [beside[source.stem]]
    else:
        found = [beside[stem] for stem in beside if stem.startswith(alike)]
    if not found and len(source.parts) > 2:  # Of `core` itself there would be too many.
        found = list(beside.values()) or sorted(folder.parent.glob(f"test_{folder.name}*.py"))
    if not found:
        module = ".".join(source.with_suffix("").parts).removesuffix(".__init__")
        tests = [test for name in PACKAGES for test in PROJECT.glob(f"tests/{name}/**/test_*.py")]
        found = [test for test in sorted(tests) if module in imported(test)]
    return tuple(test.relative_to(PROJECT).as_posix() for test in found)


def copied_project(folder: Path) -> Path:
    """A copy of the project in that folder, without what was built or measured."""
    shutil.copytree(PROJECT, folder / "project", ignore=shutil.ignore_patterns(*NOT_COPIED))
    for empty in ("project/mlruns", "temporary"):
        (folder / empty).mkdir()
    return folder / "project"


def outcome_of(tree: Path, tests: Sequence[str], timeout: float) -> str:
    """What pytest makes of those tests in a copy of the project."""
    scratch = tree.parent / "temporary"
    shutil.rmtree(tree / ".hypothesis", ignore_errors=True)  # Each fault meets fresh examples.
    each = ("-o", f"faulthandler_timeout={timeout}", "-o", "faulthandler_exit_on_timeout=true")
    process = subprocess.Popen(
        [sys.executable, *PYTEST, *each, f"--basetemp={scratch / 'pytest'}", *tests],
        cwd=tree,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(scratch)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        code = process.wait(ALL_TOGETHER * timeout)
        return {0: "survived", NO_TESTS_RAN: "no mirrored test"}.get(code, "noticed")
    except subprocess.TimeoutExpired:
        return "timeout"
    finally:  # What the tests left behind ends too; it is known by its working folder.
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for link in Path("/proc").glob("[0-9]*/cwd"):
            with contextlib.suppress(OSError):
                if link.readlink().is_relative_to(tree.parent):
                    os.kill(int(link.parent.name), signal.SIGKILL)


def judge(place: Place, trees: queue.Queue[Path], chosen: argparse.Namespace) -> Result:
    """Put the fault into a free copy, run the mirrored tests, and put the file right again."""
    tests, began = mirrored(place.path), time.monotonic()
    if not tests:
        return Result(place, tests, "no mirrored test", 0.0)
    tree = trees.get()
    source = (tree / place.path).read_bytes()
    try:
        if not chosen.check:
            faulty = source[: place.start] + place.new.encode() + source[place.end :]
            (tree / place.path).write_bytes(faulty)
        outcome = outcome_of(tree, tests, chosen.timeout)
    finally:
        (tree / place.path).write_bytes(source)
        trees.put(tree)
    return Result(place, tests, outcome, round(time.monotonic() - began, 1))


def judged(places: Sequence[Place], chosen: argparse.Namespace) -> Iterator[Result]:
    """The result of every place, in their order, as soon as it is there."""
    with tempfile.TemporaryDirectory(prefix="mutation-", ignore_cleanup_errors=True) as name:
        trees: queue.Queue[Path] = queue.Queue()
        for job in range(chosen.jobs):
            (folder := Path(name).resolve() / str(job)).mkdir()
            trees.put(copied_project(folder))
        with ThreadPoolExecutor(chosen.jobs) as pool:
            yield from pool.map(lambda place: judge(place, trees, chosen), places)


def summary(results: Sequence[Result]) -> Iterator[str]:
    """The lines that say how many faults were noticed, and which were not."""
    for package in ("all", *PACKAGES):
        own = [one.noticed for one in results if package in ("all", one.place.path.split("/")[0])]
        share = success_estimate(sum(own), len(own))
        if own:
            interval = f"{share.value:.1f}% (95% interval {share.low:.1f} to {share.high:.1f}%)"
            yield f"{package}: {sum(own)} of {len(own)} noticed, {interval}"
    yield from sorted(f"{one.outcome}: {one.place}" for one in results if not one.noticed)


def main() -> None:
    """Read the options, draw the places and say what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--count", type=int, default=150, help="how many places are drawn")
    parser.add_argument("--seed", type=int, default=1, help="of the draw")
    parser.add_argument("--jobs", type=int, default=1, help="how many faults are tried at once")
    parser.add_argument("--timeout", type=float, default=120, help="in seconds, for each test")
    parser.add_argument("--json", type=Path, help="the file that the results are written to")
    parser.add_argument("--list", action="store_true", help="only name the places and their tests")
    parser.add_argument("--check", action="store_true", help="run the tests without any fault")
    chosen = parser.parse_args()
    every = all_places()
    places = random.Random(chosen.seed).sample(every, min(chosen.count, len(every)))
    if chosen.check:
        places = list({mirrored(place.path): place for place in places}.values())
    if chosen.list:
        for place in places:
            print(place, " ".join(mirrored(place.path)) or "no mirrored test", sep="\n    ")
        print(f"{len(places)} of {len(every)} places")
        return
    results: list[Result] = []
    for result in judged(places, chosen):
        results.append(result)
        what = " ".join(result.tests) if chosen.check else result.place
        said = f"[{len(results)}/{len(places)}] {result.outcome}, {result.seconds} s: {what}"
        print(said, file=sys.stderr, flush=True)
        if chosen.json:
            rows = [asdict(one) for one in results]
            text = json.dumps({"seed": chosen.seed, "results": rows}, indent=1, ensure_ascii=False)
            chosen.json.write_text(f"{text}\n")
    if chosen.check:
        failed = [" ".join(one.tests) for one in results if one.noticed]
        print(f"{len(failed)} of {len(results)} fail without a fault", *failed, sep="\n")
    else:
        print(*summary(results), sep="\n")


if __name__ == "__main__":
    main()
