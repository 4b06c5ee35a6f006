"""Log-mel spectrograms of waveforms, and context windows of their frames."""

from auscult.spectrum.frame_length import (
    doubled_for,
    empty_band_findings,
    empty_bands,
    halved_for,
    order_front_end,
    shorter_frames,
    vibration_front_end,
    without_empty_bands,
)
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
from auscult.spectrum.texture import spectral_detail
from auscult.spectrum.windows import context_windows, spread_over_frames

__all__ = [
    "FrontEnd",
    "LogMelStream",
    "band_centres",
    "context_windows",
    "doubled_for",
    "empty_band_findings",
    "empty_bands",
    "halved_for",
    "log_mel",
    "log_mel_finish",
    "log_mel_push",
    "log_mel_start",
    "log_mels",
    "mel_filters",
    "order_front_end",
    "shorter_frames",
    "spectral_detail",
    "spread_over_frames",
    "vibration_front_end",
    "without_empty_bands",
]
