"""Processes, memory and files: how work is run, whatever the work is."""
