"""The default detector: an ensemble whose members are chosen on pseudo-anomalies."""
