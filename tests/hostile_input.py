"""Input as somebody would send it who means harm, or whose program is broken: seeded, so that what
fails can be made again.

    python -m tests.hostile_input --count 10000 --seed 7        # what is not answered as it should
"""

from __future__ import annotations

import argparse
import gzip
import math
import random
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from core.experiment import Experiment
from core.experiments import all_experiments
from core.models.registry import variants
from core.settings import BadSetting, Setting, parse_values
from core.tasks.parallel_text import tsv_sides
from core.tasks.uploads import safe_name
from experiments.scoring import decoded

MAX_SENTENCE = 400
"""Characters of a refusal."""

MAX_SECONDS = 5.0
"""For one input, on a machine that has other things to do."""

TEXTS = (
    "", " ", "\t", "none", "null", "nan", "inf", "-inf", "1e999", "1e-999", "0x10", "1_000", "١٢٣",
    "½", "1,2,3", "0:1e9:1e-9", "1:2:3:4", "::", "0:999", "-5:5:0.01", "true", "TRUE", "yes", "ⅷ",
    "\0", "a\0b", "\n", "a\r\nb", "\x1b[31mred", "\u202egnp.exe", "\u2028", "\ud800", "x\udcff",
    "\U000e0001" * 200, "😀" * 300, "ა" * 5000, "ﷺ" * 900, "Z͑ͫ̓ͪ̂ͫ̽" * 100, "%s%s%n", "{0.__class__}",
    "'; DROP TABLE runs; --", "1 OR 1=1", "' UNION SELECT password FROM users --", "\\'; --",
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))",
    "$(touch /tmp/hostile)", "`id`", "; rm -rf /", "| cat /etc/passwd", "=cmd|' /C calc'!A0",
    "{{7*7}}", "${jndi:ldap://example.org/a}", "__import__('os').system('id')", "!!python/object:x",
    "/etc/passwd", "../../../../etc/passwd", "/dev/zero", "/dev/stdin", "/proc/self/environ",
    "~root",
    "file:///etc/passwd", "http://169.254.169.254/", "\\\\host\\share", "C:\\Windows", "." * 300,
    "/" * 5000, "a/" * 3000, "9" * 5000, "-" + "9" * 5000, "0." + "3" * 5000, "1e" + "9" * 400,
    "1," * 9000, "0:999," * 4000, "k" * 100_000, "1.5 M", "99999999999999999999b", ".1k", "1e99b",
)  # fmt: skip
"""Each was a fault in some program."""

NUMBERS = (
    0, 1, -1, 2, 3, 7, 64, 255, 2**31 - 1, 2**31, -(2**31), 2**53 + 1, 2**63, -(2**63) - 1, 2**64,
    10**30, 10**5000, -(10**5000), 0.0, -0.0, 0.1, 1.5, -2.5, 1e-320, 1e18, 1e308, -1e308, 5e-324,
    math.nan, math.inf, -math.inf,
)  # fmt: skip


class Hostile(NamedTuple):
    """Settings of an experiment."""

    experiment: Experiment
    variant: str
    settings: dict[str, Any]


class Upload(NamedTuple):
    """A file that is sent."""

    name: str
    content: bytes


def configs(count: int, seed: int) -> Iterator[Hostile]:
    """Settings of every experiment: each a few that it has, sometimes one that it has not, with
    values of any type, among them ones that are allowed."""
    chance = random.Random(f"configs {seed}")
    for _ in range(count):
        experiment = chance.choice(all_experiments())
        known = {setting.name: setting for setting in experiment.settings}
        names = chance.sample(list(known), chance.choice((1, 1, 2, 3, 6)))
        settings = {name: value(chance, known[name]) for name in names}
        if chance.random() < 0.1:
            settings[chance.choice(TEXTS)] = value(chance)
        some = chance.choice(list(variants()))
        yield Hostile(
            experiment, some if chance.random() < 0.95 else chance.choice(TEXTS), settings
        )


