"""Log-mel spectrograms of waveforms, and context windows of their frames."""

from auscult.spectrum.logmel import (
    FrontEnd,
    LogMelStream,
    band_centres,
    log_mel,
    log_mel_finish,
    log_mel_push,
    log_mel_start,
    log_mels,
    mel_filters,
)
from auscult.spectrum.windows import context_windows, spread_over_frames

__all__ = [
    "FrontEnd",
    "LogMelStream",
    "band_centres",
    "context_windows",
    "log_mel",
    "log_mel_finish",
    "log_mel_push",
    "log_mel_start",
    "log_mels",
    "mel_filters",
    "spread_over_frames",
]
