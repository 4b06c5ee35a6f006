"""Parallel processes, memory allocation, atomic file writes and options of dataclasses."""
