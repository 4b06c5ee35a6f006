"""Choosing among detectors without a single real anomaly: pseudo-anomalies, and what is learnt from them."""
