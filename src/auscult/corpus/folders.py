"""Opening the clips of a path: an audio file, a manifest, or a folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from os import PathLike

from auscult.corpus.clip import Clip, Corpus
from auscult.corpus.conditions import (
    apply_conditions,
    ask_about_unknown,
    condition_by_name,
    folders_below,
)
from auscult.corpus.dcase_names import (
    SPLIT_FOLDERS,
    clip_at,
    split_folder_key,
)
from auscult.corpus.files import (
    FolderReport,
    audio_files,
    holds_audio,
    is_audio_file,
    subfolders,
    walk_audio,
    with_table,
)
from auscult.corpus.machine_folder import is_machine_folder, machine_corpus
from auscult.corpus.manifest import read_manifest
from auscult.corpus.vocabulary import Condition, condition_if_nothing_else
from auscult.errors import CorpusError, OptionError
from auscult.sound.audio_names import AUDIO_EXTENSIONS
from auscult.sound.tables import TableSettings, is_table
from auscult.sound.tables.own_files import consists_of_words, is_manifest
from auscult.sound.tables.text_table import holds_table

_DEPTH = 4  # of machine folders below the data root: data/dcase2024t2/dev_data/raw/fan
_UNINFORMATIVE = "raw"  # a folder of that layout that is left out of machine names


def open_corpus(
    path: str | PathLike[str],
    *,
    condition: Condition | None = None,
    conditions: Mapping[str, str] | None = None,
    labels: bool = True,
    tables: TableSettings | None = None,
) -> Corpus:
    """Open the clips of one path, in an order that does not depend on the file system.

    Recognised, in this order:

    - a recording, or a CSV manifest (`auscult.corpus.manifest.read_manifest`), whose first line has a
      column ``path``;
    - a DCASE machine folder, or a folder of these (see `machine_folders`);
    - any other folder with recordings, at any depth. A folder in it that is named ``train`` or ``test`` sets
      the split.

    The condition is stated by a DCASE file name, or by words such as ``normal``, ``ok``, ``faulty`` or
    ``defekt`` in the names of the folders and of the file (`auscult.corpus.vocabulary`). Names that
    contradict each other or negate such a word leave the condition unknown, and so do names without such a
    word while others are called normal; `Clip.unclear` then says why, and `auscult.fit` refuses them.

    Args:
        path: the file or folder.
        condition: of clips whose condition is otherwise unknown. For instance, recordings given for
            training are normal because the user says so.
        conditions: what recordings are, whatever they are called: pattern to ``normal`` or ``anomaly``; see
            `auscult.corpus.conditions.apply_conditions`.
        labels: whether conditions matter. If not, as for scoring, a manifest may have a column that looks
            like ``condition`` under another name.
        tables: how tables are read. Those in a folder are recordings only if this states something, or an
            ``auscult.toml`` in the folder does; see `auscult.sound.tables`.

    Raises:
        OptionError: a pattern of ``conditions`` that no recording matches, or an ``auscult.toml`` that is not
            valid.
        CorpusError: the path does not exist or contains no recordings; the message lists what was searched
            for and what is there.

    Example:
        >>> import auscult, numpy as np, os, soundfile
        >>> for name in ("train/normal", "test/normal", "test/broken"):
        ...     os.makedirs(f"fan/{name}")
        ...     soundfile.write(f"fan/{name}/1.wav", np.random.default_rng(0).normal(0, 0.1, 8000), 8000)
        >>> [(clip.split, clip.condition) for clip in auscult.open_corpus("fan")]
        [('train', 'normal'), ('test', 'anomaly'), ('test', 'normal')]
    """
    corpus = _open(os.fspath(path), tables, check_columns=labels and not conditions)
    if conditions:
        (corpus,) = apply_conditions([corpus], conditions)
    if condition is not None:
        corpus = corpus.of(c if c.unclear else replace(c, condition=c.condition or condition) for c in corpus)
    (corpus,) = ask_about_unknown([corpus])
    return corpus


def open_corpora(
    paths: Sequence[str],
    *,
    conditions: Mapping[str, str] | None = None,
    tables: TableSettings | None = None,
) -> list[Corpus]:
    """Open several paths for one fit, each as `open_corpus` does.

    A pattern of ``conditions`` has to match in one of them. If a path is called normal, others in the same
    folder must not be of unknown condition.
    """
    corpora = [_open(path, tables, check_columns=not conditions) for path in paths]
    return ask_about_unknown(apply_conditions(corpora, conditions or {}))


def machine_folders(
    root: str | PathLike[str], *, report: FolderReport | None = None, tables: TableSettings | None = None
) -> dict[str, str]:
    """Return the machine folders at or below a data root, by name, in natural order.

    They are found at most four levels down, as in ``data/dcase2024t2/dev_data/raw/fan``. If a name occurs
    more than once, as in several years or in the development and evaluation sets of 2020 to 2022, the
    names of these machines include the folders above, except ``raw``: ``dev_data-fan`` and
    ``eval_data-fan``.

    Args:
        root: the data root.
        report: folders below the root that cannot be listed are added to it. A machine folder is found even
            if its split folders are among them; opening it is then an error.
        tables: what the user states about tables.

    Returns:
        Machine name to path; empty if there are none.

    Raises:
        CorpusError: the root or, without ``report``, a folder below it cannot be listed.
    """
    root = os.fspath(root)
    subfolders(root)  # raises if the root itself cannot be listed
    if is_machine_folder(root, report=report, tables=tables):
        return {os.path.basename(os.path.abspath(root)): root}
    paths = list(_machine_folders_below(root, (), report, tables))
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
        OptionError: no clip has one of the attributes, or the names are one string.
    """
    if isinstance(names, str):
        raise OptionError(f"{names!r} is one string: give the attributes to group by as a list of names")
    known = sorted({name for clip in corpus for name in clip.attributes})
    if unknown := [name for name in names if name not in known]:
        raise OptionError(
            f"no clip has the attribute {', '.join(unknown)}; known attributes: {', '.join(known) or 'none'}"
        )

    def group(clip: Clip) -> str:
        values = [f"{name}={clip.attributes.get(name, '')}" for name in names]
        return " ".join([*values, f"domain={clip.domain or ''}", f"section={clip.section or ''}"])

    return corpus.of(replace(clip, source_recording=group(clip)) for clip in corpus)


