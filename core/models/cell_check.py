"""Whether a file with a cell keeps what `StepCell` promises, before anything is run with it.

    python -m core.models.cell_check FILE RESULT

runs in a process of its own, which others end when it takes too long, and writes to RESULT the
name and title of the cell, or one sentence on the first thing that is wrong, with its line.

Shapes: T time, B batch, I input, H width, N numbers of one state, S seeds.
"""

from __future__ import annotations

import inspect
import json
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.formatting import listed
from core.models.layer import Equation, Parameters, State, StepCell, watching
from core.models.own_cells import MAX_BYTES, MAX_TITLE, NAME, cells_in, module_of
from core.models.registry import built_in_cells

if TYPE_CHECKING:
    import torch
    from torch import Tensor

STEPS, BATCH, INPUTS, WIDTH = 9, 3, 4, 6
"""Of the networks that are tried. No two sizes are equal, so that none is taken for another."""

SIZES = ((1, 1), (INPUTS, WIDTH), (5, 3), (64, 32))
"""(inputs, width) at which parameters and states are asked for."""

TOLERANCE = 1e-10
"""Two ways to compute the same in float64 differ by no more."""


@dataclass
class Problem(Exception):
    """What is wrong, without the name of the file."""

    what: str
    line: int | None = None


def check(path: Path) -> StepCell:
    """The cell in a file, which has passed every check. Raises `Problem`."""
    cell = _cell_of(path)
    at = partial(_line_of, type(cell))
    with _Blame(path, at("parameters")):
        _check_sizes(cell, at)
    with _Blame(path, at("initial")):
        weights = _check_initial(cell, at)
    with _Blame(path, at("step")):
        _check_step(cell, weights, at)
        _check_over_time(cell, weights, at)
        _check_gradients(cell, weights, at)
    return cell


def _cell_of(path: Path) -> StepCell:
    if path.stat().st_size > MAX_BYTES:
        raise Problem(f"it has {path.stat().st_size:,} bytes; a cell takes at most {MAX_BYTES:,}")
    with _Blame(path, None):
        found = cells_in(module_of(path, path.read_bytes()))
    names = [f"{cell.__name__} (line {_line_of(cell)})" for cell in found]
    if not found:
        raise Problem(
            "it defines no cell; derive one class from StepCell of core.models.layer, with "
            "parameters and step"
        )
    if len(found) > 1:
        raise Problem(f"it defines {len(found)} cells, {listed(names)}; give one in a file")
    (cell,) = found
    if missing := sorted(cell.__abstractmethods__):
        raise Problem(f"{cell.__name__} has no {listed(missing, 'and no')}", _line_of(cell))
    _check_names(cell)
    with _Blame(path, _line_of(cell)):
        made = cell()
    return made


def _check_names(cell: type[StepCell]) -> None:
    for field, allowed in (
        ("name", "lower-case letters, digits and hyphens, at most 30, such as 'leaky-rnn'"),
        ("title", f"what people read, at most {MAX_TITLE} letters, such as 'Leaky RNN'"),
    ):
        text: Any = getattr(cell, field, None)
        right = isinstance(text, str) and 0 < len(text) <= MAX_TITLE
        right = right and text.isprintable() and text.strip() == text
        if not right or (field == "name" and not NAME.fullmatch(text)):
            came = "not given" if text is None else repr(text)[:60]
            raise Problem(f"{field} is {came}; give {allowed}", _line_of(cell))
    if cell.name in built_in_cells() or cell.name.startswith("bi-"):
        taken = "reserved for two directions" if cell.name.startswith("bi-") else "a cell of Unroll"
        raise Problem(f"name is {cell.name!r}, which is {taken}; give another", _line_of(cell))


