"""Simulated machine recordings with known faults, for developing detectors without real data.

``plan`` lists the clips of a machine. A ``machine`` of one of seven types generates the dry sound of each
clip from ``sources`` and, in anomalous clips, one of the ``faults``. ``rendering`` adds the ``surroundings``:
room, factory noise and microphone. ``folder`` writes the clips under the file names of DCASE 2023;
``running`` joins clips to the endless sound of a machine, which ``live`` makes a live source.
"""

from auscult.simulation.folder import MACHINE_TYPES, load_mask, machine_names, simulate

__all__ = ["MACHINE_TYPES", "load_mask", "machine_names", "simulate"]