def value(chance: random.Random, setting: Setting | None = None) -> Any:
    """A value of any type; every third one of the setting's own, at or near its bounds."""
    if setting is not None and chance.random() < 0.35:
        return chance.choice(_near(setting))
    kind = chance.randrange(8)
    if kind < 3:
        return chance.choice(TEXTS)
    if kind < 5:
        return chance.choice(NUMBERS)
    if kind == 5:
        return chance.choice(
            (True, False, None, b"\xff\0", 1 + 2j, Decimal("sNaN"), object, range(9))
        )
    if kind == 6:
        letters = (32, 127, 0x300, 0x2066, 0x10FFFF)
        length = chance.choice((1, 10, 100, 2000))
        return "".join(chr(chance.choice(letters) - chance.randrange(9)) for _ in range(length))
    return _nested(chance)


def _near(setting: Setting) -> list[Any]:
    """Values that are allowed or hardly not."""
    if setting.choices:
        return [*setting.choices, f"{setting.choices[0]} ", setting.choices[-1].upper(), ""]
    if bool in setting.types:
        return [True, False, "true", "0", 2]
    if str in setting.types:
        return ["x", "", "pairs.tsv", "ü" * 1000, "a" * 1001]
    ends = [end for end in (setting.minimum, setting.maximum) if end is not None]
    if float not in setting.types:
        ends = [int(end) for end in ends]
    near = [end + step for end in ends for step in (-1, 0, 1)]
    return [*near, *map(str, near), setting.default, 1, "2", 0.5]


def _nested(chance: random.Random) -> Any:
    """Lists and tables, empty, wide, deep, or holding themselves."""
    wide: Any = [0] * chance.choice((0, 1, 10_000))
    deep: Any = []
    for _ in range(chance.choice((1, 50, 5000))):
        deep = [deep] if chance.random() < 0.5 else {"a": deep}
    itself: list[Any] = []
    itself.append(itself)
    table = {"cell": "lstm", "__class__": "x", chance.choice(TEXTS): chance.choice(NUMBERS)}
    return chance.choice((wide, deep, itself, table, {1, 2}, (None,), {(1, 2): 3}))


NAMES = (
    "pairs.tsv", "a.gz", "A.GZ", "", ".", "..", "../../../../etc/passwd", "/etc/cron.d/x",
    "..\\..\\x", "con.tsv", "a\0b.tsv", "\n", "x\ud800.tsv", "\u202evst.exe", "<b>.tsv",
    "'; DROP TABLE runs; --", ".htaccess", ".lock", "-rf", "a" * 5000 + ".tsv", "ﷺ" * 400,
    "%2e%2e%2f", "~root/.ssh/keys",
    "text.tsv." + "x" * 500, "größe.tsv", "日本語.tsv", "a/b/c.tsv", "C:\\x.tsv",
    "$(id).tsv", "a.tsv ",
)  # fmt: skip


