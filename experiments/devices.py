"""Is the device that a config names on this machine? Asked before a run is recorded."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping

from core.device import available_devices, choose_device
from core.experiment import Config
from core.store_folder import PROJECT

QUESTION = (
    "import json; from core.device import available_devices; print(json.dumps(available_devices()))"
)


def require_devices(configs: Iterable[Config]) -> None:
    """Raise `BadSetting` with a sentence for the first config whose device is not here."""
    for config in configs:
        if config.device not in ("auto", "cpu"):
            choose_device(config.device, config.precision, devices_here())


@functools.cache
def devices_here() -> Mapping[str, bool]:
    """Which devices this machine has.

    Asked of another process, unless torch is loaded anyway: it would stay in the dashboard's.
    """
    if "torch" in sys.modules:
        return available_devices()
    done = subprocess.run(
        [sys.executable, "-c", QUESTION], cwd=PROJECT, capture_output=True, check=True
    )
    devices: dict[str, bool] = json.loads(done.stdout)
    return devices
