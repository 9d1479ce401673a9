"""Nothing is executed and nothing unfolds when weights are read."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from core.models.weights import BadWeights, load_state


def saved(state: Any) -> bytes:
    content = io.BytesIO()
    torch.save(state, content)
    return content.getvalue()


class Harm:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_a_state_is_read_back() -> None:
    state = {"a": torch.arange(3), "rows": [(1, 2.0, None, "x")], "inner": {"lr": 0.1}}
    again = load_state(saved(state))
    assert torch.equal(again.pop("a"), state["a"])
    assert again == {"rows": [(1, 2.0, None, "x")], "inner": {"lr": 0.1}}


def test_what_would_be_executed_is_refused(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    for content in (saved({"a": Harm(mark)}), pickle.dumps({"a": Harm(mark)})):
        with pytest.raises(BadWeights):
            load_state(content)
    assert not mark.exists()


def test_what_unfolds_is_refused() -> None:
    plain, packed = io.BytesIO(saved({"a": torch.zeros(1_000_000)})), io.BytesIO()
    with (
        zipfile.ZipFile(plain) as archive,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for name in archive.namelist():
            bomb.writestr(name, archive.read(name))
    assert len(packed.getvalue()) < 20_000
    with pytest.raises(BadWeights, match="its parts are larger than the file"):
        load_state(packed.getvalue())


@pytest.mark.parametrize(
    "content", [b"", b"text", saved({"a": 1})[:-50], saved([1, 2]), saved({"a": 1})[:200] * 2]
)
def test_what_holds_no_state_is_refused_with_a_reason(content: bytes) -> None:
    with pytest.raises(BadWeights) as caught:
        load_state(content)
    assert 0 < len(str(caught.value)) <= 160


def test_damaged_bytes_are_refused_or_read() -> None:
    """Whatever byte is another one, no other exception comes."""
    content = saved({"a": torch.arange(3), "b": [1, "x"]})
    refused = 0
    for at in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[at] ^= 0xFF
        try:
            load_state(bytes(damaged))
        except BadWeights:
            refused += 1
    assert refused
