"""Planning and executing runs: command line, queue, worker, exports and reports."""
