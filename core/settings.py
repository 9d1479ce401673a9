"""Validated, immutable settings; a bad value becomes an error message here and nowhere else.

Command-line flags, launch forms, MLflow params and error messages are all derived from the
`Setting`s that `settings_of` reads off a `Settings` class.
"""

from __future__ import annotations

import difflib
import functools
import json
import math
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, Self, Union, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

Value = bool | int | float | str | None
Role = Literal["identity", "replicate", "machine", "limit"]
"""What a setting decides: what is measured (identity), a repetition of the same measurement (seed,
seeds, repetitions), where and how it is computed (device, threads), or what it may take (limit),
on which no number depends. Runs that differ only in the last three repeat one measurement: groups,
labels and the matching of runs follow from that."""


MAX_BITS = 1000
"""Of a number that a message writes out."""

MAX_DIGITS = 30
"""Of an amount: more than anything that could be meant."""

MAX_TEXT = 1000
"""Letters of a setting: more than a path has, and few enough for a database's column."""

MAX_LIST = 20_000
"""Letters of a list of values."""

MAX_SHOWN = 80
"""Letters of a value in a message."""

MAX_NAMES = 120
"""Letters of the names of settings in a message."""


class BadSetting(ValueError):
    """A setting that cannot be used. One line names the field, the value and what is allowed."""


