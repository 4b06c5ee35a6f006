"""Live sources of audio: what arrives, in blocks, and interruptions while nothing arrives."""

from auscult.sound.live.microphones import Microphone, microphones
from auscult.sound.live.opening import open_source
from auscult.sound.live.reconnecting import Reconnecting
from auscult.sound.live.source import Block, Interruption, Source
from auscult.sound.live.watched_folder import Delivered, PartlyRead, WatchedFolder

__all__ = [
    "Block",
    "Delivered",
    "Interruption",
    "Microphone",
    "PartlyRead",
    "Reconnecting",
    "Source",
    "WatchedFolder",
    "microphones",
    "open_source",
]
