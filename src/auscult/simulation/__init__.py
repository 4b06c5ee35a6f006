"""Simulated machines: recordings with a known cause, to develop detectors on before real ones.

``plan`` says which clips there are; a ``machine`` of one of seven types makes each one's dry sound from
``sources`` and perhaps one of the ``faults``; ``rendering`` sends it through its ``surroundings``;
``folder`` writes all under the names of DCASE 2023.
"""

from auscult.simulation.folder import MACHINE_TYPES, load_mask, machine_names, simulate

__all__ = ["MACHINE_TYPES", "load_mask", "machine_names", "simulate"]
