"""Simulated machines: recordings with a known cause, to develop detectors on before real ones."""

from auscult.corpus.simulation.folder import MACHINE_TYPES, load_mask, machine_names, simulate

__all__ = ["MACHINE_TYPES", "load_mask", "machine_names", "simulate"]