def _check_sizes(cell: StepCell, at: Callable[[str], int | None]) -> None:
    for inputs, width in SIZES:
        shapes, states = cell.parameters(inputs, width), cell.states(width)
        for what, given in (("parameters", shapes), ("states", states)):
            if not isinstance(given, Mapping) or (not given and what == "states"):
                raise Problem(f"{what} returns {_kind(given)}; give names and sizes", at(what))
        for name, shape in shapes.items():
            whole = isinstance(shape, tuple) and all(_is_size(size) for size in shape)
            if not whole or not str(name).isidentifier():
                raise Problem(
                    f"parameters gives {name!r} the shape {shape!r} at {inputs} inputs and width "
                    f"{width}; give a name and whole numbers of at least 1",
                    at("parameters"),
                )
        for name, size in states.items():
            if not _is_size(size):
                raise Problem(
                    f"states gives {name!r} {size!r} numbers at width {width}; give a whole number "
                    "of at least 1",
                    at("states"),
                )
        if dict(shapes) != dict(cell.parameters(inputs, width)):
            raise Problem("parameters returns other shapes when asked again", at("parameters"))
        if dict(states) != dict(cell.states(width)):
            raise Problem("states returns other sizes when asked again", at("states"))


def _check_initial(cell: StepCell, at: Callable[[str], int | None]) -> Mapping[str, Tensor]:
    import torch

    drawn = [cell.initial(INPUTS, WIDTH, torch.Generator().manual_seed(0)) for _ in range(2)]
    shapes = cell.parameters(INPUTS, WIDTH)
    first, again = drawn
    if set(first) != set(shapes):
        raise Problem(
            f"initial draws {listed(sorted(first)) or 'nothing'}, and parameters declares "
            f"{listed(sorted(shapes)) or 'nothing'}",
            at("initial"),
        )
    for name, shape in shapes.items():
        weight = first[name]
        if not isinstance(weight, torch.Tensor) or tuple(weight.shape) != tuple(shape):
            raise Problem(
                f"initial draws {name} as {_kind(weight)}, and parameters declares {_sizes(shape)}",
                at("initial"),
            )
        if not weight.isfinite().all():
            raise Problem(f"initial draws {name} with NaN or infinity", at("initial"))
        if not weight.equal(again[name]):
            raise Problem(
                f"initial draws another {name} for the same generator; draw from the generator "
                "alone",
                at("initial"),
            )
    return {name: weight.double() for name, weight in first.items()}


def _check_step(
    cell: StepCell, weights: Mapping[str, Tensor], at: Callable[[str], int | None]
) -> None:
    import torch

    generator = torch.Generator().manual_seed(1)
    x = torch.randn(BATCH, INPUTS, dtype=torch.float64, generator=generator)
    sizes = cell.states(WIDTH)
    state = tuple(
        torch.randn(BATCH, size, dtype=torch.float64, generator=generator)
        for size in sizes.values()
    )
    p = cell.prepared(Parameters(weights))
    if not isinstance(p, Parameters):
        raise Problem(f"prepared returns {_kind(p)}; give Parameters", at("prepared"))
    before = [tensor.clone() for tensor in (x, *state, *weights.values())]
    after = cell.step(x, state, p)
    if not isinstance(after, tuple) or len(after) != len(sizes):
        raise Problem(
            f"step returns {_kind(after)}; give a tuple with {listed(list(sizes))}", at("step")
        )
    for (name, size), tensor in zip(sizes.items(), after, strict=True):
        _check_tensor(tensor, (BATCH, size), f"step returns {name} as", at("step"))
    output = cell.output(x, after, p)
    _check_tensor(output, (BATCH, WIDTH), "output returns", at("output") or at("step"))
    if any(not a.equal(b) for a, b in zip(before, (x, *state, *weights.values()), strict=True)):
        raise Problem("step changes what it is given; return new tensors instead", at("step"))
    single = cell.step(x.float(), tuple(s.float() for s in state), _single(cell, weights))
    if any(tensor.dtype != torch.float32 for tensor in single):
        raise Problem(
            "step returns another precision than float32 where it was given that; make what it "
            "adds of the type of its arguments",
            at("step"),
        )
    with watching() as seen:
        again = cell.step(x, state, p)
        cell.output(x, again, p)
    made = {*seen, *(f"{name}'" for name in sizes)}
    if type(cell).output is not StepCell.output:
        made.add("y")
    _check_equations(cell, made)
    if any(not a.equal(b) for a, b in zip(after, again, strict=True)):
        raise Problem(
            "step is not deterministic: the same arguments give another state when it is called "
            "again",
            at("step"),
        )


