"""Detectors that represent a clip by pooled spectral vectors. NumPy only."""
