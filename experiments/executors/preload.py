"""Imported once by the fork server: everything that a run needs and that is slow to load."""

import pandas
import torch

import core.measure.gradients
import core.runner
import core.store.tracking

core.store.tracking.load_mlflow()
# Threads that a library starts before the fork do not exist in the child: one thread starts none.
torch.set_num_threads(1)
core.runner.provenance()

__all__ = ["core", "pandas", "torch"]
