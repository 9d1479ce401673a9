"""Which device is taken, and what is said of it."""

from __future__ import annotations

import pytest
import torch

from core.device import describe_device, device_sentence, resolve_device
from core.settings import BadSetting


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):
    def with_devices(*names: str) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in names)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in names)

    return with_devices


@pytest.mark.parametrize(
    ("there", "dtype", "taken"),
    [
        ((), "float64", "cpu"),
        (("cuda",), "float64", "cuda"),
        (("cuda", "mps"), "float32", "cuda"),
        (("mps",), "float32", "mps"),
        (("mps",), "float64", "cpu"),
    ],
)
def test_auto_takes_cuda_then_mps_then_the_cpu(machine, there, dtype: str, taken: str) -> None:
    machine(*there)
    assert resolve_device("auto", dtype).type == taken
    assert resolve_device("cpu", dtype).type == "cpu"


def test_mps_refuses_float64_in_one_sentence(machine) -> None:
    machine("mps")
    with pytest.raises(
        BadSetting, match="device is mps, which does not support float64; choose dtype"
    ):
        resolve_device("mps", "float64")


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_named_with_those_that_are(machine, name: str) -> None:
    machine()
    with pytest.raises(BadSetting, match=f"device is {name}, but .* choose auto or cpu"):
        resolve_device(name, "float32")


def test_the_description_names_device_chip_threads_and_versions() -> None:
    facts = describe_device(torch.device("cpu"))
    assert {"device", "chip", "threads", "torch", "python"} <= set(facts)
    assert all(isinstance(value, str) and value for value in facts.values())
    assert facts["torch"] == torch.__version__
    assert device_sentence(torch.device("cpu")).startswith(f"computing on cpu ({facts['chip']})")
