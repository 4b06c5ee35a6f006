"""Chunks of (name, length, data), as in WAV and AIFF, and what follows the samples of such a file.

Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0" (RIFF); Apple, "Audio
Interchange File Format: AIFF-C", 1991.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

from auscult.errors import TruncatedAudio

_MAX_CHUNKS = 100_000  # a file with more chunks is not searched further
#: Bytes after the last chunk that are not taken for samples: padding, or a tag of an older format.
MAX_TRAILER = 128
_TAGS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICSBEGIN")  # ID3v1, ID3v2, APEv2 and Lyrics3, at any length
_FILES = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"riff", b"FORM", b"caff", b".snd", b"fLaC", b"OggS")
#: Chunks that follow samples. One of these may be incomplete; a chunk of another name must be complete.
_KNOWN_CHUNKS = frozenset(
    (
        *(b"LIST", b"JUNK", b"junk", b"PAD ", b"FLLR", b"fact", b"bext", b"iXML", b"axml", b"aXML", b"chna"),
        *(b"cart", b"cue ", b"plst", b"smpl", b"inst", b"labl", b"note", b"ltxt", b"PEAK", b"DISP", b"id3 "),
        *(b"ID3 ", b"_PMX", b"acid", b"strc", b"umid", b"MEXT", b"levl", b"qlty", b"link", b"r64m", b"dbmd"),
        *(b"wamd", b"guan", b"afsp", b"LGWV", b"minf", b"elm1", b"regn", b"SMED"),
        *(b"NAME", b"AUTH", b"(c) ", b"ANNO", b"COMT", b"MARK", b"INST", b"MIDI", b"AESD", b"APPL", b"CHAN"),
    )
)
REPAIR = (
    "to keep the existing part, rewrite the file with an audio tool (WAV: ffmpeg -ignore_length 1 -i OLD NEW)"
)


def skip_id3(file: BinaryIO, position: int = 0) -> int:
    """Seek past any ID3v2 tags at a position, by default the start of a file, and return the new position.

    id3.org, "ID3 tag version 2.4.0", section 3.1.
    """
    while True:
        file.seek(position)
        head = file.read(10)
        if len(head) < 10 or head[:3] != b"ID3":
            file.seek(position)
            return position
        length = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        position += 10 + length + (10 if head[5] & 0x10 else 0)


def chunks(file: BinaryIO, position: int, end: int, byte_order: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, data offset and declared length of each chunk, with the file positioned at the data.

    A chunk of odd length should be followed by one byte of padding; files without it are read as well.
    """
    padding = 0
    for _ in range(_MAX_CHUNKS):
        file.seek(position)
        head = file.read(8)
        if padding and not _is_chunk_name(head[:4]):
            position -= padding
            file.seek(position)
            head = file.read(8)
        if len(head) < 8 or not _is_chunk_name(head[:4]):
            return
        length = struct.unpack(byte_order + "I", head[4:])[0]
        yield head[:4], position + 8, length
        padding = length % 2
        position += 8 + length + padding
        if position > end:
            return


def check_length(name: str, file: BinaryIO, offset: int, length: int, size: int, byte_order: str) -> None:
    """Check that a file of ``size`` bytes has ``length`` bytes of samples from ``offset`` on.

    Raises:
        TruncatedAudio: fewer bytes than declared, or samples although none are declared.
    """
    if offset + length > size:
        raise fewer_bytes(name, length, max(0, size - offset))
    if length == 0 and size - offset > 1 and not only_chunks(file, offset, size, byte_order):
        raise never_finalised(name)


def only_chunks(file: BinaryIO, position: int, end: int, byte_order: str) -> bool:
    """Whether the bytes from a position to the end of the file are complete chunks."""
    last_end = position
    for _, offset, length in chunks(file, position, end, byte_order):
        last_end = offset + length
    return end - 1 <= last_end <= end and last_end > position


def end_of_chunks(file: BinaryIO, position: int, end: int, byte_order: str) -> int:
    """Return where the chunks after a chunk of samples end; ``position`` if there are none.

    Args:
        file: the file.
        position: the declared end of the samples.
        end: size of the file.
        byte_order: of the lengths of chunks.
    """
    for start in (position, position + 1):  # a chunk of odd length is padded
        last_end = start
        for name, offset, length in chunks(file, start, end, byte_order):
            if offset + length > end and name not in _KNOWN_CHUNKS:
                break
            last_end = min(end, offset + length)
        if last_end > start:
            return last_end
    return position


def samples_follow(name: str, file: BinaryIO, position: int, chunks_end: int) -> bool:
    """Whether samples follow the declared ones: bytes that are no chunks, tags or padding.

    Args:
        name: path of the file, for errors.
        file: the file.
        position: the declared end of the samples.
        chunks_end: the end of the chunks that follow; ``position`` if there are none.

    Raises:
        TruncatedAudio: another file follows, or such bytes come after chunks.
    """
    size = os.fstat(file.fileno()).st_size
    if size - chunks_end <= MAX_TRAILER or is_padding(file, chunks_end, size):
        return False
    for start in (position, chunks_end):
        if _at(file, start, 4) in _FILES or _at(file, start + 1, 4) in _FILES:
            raise TruncatedAudio(
                name,
                f"another audio file follows at byte {start}: several files were joined; split them, or join "
                "them with an audio tool",
            )
    if chunks_end > position:
        raise TruncatedAudio(
            name,
            f"{size - chunks_end} bytes from byte {chunks_end} on belong to no chunk: its header may have "
            f"been written before the recording ended; {REPAIR}",
        )
    return True


def is_padding(file: BinaryIO, position: int, end: int) -> bool:
    """Whether the bytes from a position to the end of a file are a tag, only zeros, or only 0xFF."""
    if any(_at(file, start, 16).startswith(_TAGS) for start in (position, position + 1)):
        return True
    file.seek(position)
    fill = file.read(1)
    if fill not in (b"\0", b"\xff"):  # 0xFF as in erased flash memory
        return False
    while block := file.read(1 << 20):
        if block.count(fill) < len(block):
            return False
    return True


def _at(file: BinaryIO, position: int, length: int) -> bytes:
    file.seek(position)
    return file.read(length)


def fewer_bytes(name: str, declared: int, present: int) -> TruncatedAudio:
    """Return the error for a file with fewer bytes of samples than its header declares."""
    return TruncatedAudio(
        name,
        f"its header declares {declared} bytes of samples but the file has {present}: it is truncated or "
        f"was not finished; copy or record it again, or {REPAIR}",
    )


def more_bytes(name: str, declared: int, present: int) -> TruncatedAudio:
    """Return the error for a file with more bytes of samples than its header declares."""
    return TruncatedAudio(
        name,
        f"its header declares {declared} bytes of samples but {present} are there: the header was not "
        f"updated when the recording ended; {REPAIR}",
    )


def never_finalised(name: str) -> TruncatedAudio:
    """Return the error for a file that declares no samples although it has some."""
    return TruncatedAudio(
        name,
        "its header declares no samples although some follow: it was never finalised, for example because "
        f"the recorder lost power; {REPAIR}",
    )


def _is_chunk_name(data: bytes) -> bool:
    return len(data) == 4 and all(32 <= character < 127 for character in data)
