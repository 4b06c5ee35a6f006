"""Audio files to waveforms: reading, streaming, completeness checks and resampling."""

from auscult.sound.audio_file import AudioInfo, audio_info
from auscult.sound.reading import read_audio
from auscult.sound.resampling import resample
from auscult.sound.streaming import Window, stream_audio
from auscult.sound.waveform import Waveform, waveform_of

__all__ = [
    "AudioInfo",
    "Waveform",
    "Window",
    "audio_info",
    "read_audio",
    "resample",
    "stream_audio",
    "waveform_of",
]
