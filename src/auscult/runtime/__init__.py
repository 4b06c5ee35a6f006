"""Parallel processes, memory allocation and atomic file writes."""
