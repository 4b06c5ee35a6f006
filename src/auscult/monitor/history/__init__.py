"""What is kept of a machine in the event store, and continued after a restart.

``recorder`` writes what a machine reports; each other module keeps one thing that must outlast the process.
"""