def check_patterns(
    paths: Iterable[str | PathLike[str]], conditions: Mapping[str, str], tables: TableSettings | None = None
) -> None:
    """Raise `OptionError` if a pattern of ``conditions`` matches no recording of several paths.

    Paths that cannot be opened are skipped.
    """
    corpora = []
    for path in dict.fromkeys(paths):
        with suppress(CorpusError):
            corpora.append(open_corpus(path, tables=tables))
    apply_conditions(corpora, conditions)


def is_list_of_recordings(path: str) -> bool:
    """Whether a CSV file is a manifest, or was meant to be one.

    Its first line has a column ``path``, or it holds no table of numbers, or one that consists of words or
    names of recordings.
    """
    return path.lower().endswith(".csv") and (
        is_manifest(path) or not holds_table(path) or consists_of_words(path)
    )


def _open(path: str, tables: TableSettings | None, *, check_columns: bool) -> Corpus:
    if os.path.isfile(path):
        return _open_file(path, tables, check_columns=check_columns)
    if os.path.isdir(path):
        return _open_folder(path, tables)
    raise CorpusError(path, "no such file or folder")


def _open_file(path: str, tables: TableSettings | None, *, check_columns: bool) -> Corpus:
    if is_list_of_recordings(path) and (not tables or is_manifest(path) or not holds_table(path)):
        manifest = read_manifest(path, check_columns=check_columns)
        return manifest.of(with_table(clip, tables) for clip in manifest)
    if not is_audio_file(path) and not is_table(path):
        if path.lower().endswith(".auscult"):
            raise CorpusError(path, "a model file, not a recording: give recordings or their folder here")
        raise CorpusError(
            path,
            f"neither a CSV manifest nor a file with an audio extension (.wav, .flac, .mp3, .ogg or one of "
            f"{len(AUDIO_EXTENSIONS) - 4} others), nor a table of numbers: convert it to WAV, or rename it "
            "if it is audio",
        )
    clip = condition_by_name(clip_at(path), folders_below(path, path))
    return Corpus([with_table(clip, tables)], root=path)


def _open_folder(path: str, tables: TableSettings | None) -> Corpus:
    clips: list[Clip] = []
    report = FolderReport()
    has_own = holds_audio(path, recursive=False, tables=tables)
    if machines := {} if has_own else machine_folders(path, report=report, tables=tables):
        for name, folder in machines.items():
            clips += machine_corpus(folder, machine=name, report=report, tables=tables)
    else:
        for file in audio_files(path, report=report, tables=tables):
            clips.append(with_table(_with_split(clip_at(file), path), tables))
    report.check_listed()
    if not clips:
        raise CorpusError(path, _no_recordings_message(path))
    clips = [condition_by_name(clip, folders_below(clip.path, path)) for clip in clips]
    return Corpus(clips, root=path, other_files=report.other_files)


def _machine_folders_below(
    root: str, parts: tuple[str, ...], report: FolderReport | None, tables: TableSettings | None
) -> Iterator[tuple[str, ...]]:
    """Iterate over machine folders below the root, each as the sequence of folder names leading to it."""
    names = subfolders(os.path.join(root, *parts), report=report)
    if {"normal", "anomaly"} <= set(map(condition_if_nothing_else, names)):
        return  # normal/train/ and faulty/test/ are of one machine
    for name in names:
        path = (*parts, name)
        if is_machine_folder(os.path.join(root, *path), report=report, tables=tables):
            yield path
        elif len(path) < _DEPTH:
            yield from _machine_folders_below(root, path, report, tables)


def _with_split(clip: Clip, root: str) -> Clip:
    """Set an unknown split from the innermost folder below the root that is named after one."""
    if clip.split is not None:
        return clip
    below = os.path.relpath(os.path.dirname(clip.path), root).split(os.sep)
    keys = [key for name in below if (key := split_folder_key(name))]
    if not keys:
        return clip
    split, domain = SPLIT_FOLDERS[keys[-1]]
    return replace(clip, split=split, domain=clip.domain or domain)


def _no_recordings_message(path: str) -> str:
    try:
        names = sorted(os.listdir(path))
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    content = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") or "nothing"
    return (
        f"no recordings found. Searched for DCASE machine folders ({', '.join(SPLIT_FOLDERS)} with audio "
        f"files) and for audio files ({', '.join(sorted(AUDIO_EXTENSIONS))}) at any depth; the folder "
        f"contains {content}{_tables_in(path)}"
    )


def _tables_in(path: str) -> str:
    """What to do if there are tables in a folder that has no recordings; empty without any."""
    if not any(True for _ in walk_audio(path, report=FolderReport(), tables=TableSettings(rate=1.0))):
        return ""
    return (
        ". For tables of vibration signals state the sample rate with `TableSettings(rate=HZ)`, or the "
        "column with `TableSettings(columns=[NAME])`, or write both to an auscult.toml in the folder"
    )
