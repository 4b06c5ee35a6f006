"""Bytes to waveform."""

from auscult.sound.waveform import Waveform

__all__ = ["Waveform"]
