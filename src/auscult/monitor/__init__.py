"""Continuous monitoring: from blocks of samples to scores of windows, alarms and events.

The folders in the order of the data flow:

- ``stream``: the sound of one machine becomes scores, states and alarms.
- ``store``: the event store on disk, with one writer and any number of readers.
- ``trend``: slow changes in words, from the scores in the store.
- ``history``: what is kept of a machine in the store, and continued after a restart.
- ``webhook``: events of the store as messages.
- ``calibrate``: the alarm policy of a model, from normal running.
- ``learning``: a model of a machine that has none, from a live source.
- ``watch``: recordings that appear in a folder.
- ``status``: the state of all machines, from the store.
- ``service``: many machines in one process.
- ``simulated``: simulated machines.
- ``settings``: ``monitor.toml``.
- ``web``: the page.
"""
