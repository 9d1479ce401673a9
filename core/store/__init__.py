"""Where runs are recorded: MLflow, and the local folder of a store."""
