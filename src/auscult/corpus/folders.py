"""From a path that a user names to the clips it holds."""

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

#: Folders whose name says what their recordings are, in any letter case.
CONDITION_FOLDERS: dict[str, Condition] = {"normal": "normal", "anomaly": "anomaly", "abnormal": "anomaly"}
_DEPTH = 4  # data/dcase2024t2/dev_data/raw/fan
_LAYOUT = "raw"  # a folder of the year layout that tells nothing


def open_corpus(path: str | PathLike[str], *, condition: Condition | None = None) -> Corpus:
    """The clips of one path, in an order that is the same everywhere.

    Recognised, in this order:

    - an audio file, or a CSV manifest (:func:`~auscult.corpus.manifest.read_manifest`);
    - a DCASE machine folder, or a folder of these (see :func:`machine_folders`);
    - any other folder with recordings, at any depth. Those under a folder named ``normal``, ``anomaly``
      or ``abnormal`` are of that condition; of the others it is not known, unless their DCASE name says.

    Args:
        condition: taken for clips whose condition is not known otherwise. Recordings given for learning,
            for instance, are of normal running because the user says so.

    Raises:
        CorpusError: nothing there, or nothing that could be used; says what was looked for and found.
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
    """The machine folders at or below a data root, by name, in natural order.

    Any layout will do in which they lie at most four levels down, as in
    ``data/dcase2024t2/dev_data/raw/fan``. If a name occurs twice, as it does in several years or in the
    development and evaluation sets of 2020 to 2022, those machines are named by all their folders that
    tell something: ``dev_data-fan`` and ``eval_data-fan``.

    Returns:
        Machine name to path; empty if there are none.
    """
    root = os.fspath(root)
    if is_machine_folder(root):
        return {os.path.basename(os.path.abspath(root)): root}
    found = list(_machine_folders_below(root, ()))
    plain = [parts[-1] for parts in found]
    names = (
        parts[-1] if plain.count(parts[-1]) == 1 else "-".join(p for p in parts if p != _LAYOUT)
        for parts in found
    )
    return {name: os.path.join(root, *parts) for name, parts in zip(names, found, strict=True)}


def attribute_groups(corpus: Corpus, names: Sequence[str]) -> Corpus:
    """Takes clips that agree in the named attributes, domain and section for cuts of one recording.

    Cross-fitting then keeps them together, which matters where many clips were cut from few recordings.

    Raises:
        OptionError: an attribute that no clip has.
    """
    known = sorted({name for clip in corpus for name in clip.attributes})
    if unknown := [name for name in names if name not in known]:
        raise OptionError(
            f"no clip has the attribute {', '.join(unknown)}; there are: {', '.join(known) or 'none at all'}"
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
            path, f"neither a CSV manifest nor audio by its extension ({', '.join(sorted(AUDIO_EXTENSIONS))})"
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
        raise CorpusError(path, _nothing_in(path))
    return Corpus((_with_folder_condition(clip, path) for clip in clips), root=path)


def _machine_folders_below(root: str, parts: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Folder names leading from the root to each machine folder."""
    for name in subfolders(os.path.join(root, *parts)):
        below = (*parts, name)
        if is_machine_folder(os.path.join(root, *below)):
            yield below
        elif len(below) < _DEPTH:
            yield from _machine_folders_below(root, below)


def _with_folder_condition(clip: Clip, root: str) -> Clip:
    """Fills in the condition that the folders from the root down tell; the innermost one counts."""
    if clip.condition is not None:
        return clip
    inside = os.path.relpath(os.path.dirname(clip.path), root).split(os.sep)
    for name in (*reversed(inside), os.path.basename(os.path.abspath(root))):
        if name.lower() in CONDITION_FOLDERS:
            return replace(clip, condition=CONDITION_FOLDERS[name.lower()])
    return clip


def _nothing_in(path: str) -> str:
    try:
        names = sorted(os.listdir(path))
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    found = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") or "nothing"
    return (
        f"no recordings found. Looked for DCASE machine folders ({', '.join(SPLIT_FOLDERS)} with audio in "
        f"them) and for audio files ({', '.join(sorted(AUDIO_EXTENSIONS))}) at any depth; found {found}"
    )
