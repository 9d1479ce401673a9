"""Runs to be bundled, and bundles that somebody has damaged or made up."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import random
import stat
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

from core.store.bundle import MANIFEST, seal, sealed
from core.store.recorder import Recorder
from core.store.records import TAG_SWEEP_NAME
from core.store.tracking import Store
from tests.toy import TOY, ToyConfig

Members = dict[str, bytes]

WRONG: tuple[Any, ...] = ([[]], {"a": [{}]}, [None, {}])
"""What is nowhere right."""

MACHINE = {"device": "cpu", "chip": "Made-up chip", "host": "lab-7.example.org", "torch": "2.13.0"}


def finished(store: Store, seed: int = 0, **machine: str) -> str:
    """A finished run of the toy experiment, with a star, a comment, a log and a model."""
    config = ToyConfig(seed=seed)
    run_id = store.create(TOY, config, sweep="squares", tags={TAG_SWEEP_NAME: "Squares, all"})
    owner = {"host": "lab-7", "pid": 1, "created": "then", "started": 1e9}
    store.take(run_id, owner, {**MACHINE, **machine})
    recorder = Recorder(store, run_id, TOY)
    recorder.log("it runs")
    for event in TOY.measure(config):
        recorder.take(event)
    recorder.close()
    model = store.folder / "weights.pt"
    model.write_bytes(b"\x80weights")
    store.upload(run_id, model, "model")
    store.set_tags(run_id, {"unroll.starred": "ana", "unroll.comment": "odd", "paper": "figure 2"})
    store.set_note(run_id, "4 squares.")
    store.end(run_id, "FINISHED")
    return run_id


def members_of(content: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def listed(members: Members) -> bytes:
    """A bundle of these members, whose manifest has the right hash of each."""
    manifest = json.loads(members[MANIFEST])
    manifest["members"] = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in members.items()
        if name != MANIFEST
    }
    return sealed({**members, MANIFEST: json.dumps(manifest).encode()})


def damaged(content: bytes, number: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """So many bundles that are not right any more, each with what was done to it."""
    chance = random.Random(seed)
    for count in range(number):
        kind = KINDS[count % len(KINDS)]
        yield f"{kind.__name__} {count}", kind(content, chance)


def flipped(content: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(content))
    changed = bytes([content[place] ^ (1 << chance.randrange(8))])
    return content[:place] + changed + content[place + 1 :]


def cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def cut_and_sealed(content: bytes, chance: random.Random) -> bytes:
    return seal(content[: chance.randrange(100, len(content) - 1)])


def lengthened(content: bytes, chance: random.Random) -> bytes:
    added = chance.randbytes(chance.randrange(1, 200))
    return chance.choice((content + added, added + content, seal(content + added)))


def swapped(content: bytes, chance: random.Random) -> bytes:
    """Two members change their contents."""
    members = members_of(content)
    one, two = chance.sample(sorted(members), 2)
    members[one], members[two] = members[two], members[one]
    return sealed(members)


def swapped_and_listed(content: bytes, chance: random.Random) -> bytes:
    """Likewise, and the hashes are right: tables of other columns, results of another run."""
    members = members_of(content)
    tables = sorted(name for name in members if name.endswith(".csv"))
    one = chance.choice(tables)
    two = chance.choice([name for name in tables if members[name] != members[one]])
    members[one], members[two] = members[two], members[one]
    return listed(members)


def dropped(content: bytes, chance: random.Random) -> bytes:
    members = members_of(content)
    del members[chance.choice(sorted(members))]
    return sealed(members)


def dropped_and_listed(content: bytes, chance: random.Random) -> bytes:
    members = members_of(content)
    del members[chance.choice(sorted(set(members) - {MANIFEST}))]
    return listed(members)


def mistyped(content: bytes, chance: random.Random) -> bytes:
    """A value of the manifest or of a run is of a type that it cannot have."""
    members = members_of(content)
    name = chance.choice(sorted(name for name in members if name.endswith("run.json")))
    if in_manifest := chance.random() < 0.3:
        name = MANIFEST
    found = json.loads(members[name])
    holder, key = chance.choice(list(_places(found)))
    holder[key] = (
        chance.choice(WRONG) if chance.random() < 0.8 else chance.choice((b"", 1 == 2, 7.5))
    )
    if isinstance(holder[key], (bytes, bool, float)):
        holder[key] = copy.deepcopy(WRONG[0])
    members[name] = json.dumps(found).encode()
    return sealed(members) if in_manifest else listed(members)


def _places(found: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a value in JSON."""
    pairs = found.items() if isinstance(found, dict) else enumerate(found)
    for key, value in list(pairs):
        yield found, key
        if isinstance(value, dict | list):
            yield from _places(value)


