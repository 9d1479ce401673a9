"""With this folder on PYTHONPATH every process knows the experiment that misbehaves."""

import os
import threading
import time

from core.experiments import register
from tests.faults.hostile import HOSTILE

if "FAKETIME_TIMESTAMP_FILE" in os.environ:  # libfaketime refuses what `time.sleep` calls
    time.sleep = threading.Event().wait  # type: ignore[assignment]

register(HOSTILE)
