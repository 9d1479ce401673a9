"""Where a worker's runs are executed."""