def _check_equations(cell: StepCell, made: set[str]) -> None:
    """Each line is of something that the step makes, and reads what stands above it."""
    at = _line_of(type(cell))
    equations = cell.equations
    if not isinstance(equations, tuple) or not all(isinstance(e, Equation) for e in equations):
        raise Problem("equations is not a tuple of Equation (core.models.layer)", at)
    known = {"x", *cell.states(WIDTH)}
    for equation in equations:
        if equation.makes not in made:
            raise Problem(
                f"an equation makes {equation.makes!r}, and step makes "
                f"{listed(sorted(made))}; watch it with self.watch({equation.makes!r}, …)",
                at,
            )
        try:
            unknown = [name for name in equation.reads if name not in known]
        except ValueError as error:
            raise Problem(
                f"the equation of {equation.makes} has single braces ({error}); names stand in "
                "{x}, and LaTeX's own braces are doubled",
                at,
            ) from error
        if unknown:
            raise Problem(
                f"the equation of {equation.makes} reads {listed(unknown)}, and above it there is "
                f"{listed(sorted(known))}",
                at,
            )
        known.add(equation.makes)


def _single(cell: StepCell, weights: Mapping[str, Tensor]) -> Parameters:
    """The parameters in float32, as networks are usually trained."""
    return cell.prepared(Parameters({name: weight.float() for name, weight in weights.items()}))


def _check_tensor(tensor: object, shape: tuple[int, ...], what: str, line: int | None) -> None:
    import torch

    if not isinstance(tensor, torch.Tensor) or tuple(tensor.shape) != shape:
        raise Problem(f"{what} {_kind(tensor)}; it must be {_sizes(shape)} here", line)
    if tensor.dtype != torch.float64:
        raise Problem(
            f"{what} {str(tensor.dtype).removeprefix('torch.')} where it was given float64", line
        )
    if not tensor.isfinite().all():
        raise Problem(f"{what} NaN or infinity for usual numbers", line)


