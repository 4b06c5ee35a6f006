"""Names of audio files, and of files and folders that are hidden or belong to the system."""

from __future__ import annotations

import os

#: Extensions of audio files, in lower case; letter case is ignored. All formats of libsndfile are among them,
#: except raw samples without a header.
AUDIO_EXTENSIONS = frozenset(
    (
        *(
            ".wav",
            ".wave",
            ".wavex",
            ".bwf",
            ".rf64",
            ".bw64",
            ".w64",
            ".flac",
            ".ogg",
            ".oga",
            ".opus",
            ".mp3",
        ),
        *(".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".voc", ".nist", ".sph", ".svx", ".8svx", ".avr"),
        *(".htk", ".ircam", ".mat4", ".mat5", ".mpc2k", ".paf", ".pvf", ".sd2", ".sds", ".wve"),
    )
)
#: Extensions that programs also use for other data: these are audio files if libsndfile can open them.
SHARED_EXTENSIONS = frozenset((".mat", ".iff", ".sf", ".mpc", ".xi"))
#: Folders that macOS, Windows and file systems make by themselves.
SYSTEM_FOLDERS = frozenset(("__MACOSX", "lost+found", "System Volume Information", "$RECYCLE.BIN"))


def is_audio_name(name: str) -> bool:
    """Whether a file name has an audio extension; hidden files and the ``._`` files of macOS do not count."""
    return not is_hidden(name) and os.path.splitext(name)[1].lower() in AUDIO_EXTENSIONS


def is_hidden(name: str) -> bool:
    """Whether a file or folder is hidden, or made by the system."""
    return name.startswith(".") or name in SYSTEM_FOLDERS
