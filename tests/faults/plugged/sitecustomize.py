"""With this folder on PYTHONPATH every process knows the experiment that misbehaves."""

from core.experiments import register
from tests.faults.hostile import HOSTILE

register(HOSTILE)
