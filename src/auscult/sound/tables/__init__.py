"""Vibration signals in tables: CSV, NumPy, MATLAB, HDF5, Parquet, Feather, TDMS and Universal File Format.

`auscult.sound.audio_file.audio_info` and `auscult.sound.decoding.decode_channel` open a table by
`signal.open_signal` where they would open an audio file. Everything else treats both alike.
"""

from auscult.sound.tables.kinds import is_table
from auscult.sound.tables.settings import TableSettings
from auscult.sound.tables.sidecar import settings_for
from auscult.sound.tables.signal import Signal, open_signal

__all__ = ["Signal", "TableSettings", "is_table", "open_signal", "settings_for"]
