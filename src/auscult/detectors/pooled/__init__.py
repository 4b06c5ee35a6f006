"""Detectors that represent a whole clip by one pooled spectral vector. NumPy only."""