def no_number(content: bytes, chance: random.Random) -> bytes:
    """A metric that is not finite, or an amount that no computer holds."""
    members = members_of(content)
    name = chance.choice(sorted(name for name in members if name.endswith("run.json")))
    found = json.loads(members[name])
    field = chance.randrange(1, 4)  # value, milliseconds, step
    chance.choice(found["metrics"])[field] = "HERE"
    number = chance.choice(("NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "-1e400", '"1"'))
    members[name] = json.dumps(found).replace('"HERE"', number).encode()
    return listed(members)


def no_json(content: bytes, chance: random.Random) -> bytes:
    members = members_of(content)
    name = chance.choice(sorted(name for name in members if name.endswith(".json")))
    text = members[name]
    place = chance.randrange(1, len(text) - 1)
    members[name] = chance.choice(
        (
            text[:place],
            b"[" * 100_000,
            text.replace(b"{", b'{"format": 1, "format": 1, ', 1),
            b"\xff\xfe" + text,
            text + text,
            b"",
            b"null",
        )
    )
    return sealed(members) if name == MANIFEST else listed(members)


def no_table(content: bytes, chance: random.Random) -> bytes:
    """A table with text for numbers, ragged rows, too many columns, or another heading."""
    members = members_of(content)
    name = chance.choice(sorted(name for name in members if name.endswith("summary.csv")))
    heading, _, rows = members[name].decode().partition("\n")
    names = heading.split(",")
    members[name] = chance.choice(
        (
            f"{heading}\n{','.join(['x'] * len(names))}\n".encode(),
            f"{heading}\n{rows.rstrip()},1,2\n".encode(),
            (",".join(f"c{i}" for i in range(5000)) + "\n").encode(),
            (",".join([names[0]] * len(names)) + "\n" + rows).encode(),
            f"{heading}\n".encode(),
            b"\x00\xff\x01" * 100,
            b'"' + members[name],
            b"hello world\n",
            f"{heading}\n".encode() + b",".join([b"1e9"] * len(names)) + b"\n",
        )
    )
    return listed(members)


def renamed(content: bytes, chance: random.Random) -> bytes:
    """A file under a name that leads elsewhere, and its run says so, too."""
    members = members_of(content)
    place = chance.choice(sorted(name for name in members if name.endswith("run.json")))
    found, under = json.loads(members[place]), place.removesuffix("run.json") + "files/"
    old = chance.choice(found["files"])
    new = chance.choice(
        (
            *("../../../evil.csv", "tables/../../evil.csv", "/etc/passwd", "tables/a\\b.csv"),
            *("tables/a.csv/", "C:\\evil.csv", "tables/.csv", "model/../x", "model/.hidden"),
            *("cell/../../x.py", "tables/ü.csv", "tables/a\0.csv", "other/x.txt", "log.txt/x"),
        )
    )
    found["files"][found["files"].index(old)] = new
    members[under + new] = members.pop(under + old)
    members[place] = json.dumps(found).encode()
    return listed(members)


def odd_members(content: bytes, chance: random.Random) -> bytes:
    """A link, a folder, a name that is there twice, another compression, a bomb."""
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a") as archive:
        names = archive.namelist()
        comment, archive.comment = archive.comment, b""
        kind = chance.randrange(5)
        member = zipfile.ZipInfo(names[-1])
        if kind == 0:
            member.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(member, "/etc/passwd")
        elif kind == 1:
            archive.writestr("runs/", "")
        elif kind == 2:
            archive.writestr(member, "twice", zipfile.ZIP_BZIP2)
        elif kind == 3:
            archive.writestr(chance.choice(names), b"twice")
        else:
            under = names[-1].partition("/files/")[0]
            bomb = bytes(65 * 2**20)
            archive.writestr(f"{under}/files/tables/bomb.csv", bomb, zipfile.ZIP_DEFLATED)
        archive.comment = comment
    return seal(buffer.getvalue())


def other_version(content: bytes, chance: random.Random) -> bytes:
    members = members_of(content)
    manifest = json.loads(members[MANIFEST])
    manifest["format"] = chance.choice((2, 99, 0, -1, "1", 1.5, None, True, [1]))
    members[MANIFEST] = json.dumps(manifest).encode()
    return sealed(members)


def other_run(content: bytes, chance: random.Random) -> bytes:
    """A run of no experiment, without its cell, of tags that no bundle carries, or odd in time."""
    members = members_of(content)
    name = chance.choice(sorted(name for name in members if name.endswith("run.json")))
    found = json.loads(members[name])
    change: Callable[[], Any] = chance.choice(
        (
            lambda: found.update(experiment="gradient-decade"),
            lambda: found["settings"].pop("cell"),
            lambda: found["settings"].update(count="many"),
            lambda: found["tags"].update({"unroll.origin": "{}"}),
            lambda: found["tags"].update({"unroll.owner": "[1]"}),
            lambda: found["tags"].update({"a//b": "c"}),
            lambda: found.update(ended=1),
            lambda: found.update(submitted=-1),
            lambda: found.update(run_id="0" * 32),
            lambda: found["files"].append(found["files"][0]),
            lambda: found["metrics"].append(found["metrics"][0]),
            lambda: found.update(name="a\0b"),
            lambda: found.update(name="\ud800"),
            lambda: found.update(extra=1),
            lambda: found["params"].update({"../x": "1"}),
            lambda: [m.insert(1, m.pop(1) + 1) for m in found["metrics"]],
        )
    )
    change()
    members[name] = json.dumps(found).encode()
    return listed(members)


KINDS = (
    *(flipped, cut, cut_and_sealed, lengthened, swapped, swapped_and_listed, dropped),
    *(dropped_and_listed, mistyped, no_number, no_json, no_table, renamed, odd_members),
    *(other_version, other_run),
)
