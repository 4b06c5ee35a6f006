"""Live sources of audio: what arrives, in blocks, and interruptions while nothing arrives."""

from auscult.sound.live.opening import open_source
from auscult.sound.live.reconnecting import Reconnecting
from auscult.sound.live.source import Block, Interruption, Source
from auscult.sound.live.watched_folder import WatchedFolder

__all__ = ["Block", "Interruption", "Reconnecting", "Source", "WatchedFolder", "open_source"]