class Settings(BaseModel):
    """Base class of everything that is configured: frozen, and unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def flat(self) -> dict[str, Value]:
        """Name → value of every setting; nested settings are lifted to the top."""
        flat: dict[str, Value] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            flat.update(value.flat() if isinstance(value, Settings) else {name: value})
        return flat

    @classmethod
    def from_flat(cls, values: Mapping[str, Any]) -> Self:
        """Build from flat settings; raise `BadSetting` with one line for the first bad value."""
        known = {setting.name: setting for setting in settings_of(cls)}
        for name, value in values.items():
            if name not in known:
                raise BadSetting(_no_such_setting(name, value, list(known)))
            if isinstance(value, bool) and bool not in known[name].types:
                raise BadSetting(f"{name} is {shown(value)}; give {known[name].allowed}")
            if isinstance(value, str) and not _is_recordable(value):
                raise BadSetting(f"{name} is {shown(value)}; give text without such characters")
            if isinstance(value, str) and len(value) > MAX_TEXT:
                raise BadSetting(
                    f"{name} is {shown(value)}, which has {len(value):,} characters; give at most "
                    f"{MAX_TEXT:,}"
                )
        nested: dict[str, Any] = {}
        for name, value in values.items():
            place = nested
            for part in known[name].path[:-1]:
                place = place.setdefault(part, {})
            place[name] = value
        try:
            return cls.model_validate(nested)
        except ValidationError as error:
            raise BadSetting(_sentence(error, known)) from None


@dataclass(frozen=True)
class Setting:
    """One setting, with all that a form, a flag or a message needs."""

    name: str
    title: str
    description: str
    default: Value
    types: tuple[type, ...]
    choices: tuple[str, ...]
    minimum: float | None
    maximum: float | None
    optional: bool
    cells: tuple[str, ...]
    """The cells that have this setting; empty: all of them."""
    path: tuple[str, ...]
    role: Role = "identity"
    noun: str = ""
    """A noun for choices that say little alone: `dot attention`. Such a choice is part of a run's
    name if it is not the default."""
    reads: Literal["", "file", "text", "folder"] = ""
    """What the value names, if it is a file or folder that a run reads (`core.files`): a file of
    source, tab, target, or one that may be any text."""
    derived: bool = False
    """Whether it follows from others when a run is asked for, and nobody gives it."""

    @property
    def of_architecture(self) -> bool:
        return self.path[0] == "architecture"

    def belongs_to(self, cell: str) -> bool:
        """Whether networks of that cell have this setting."""
        return not self.cells or cell in self.cells

    def kind(self, value: Value) -> str:
        """`dot attention`, `no attention`: a choice with its noun."""
        return f"{'no' if value == 'none' else value} {self.noun}"

    def has_type_of(self, value: object) -> bool:
        """Whether the value is of the setting's kind, in whatever range: an older version of Unroll
        may have allowed more."""
        if value is None:
            return self.optional
        if self.choices:
            return isinstance(value, str)
        if isinstance(value, bool):
            return bool in self.types
        if isinstance(value, float):
            return float in self.types and math.isfinite(value)
        kinds = (*self.types, int) if float in self.types else self.types
        return isinstance(value, kinds)

    @property
    def allowed(self) -> str:
        """What a person may give, in words: `a whole number from 1 to 4,096`."""
        if self.choices:
            allowed = " or ".join(filter(None, [", ".join(self.choices[:-1]), self.choices[-1]]))
        elif bool in self.types:
            allowed = "true or false"
        elif float in self.types or int in self.types:
            allowed = "a number" if float in self.types else "a whole number"
            if self.minimum is not None and self.maximum is not None:
                allowed += f" from {_in_words(self.minimum)} to {_in_words(self.maximum)}"
            elif self.minimum is not None:
                allowed += f" of at least {_in_words(self.minimum)}"
        else:
            allowed = "text"
        return allowed + (", or leave it out" if self.optional else "")


@functools.cache
def settings_of(cls: type[Settings], path: tuple[str, ...] = ()) -> tuple[Setting, ...]:
    """Every setting of a `Settings` class, nested ones lifted, in the order declared."""
    return tuple(_walk(cls, path))


def _walk(cls: type[Settings], path: tuple[str, ...]) -> Iterator[Setting]:
    for name, field in cls.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            default = field.get_default(call_default_factory=True)
            for setting in _walk(field.annotation, (*path, name)):
                value = getattr(default, setting.name, setting.default)
                yield Setting(**{**setting.__dict__, "default": value})
        else:
            yield _setting(name, field, (*path, name))


def _setting(name: str, field: FieldInfo, path: tuple[str, ...]) -> Setting:
    annotation = field.annotation
    members: tuple[Any, ...] = (annotation,)
    if get_origin(annotation) in (Union, types.UnionType):
        members = get_args(annotation)
    choices = next((get_args(m) for m in members if get_origin(m) is Literal), ())
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    cells, listed = extra.get("cells", ()), extra.get("choices", ())
    choices = choices or (tuple(listed) if isinstance(listed, list) else ())
    return Setting(
        name=name,
        title=field.title or name.replace("_", " ").capitalize(),
        description=field.description or "",
        default=field.get_default(call_default_factory=True),
        types=tuple(m for m in members if isinstance(m, type) and m is not types.NoneType),
        choices=tuple(str(choice) for choice in choices),
        minimum=_bound(field, "ge"),
        maximum=_bound(field, "le"),
        optional=types.NoneType in members,
        cells=tuple(str(cell) for cell in cells) if isinstance(cells, list) else (),
        path=path,
        role=cast(Role, extra.get("role", "identity")),
        noun=str(extra.get("noun", "")),
        reads=cast(Literal["", "file", "text", "folder"], extra.get("reads", "")),
        derived=bool(extra.get("derived")),
    )


def _is_recordable(text: str) -> bool:
    """Whether a database takes the text: it may have no zero bytes and no half characters."""
    return "\0" not in text and text.encode(errors="replace").decode() == text


def _in_words(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:g}"


def _bound(field: FieldInfo, kind: Literal["ge", "le"]) -> float | None:
    return next((getattr(m, kind) for m in field.metadata if hasattr(m, kind)), None)


def _sentence(error: ValidationError, known: Mapping[str, Setting]) -> str:
    first = error.errors()[0]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    name = next(str(part) for part in reversed(first["loc"]) if part in known)
    return f"{name} is {shown(first['input'])}; give {known[name].allowed}"


def shown(value: object) -> str:
    """A value as a message quotes it: shortened, in one line."""
    if isinstance(value, int) and value.bit_length() > MAX_BITS:  # Python refuses to print it
        return f"a number of about {int(value.bit_length() * math.log10(2)):,} digits"
    if isinstance(value, str):
        text = repr(value[:MAX_SHOWN])
    elif value is None or isinstance(value, bool | int | float):
        text = json.dumps(value)
    else:  # however large or deep, or even holding itself
        return f"a {type(value).__name__}"
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "…"


def _no_such_setting(name: str, value: object, known: list[str]) -> str:
    """A sentence on a setting that does not exist, with the names that are most like it."""
    close = difflib.get_close_matches(name[:MAX_SHOWN], known, n=5, cutoff=0.4)
    names = ", ".join(close or known)
    if len(names) > MAX_NAMES:
        names = names[:MAX_NAMES].rpartition(",")[0] + " and others"
    return (
        f"{name if name.isidentifier() and len(name) <= MAX_SHOWN else shown(name)} is "
        f"{shown(value)}, but there is no such setting; "
        f"{'the closest are' if close else 'the settings are'} {names}"
    )


MAX_VALUES = 1000
"""The most values of a range, and of all ranges of a list."""


def parse_values(setting: Setting, text: str) -> list[str | None]:
    """The values that a list means: `0, 1, none` → 0, 1 and left out; `0:3:0.5` → 0, 0.5, … 3.

    A range is start:end or start:end:step and includes its end. The values themselves are checked
    where a config is built from them. Raises `BadSetting` for an empty list and for a bad range.
    """
    if len(text) > MAX_LIST:
        raise BadSetting(
            f"{setting.name} is {shown(text)}, which has {len(text):,} characters; give at most "
            f"{MAX_LIST:,}"
        )
    values: dict[str | None, None] = {}
    in_ranges = 0
    for part in filter(None, map(str.strip, text.split(","))):
        if setting.optional and part.lower() == "none":
            values[None] = None
        elif ":" in part and {int, float} & {*setting.types}:
            ranged = _range(setting, part)
            in_ranges += len(ranged)
            if in_ranges > MAX_VALUES:
                raise BadSetting(
                    f"{setting.name} is {shown(text)}, whose ranges have more than {MAX_VALUES:,} "
                    "values together; give fewer"
                )
            values |= dict.fromkeys(ranged)
        else:
            values[part] = None
    if not values and str not in setting.types:
        raise BadSetting(f"{setting.name} is {shown(text)}; give {setting.allowed}")
    return list(values) or [""]


def _range(setting: Setting, text: str) -> list[str]:
    """`0:1:0.5` → 0, 0.5, 1. Not as floats: 0.1 + 0.2 would not be 0.3."""
    try:
        start, end, *more = (_decimal(setting, part) for part in text.split(":"))
        (step,) = more or [Decimal(1)]
        steps = (end - start) / step
        if not (step > 0 and 0 <= steps < MAX_VALUES):
            raise ValueError
    except (ValueError, ArithmeticError):
        raise BadSetting(
            f"{setting.name} is {shown(text)}; give {setting.allowed}, several separated by "
            f"commas, or a range start:end:step of at most {MAX_VALUES:,} values, such as 1:4 or "
            "1:2:0.5"
        ) from None
    return [f"{float(start + step * i):.12g}" for i in range(int(steps) + 1)]


def _decimal(setting: Setting, text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal(parse_amount(text, setting.name))


AMOUNT_POWERS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}

AMOUNT_PATTERN = re.compile(
    r"(?P<number>\d{1,3}(,\d{3})+|\d+(\.\d*)?(e\+?\d{1,2})?|\.\d+)\s*(?P<power>[kmgb]?)",
    re.IGNORECASE | re.ASCII,
)


def parse_amount(text: str, name: str) -> int:
    """The whole number that a text means: `1.5 M` → 1,500,000.

    Raises `BadSetting` with one line that names the field for anything else, fractions and
    numbers below 1 included.
    """
    match = AMOUNT_PATTERN.fullmatch(text.strip()) if len(text) <= MAX_DIGITS else None
    amount = Decimal(0)
    if match:  # not as a float: 4146.203k is a whole number
        amount = Decimal(match["number"].replace(",", "")) * AMOUNT_POWERS[match["power"].lower()]
    if amount < 1 or amount != round(amount):
        raise BadSetting(f"{name} is {shown(text)}; give an amount such as 100000, 100k or 1.5 M")
    return round(amount)
