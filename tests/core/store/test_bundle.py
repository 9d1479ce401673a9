"""Bundles: what is written is read again, and whatever is not as it was written is refused."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from core.store.bundle import MANIFEST, MAX_JSON_BYTES, BadBundle, read_bundle, seal, sealed
from core.store.tracking import Store
from core.store.transfer import pack
from tests.core.store import bundles
from tests.core.store.bundles import damaged, finished, listed, members_of


@pytest.fixture
def content(new_store: Callable[[Path], Store], tmp_path: Path, toy: object) -> bytes:
    """A bundle of two runs with their models."""
    store = new_store(tmp_path / "first")
    for seed in (0, 1):
        finished(store, seed)
    return pack(store, store.runs(), models=True)


def require_refused(content: bytes) -> str:
    """It is refused in one sentence."""
    with pytest.raises(BadBundle) as refused:
        read_bundle("results.zip", content)
    text = str(refused.value)
    assert text.startswith("bundle is 'results.zip', wh")
    assert text.endswith("; nothing was imported")
    assert text.isprintable(), text
    assert len(text) < 600, text
    return text


def test_what_was_written_is_read(content: bytes) -> None:
    bundle = read_bundle("results.zip", content)
    assert [run.settings["seed"] for run in bundle.runs] == [0, 1]
    run = bundle.runs[0]
    assert run.files == ["model/weights.pt", "tables/squares.csv", "tables/summary.csv", "log.txt"]
    assert bundle.file(run, "model/weights.pt") == b"\x80weights"
    assert {point.name for point in run.metrics} >= {"mean", "rows"}
    assert "unroll.pinned" not in run.tags


def check_refused(content: bytes, number: int) -> None:
    accepted = []
    for what, bad in damaged(content, number):
        if bad == content:
            continue
        try:
            require_refused(bad)
        except pytest.fail.Exception:
            accepted.append(what)
    assert accepted == []


def test_damaged_bundles_are_refused_in_a_sentence(content: bytes) -> None:
    check_refused(content, 4 * len(bundles.KINDS))


@pytest.mark.slow
def test_five_hundred_damaged_bundles_are_refused_in_a_sentence(content: bytes) -> None:
    check_refused(content, 500)


def test_a_bit_that_says_nothing_changes_nothing(content: bytes) -> None:
    """Somebody who seals a damaged archive anew may have hit a date: what is read is the same."""
    chance, whole = random.Random(1), members_of(content)
    for _ in range(50):
        bad = seal(bundles.flipped(content[:-64], chance) + content[-64:])
        try:
            bundle = read_bundle("results.zip", bad)
        except BadBundle:
            continue
        for run in bundle.runs:
            for file in run.files:
                assert bundle.file(run, file) == whole[f"runs/{run.run_id}/files/{file}"]


def test_a_newer_format_is_refused_with_what_to_do(content: bytes) -> None:
    members = members_of(content)
    manifest = json.loads(members[MANIFEST]) | {"format": 2, "whatever": "else"}
    text = require_refused(listed({**members, MANIFEST: json.dumps(manifest).encode()}))
    assert "which is of format 2, and this version of Unroll reads format 1; update Unroll" in text


def test_a_bundle_that_would_unfold_is_refused_where_less_is_allowed(content: bytes) -> None:
    with pytest.raises(BadBundle, match="has more than 0 MiB when it is unpacked"):
        read_bundle("results.zip", content, unpacked=1000)


@pytest.mark.parametrize("end", ["bundle.json", "run.json"])
def test_json_that_would_fill_the_memory_is_refused_before_it_is_parsed(
    content: bytes, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = members_of(content)
    name = next(name for name in members if name.endswith(end))
    members[name] = b"[" + b"[]," * (MAX_JSON_BYTES // 3) + b"[]]"
    bad = sealed(members)
    assert len(bad) < 100_000
    monkeypatch.setattr("core.store.bundle._parsed", lambda *_: pytest.fail("it was parsed"))
    assert f"has more than {MAX_JSON_BYTES // 2**20} MiB" in require_refused(bad)


def test_all_json_together_takes_a_share_of_what_is_allowed(content: bytes) -> None:
    allowed = sum(map(len, members_of(content).values()))
    with pytest.raises(BadBundle, match="describes its runs in more than 0 MiB; bundle fewer"):
        read_bundle("results.zip", content, unpacked=allowed)
