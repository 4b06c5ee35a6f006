"""The default detector: an ensemble whose members are selected by pseudo-anomalies."""
