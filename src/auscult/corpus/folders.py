"""Opening the clips of a path: an audio file, a manifest, or a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from os import PathLike

from auscult.corpus.clip import Clip, Condition, Corpus
from auscult.corpus.dcase_names import SPLIT_FOLDERS, clip_at, is_machine_folder, machine_corpus
from auscult.corpus.files import AUDIO_EXTENSIONS, audio_files, holds_audio, subfolders
from auscult.corpus.manifest import read_manifest
from auscult.errors import CorpusError, OptionError

#: Folder names that state the condition of the recordings, in lower case; letter case is ignored.
CONDITION_FOLDERS: dict[str, Condition] = {"normal": "normal", "anomaly": "anomaly", "abnormal": "anomaly"}
_DEPTH = 4  # of machine folders below the data root: data/dcase2024t2/dev_data/raw/fan
_UNINFORMATIVE = "raw"  # a folder of that layout that is left out of machine names


def open_corpus(path: str | PathLike[str], *, condition: Condition | None = None) -> Corpus:
    """Open the clips of one path, in an order that does not depend on the file system.

    Recognised, in this order:

    - an audio file, or a CSV manifest (:func:`~auscult.corpus.manifest.read_manifest`);
    - a DCASE machine folder, or a folder of these (see :func:`machine_folders`);
    - any other folder with recordings, at any depth. A folder named ``normal``, ``anomaly`` or
      ``abnormal`` sets the condition of the recordings in it; the condition of others is unknown, unless
      their DCASE name states it.

    Args:
        path: the file or folder.
        condition: of clips whose condition is otherwise unknown. For instance, recordings given for
            training are normal because the user says so.

    Raises:
        CorpusError: the path does not exist or contains no recordings; the message lists what was searched
            for and what is there.
    """
    path = os.fspath(path)
    if os.path.isfile(path):
        corpus = _open_file(path)
    elif os.path.isdir(path):
        corpus = _open_folder(path)
    else:
        raise CorpusError(path, "no such file or folder")
    if condition is None:
        return corpus
    return Corpus((replace(c, condition=c.condition or condition) for c in corpus), root=corpus.root)


def machine_folders(root: str | PathLike[str]) -> dict[str, str]:
    """Return the machine folders at or below a data root, by name, in natural order.

    They are found at most four levels down, as in ``data/dcase2024t2/dev_data/raw/fan``. If a name occurs
    more than once, as in several years or in the development and evaluation sets of 2020 to 2022, the
    names of these machines include the folders above, except ``raw``: ``dev_data-fan`` and
    ``eval_data-fan``.

    Returns:
        Machine name to path; empty if there are none.
    """
    root = os.fspath(root)
    if is_machine_folder(root):
        return {os.path.basename(os.path.abspath(root)): root}
    paths = list(_machine_folders_below(root, ()))
    last_names = [parts[-1] for parts in paths]
    names = (
        parts[-1] if last_names.count(parts[-1]) == 1 else "-".join(p for p in parts if p != _UNINFORMATIVE)
        for parts in paths
    )
    return {name: os.path.join(root, *parts) for name, parts in zip(names, paths, strict=True)}


def attribute_groups(corpus: Corpus, names: Sequence[str]) -> Corpus:
    """Set the source recording of each clip from the named attributes, the domain and the section.

    Clips with equal values are treated as segments of one recording, so that cross-fitting keeps them in
    the same fold. This matters if many clips were cut from few recordings.

    Raises:
        OptionError: no clip has one of the attributes.
    """
    known = sorted({name for clip in corpus for name in clip.attributes})
    if unknown := [name for name in names if name not in known]:
        raise OptionError(
            f"no clip has the attribute {', '.join(unknown)}; known attributes: {', '.join(known) or 'none'}"
        )

    def group(clip: Clip) -> str:
        values = [f"{name}={clip.attributes.get(name, '')}" for name in names]
        return " ".join([*values, f"domain={clip.domain or ''}", f"section={clip.section or ''}"])

    return Corpus((replace(clip, source_recording=group(clip)) for clip in corpus), root=corpus.root)


def _open_file(path: str) -> Corpus:
    if path.lower().endswith(".csv"):
        return read_manifest(path)
    if os.path.splitext(path)[1].lower() not in AUDIO_EXTENSIONS:
        raise CorpusError(
            path,
            "neither a CSV manifest nor a file with an audio extension "
            f"({', '.join(sorted(AUDIO_EXTENSIONS))})",
        )
    return Corpus([clip_at(path)], root=path)


def _open_folder(path: str) -> Corpus:
    clips: list[Clip] = []
    if machines := machine_folders(path) if not holds_audio(path, recursive=False) else {}:
        for name, folder in machines.items():
            clips += machine_corpus(folder, machine=name)
    else:
        clips += map(clip_at, audio_files(path))
    if not clips:
        raise CorpusError(path, _no_recordings_message(path))
    return Corpus((_with_folder_condition(clip, path) for clip in clips), root=path)


def _machine_folders_below(root: str, parts: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Iterate over machine folders below the root, each as the sequence of folder names leading to it."""
    for name in subfolders(os.path.join(root, *parts)):
        path = (*parts, name)
        if is_machine_folder(os.path.join(root, *path)):
            yield path
        elif len(path) < _DEPTH:
            yield from _machine_folders_below(root, path)


def _with_folder_condition(clip: Clip, root: str) -> Clip:
    """Set an unknown condition from the folder names, root included; the innermost one takes precedence."""
    if clip.condition is not None:
        return clip
    folders = os.path.relpath(os.path.dirname(clip.path), root).split(os.sep)
    for name in (*reversed(folders), os.path.basename(os.path.abspath(root))):
        if name.lower() in CONDITION_FOLDERS:
            return replace(clip, condition=CONDITION_FOLDERS[name.lower()])
    return clip


def _no_recordings_message(path: str) -> str:
    try:
        names = sorted(os.listdir(path))
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    content = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") or "nothing"
    return (
        f"no recordings found. Searched for DCASE machine folders ({', '.join(SPLIT_FOLDERS)} with audio "
        f"files) and for audio files ({', '.join(sorted(AUDIO_EXTENSIONS))}) at any depth; the folder "
        f"contains {content}"
    )