def uploads(count: int, seed: int) -> Iterator[Upload]:
    """Files of any name whose content is text, nearly text, packed text, or none at all."""
    chance = random.Random(f"uploads {seed}")
    for _ in range(count):
        content = chance.choice(CONTENTS)(chance)
        if chance.random() < 0.15:
            content = gzip.compress(content, 1, mtime=0)
            content = content[: chance.choice((len(content), len(content), len(content) // 2))]
        yield Upload(chance.choice(NAMES), content)


def _good(chance: random.Random) -> bytes:
    lines = (
        f"source {n} {chance.random()}\ttarget {n}" for n in range(chance.choice((1, 30, 500)))
    )
    return "\n".join(lines).encode()


def _spoilt(chance: random.Random) -> bytes:
    """Good text with a few bytes that are not."""
    content = bytearray(_good(chance))
    for _ in range(chance.choice((1, 3, 20))):
        content[chance.randrange(len(content))] = chance.choice(
            (0, 9, 10, 13, 0x80, 0xFF, 0xED, 0xC0)
        )
    return bytes(content)


CONTENTS: tuple[Callable[[random.Random], bytes], ...] = (
    _good,
    _spoilt,
    _spoilt,
    lambda chance: chance.randbytes(chance.choice((0, 1, 100, 10_000))),
    lambda chance: chance.choice(TEXTS).encode(errors="surrogatepass"),
    lambda chance: (
        f"{chance.choice(TEXTS)}\t{chance.choice(TEXTS)}\n".encode(errors="replace") * 30
    ),
    lambda chance: b"a" * chance.choice((20_000, 20_001, 2_000_000)),
    lambda chance: b"\n" * chance.choice((1, 1000, 1_500_000)),
    lambda chance: b"a\tb\n" * chance.choice((1, 300_000)),
    lambda chance: b"\t" * chance.choice((1, 2, 15_000)),
    lambda chance: _good(chance).decode().encode(chance.choice(("utf-16", "utf-32", "utf-8-sig"))),
    lambda chance: b"\x1f\x8b\x08\0" + chance.randbytes(60),
    lambda chance: b"PK\x03\x04" + chance.randbytes(60),
    lambda chance: gzip.compress(bytes(20_000_000), mtime=0) * chance.choice((1, 4)),
    lambda chance: gzip.compress(b"", mtime=0) * chance.choice((2000, 20_000)),
)


def faults(action: Callable[[], object], *names: str) -> list[str]:
    """What is wrong with how an input is answered: it must be taken, or refused with a `BadSetting`
    of one line and at most 400 characters that names the field, and soon."""
    started = time.monotonic()
    found = []
    try:
        action()
    except BadSetting as refusal:
        sentence = str(refusal)
        if len(sentence) > MAX_SENTENCE or len(sentence.splitlines()) != 1:
            found.append(f"{len(sentence)} characters, {len(sentence.splitlines())} lines")
        if not sentence.isprintable():
            found.append("what cannot be printed")
        if not any(name and name in sentence for name in names):
            found.append("no field")
        found = [f"{fault}: {sentence!r}" for fault in found]
    except Exception as error:  # noqa: BLE001 - that none comes is what is asked
        found.append(f"{type(error).__name__}: {str(error)[:200]!r}")
    if (seconds := time.monotonic() - started) > MAX_SECONDS:
        found.append(f"{seconds:.0f} seconds")
    return found


def config_faults(count: int, seed: int) -> Iterator[str]:
    """Every fault of `count` configs, in words, through each way by which settings come in."""
    for index, (experiment, variant, settings) in enumerate(configs(count, seed)):
        config = experiment.config
        known = {setting.name: setting for setting in experiment.settings}
        repeats = experiment.replicate.name if experiment.replicate else ""
        own = {name: given for name, given in settings.items() if name != repeats or not repeats}
        # Whoever reads it must find what was given; a name that is none is quoted in part.
        names = [*(name for name in settings if name in known), "variants"]
        names += ["no such setting"] if settings.keys() - known else []

        def as_recorded() -> None:
            made = config.from_flat(own)  # noqa: B023 - called at once
            if config.from_flat(made.flat()) != made:  # noqa: B023
                raise AssertionError("read back, it is another config")

        def as_launched() -> None:
            experiment.configs([variant], {n: [v] for n, v in settings.items()})  # noqa: B023

        def as_typed() -> None:
            lists = {
                name: parse_values(known[name], text)  # noqa: B023
                for name, text in settings.items()  # noqa: B023
                if name in known and isinstance(text, str)  # noqa: B023
            }
            experiment.configs(["rnn", "lstm"], lists)  # noqa: B023

        for way in (as_recorded, as_launched, as_typed):
            for fault in faults(way, *names):
                yield f"config {index} of seed {seed}, {experiment.name}, {way.__name__}: {fault}"


def upload_faults(
    count: int, seed: int, keep: Callable[[str, bytes], object] | None = None
) -> Iterator[str]:
    """Every fault of `count` uploads, in words: as texts to score, to train on, and to `keep`."""
    for index, (name, content) in enumerate(uploads(count, seed)):
        ways: dict[str, Callable[[], object]] = {
            "hypotheses": lambda: decoded("hypotheses", name, content),  # noqa: B023
            "references": lambda: decoded("references", name, content),  # noqa: B023
            "file": lambda: tsv_sides("file", name, content),  # noqa: B023
        }
        if keep is not None:
            ways["file, kept"] = lambda: keep(name, content)  # noqa: B023
        for way, action in ways.items():
            for fault in faults(action, way.split(",")[0]):
                yield f"upload {index} of seed {seed}, {way}: {fault}"
        if not set(safe_name(name)) - {"."} or "/" in safe_name(name):
            yield f"upload {index} of seed {seed}: kept as {safe_name(name)!r}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    for line in (*config_faults(asked.count, asked.seed), *upload_faults(asked.count, asked.seed)):
        print(line)