def _check_over_time(
    cell: StepCell, weights: Mapping[str, Tensor], at: Callable[[str], int | None]
) -> None:
    """Over a sequence: finite, one sample by itself, seeds side by side, nothing from ahead."""
    import torch

    from core.models.stepping import run_steps

    generator = torch.Generator().manual_seed(2)
    x_TBI = torch.randn(STEPS, BATCH, INPUTS, dtype=torch.float64, generator=generator)
    first = _zeros(cell, BATCH)
    run = partial(run_steps, cell, weights=weights)
    outputs, _ = run(x_TBI, first=first)
    if not outputs.isfinite().all():
        raise Problem(f"the output is NaN or infinite within {STEPS} steps from zero", at("step"))
    alone = [run(x_TBI[:, [b]], first=_zeros(cell, 1))[0] for b in range(BATCH)]
    if _apart(torch.cat(alone, 1), outputs) > TOLERANCE:
        raise Problem(
            "one sample of a batch depends on the others: alone it gives another output",
            at("step"),
        )
    seeds = {name: torch.stack([weight, 0.5 * weight]) for name, weight in weights.items()}
    both, _ = run_steps(
        cell,
        torch.stack([x_TBI, x_TBI]),
        seeds,
        tuple(torch.stack([part, part]) for part in first),
        seeds=True,
    )
    if _apart(both[0], outputs) > TOLERANCE:
        raise Problem(
            "with the seeds side by side (torch.func.vmap) it gives other outputs", at("step")
        )
    repeated, _ = run(x_TBI, first=first)
    if not repeated.equal(outputs):
        raise Problem(
            "a second sequence gives other outputs than the first: something is kept between calls",
            at("step"),
        )
    if not cell.has_scan:
        return
    scanned, _ = run(x_TBI, first=first, scan=True)
    _check_tensor(scanned, tuple(outputs.shape), "scan returns", at("scan"))
    later = x_TBI.clone()
    later[STEPS // 2 :] += 1.0
    ahead, _ = run(later, first=first, scan=True)
    if _apart(ahead[: STEPS // 2], scanned[: STEPS // 2]) > TOLERANCE:
        raise Problem("scan looks ahead: an earlier output changes with a later input", at("scan"))
    if _apart(scanned, outputs) > 1e-8:
        apart = _apart(scanned, outputs)
        raise Problem(f"scan and step differ by up to {apart:.2g} in float64", at("scan"))


def _check_gradients(
    cell: StepCell, weights: Mapping[str, Tensor], at: Callable[[str], int | None]
) -> None:
    import torch

    generator = torch.Generator().manual_seed(3)
    names = list(weights)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    x = normal(2, INPUTS).requires_grad_()
    state = [normal(2, size).requires_grad_() for size in cell.states(WIDTH).values()]
    given = [weights[name].clone().requires_grad_() for name in names]

    def stepped(*tensors: Tensor) -> State:
        x, *rest = tensors
        p = cell.prepared(Parameters(zip(names, rest[len(state) :], strict=True)))
        after = cell.step(x, tuple(rest[: len(state)]), p)
        return (*after, cell.output(x, after, p))

    if not any(part.requires_grad for part in stepped(x, *state, *given)):
        raise Problem(
            "step has no gradient: nothing that it returns depends on what it is given "
            "in a way that autograd can follow",
            at("step"),
        )
    try:
        right = torch.autograd.gradcheck(stepped, (x, *state, *given), raise_exception=False)
    except Exception as error:
        raise Problem(
            f"the gradient of step cannot be computed ({_first_line(error)})", at("step")
        ) from error
    if not right:
        raise Problem(
            "the gradient of step is not that of what it computes (torch.autograd.gradcheck); "
            "look for .detach(), .data, rounding or a gradient of your own",
            at("step"),
        )


def _zeros(cell: StepCell, batch: int) -> State:
    import torch

    sizes = cell.states(WIDTH).values()
    return tuple(torch.zeros(batch, size, dtype=torch.float64) for size in sizes)


def _apart(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max()) if one.shape == other.shape else float("inf")


def _is_size(size: object) -> bool:
    return isinstance(size, int) and not isinstance(size, bool) and size >= 1


def _sizes(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) if shape else "one number"


def _kind(value: Any) -> str:
    """A value as a message names it: a tensor by its shape, anything else by its type."""
    import torch

    if isinstance(value, torch.Tensor):
        return _sizes(tuple(value.shape))
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    return "nothing" if value is None else f"a {type(value).__name__}"


def _line_of(cell: type[StepCell], method: str = "") -> int | None:
    """The line of a class or of a method that it defines itself."""
    found = vars(cell).get(method) if method else cell
    try:
        return inspect.getsourcelines(found)[1] if found is not None else None
    except (OSError, TypeError):
        return None


class _Blame:
    """Turns what a file raises into a `Problem` at the line of that file that raised it."""

    def __init__(self, path: Path, line: int | None) -> None:
        self.path, self.line = path, line

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, Problem | KeyboardInterrupt):
            return
        lines = list(_lines_in(self.path, error))
        if isinstance(error, SyntaxError) and error.filename == str(self.path):
            lines = [error.lineno or 0]
        name = type(error).__name__
        raise Problem(f"{name}: {_first_line(error)}", lines[-1] if lines else self.line) from error


def _lines_in(path: Path, error: BaseException) -> Iterator[int]:
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == str(path) and frame.lineno:
            yield frame.lineno


def _first_line(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return (text.strip() or "without a message").splitlines()[0][:200]


def main(path: str, result: str) -> None:
    """Check a file and write what came out."""
    import torch

    torch.set_num_threads(1)
    try:
        cell = check(Path(path))
        found: dict[str, object] = {"name": cell.name, "title": cell.title}
    except Problem as problem:
        found = {"problem": problem.what, "line": problem.line}
    Path(result).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
