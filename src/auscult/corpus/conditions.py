"""The condition of recordings: what their names say, what the user says, and what remains unclear."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import lru_cache

from auscult.corpus.clip import Clip, Corpus
from auscult.corpus.dcase_names import parse_name, split_folder_key
from auscult.corpus.vocabulary import (
    Condition,
    condition_if_nothing_else,
    condition_of_name,
    is_unexplained_class,
    only_negates,
    qualifies_normal,
)
from auscult.errors import OptionError
from auscult.sound.audio_names import is_audio_name

#: The pattern of recordings that lie in the named folder itself.
HERE = "."
_MAX_LISTED = 3
_UNKNOWN_BESIDE_NORMAL = "no word for normal or faulty, while other recordings are called normal"
_NO_MEANING = "a class without its meaning"
_QUALIFIED = "more than a word for normal, while other recordings are called just normal"
_NUMBERED_CLASSES = frozenset({"0", "1"})
_VALUES: tuple[Condition, ...] = ("normal", "anomaly")


def condition_by_name(clip: Clip, folders: Sequence[str]) -> Clip:
    """Set the condition by the names of the folders and of the file.

    A condition in a DCASE file name takes precedence. All other names have to agree; if they do not, or if
    one of them is unclear, the condition is unclear. So is that of a folder ``no`` in a folder ``faulty``,
    and of a folder ``class_1`` if no other name says what it means.

    Args:
        clip: the clip; a condition that it has was stated by its DCASE name or an attribute table.
        folders: the names of the folders that count, the innermost last.
    """
    if clip.condition == "anomaly":
        return clip
    names = [*folders]
    if clip.condition is None:
        names.append(os.path.basename(clip.path))
    stated = [(name, meaning) for name in names if (meaning := condition_of_name(_stem(name))) is not None]
    if clip.condition is not None:
        stated.append((os.path.basename(clip.path), clip.condition))
    meanings = {meaning for _, meaning in stated}
    if not stated:
        classes = [name for name in names if is_unexplained_class(_stem(name))]
        return replace(clip, unclear=f"{classes[-1]}: {_NO_MEANING}") if classes else clip
    if negations := [name for name in folders if only_negates(name)]:
        return replace(clip, condition=None, unclear=f"{negations[-1]}: negates {stated[-1][0]}")
    innermost, meaning = stated[-1]
    if meaning == "unclear" or len(meanings) > 1:
        other = next((name for name, other in reversed(stated) if other != meaning), None)
        problem = f"contradicts {other}" if other else "negates or misspells a word, or contradicts itself"
        return replace(clip, condition=None, unclear=f"{innermost}: {problem}")
    return replace(clip, condition=meaning)


def folders_below(path: str, root: str) -> list[str]:
    """The names of the folders of a file that count: those below the root, the outermost first.

    The root's own name, or for a file that was named itself that of its folder, counts if it consists of
    words about the condition, as that of ``rec/faulty`` does, but not that of ``leaky_pump``. It does not
    count for DCASE file names that state the condition. The names that a link leads to count too.
    """
    base = root if os.path.isdir(root) else os.path.dirname(root)
    own = os.path.basename(os.path.abspath(base))
    folders = os.path.relpath(os.path.dirname(path) or os.curdir, base or os.curdir).split(os.sep)
    below = [part for part in folders if part not in (os.curdir, os.pardir)]
    fields = parse_name(path)
    stated = fields is not None and fields.condition is not None
    linked = _names_behind_links(path, os.path.dirname(os.path.abspath(base)))
    return [*linked, own, *below] if condition_if_nothing_else(own) and not stated else [*linked, *below]


def _names_behind_links(path: str, above_root: str) -> list[str]:
    """The names about the condition of the folders and the file that links lead to."""
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.islink(path):
        return list(_folders_behind_links(folder, folder, above_root))
    target = os.path.realpath(path)
    names = _folders_behind_links(os.path.dirname(target), folder, above_root)
    return [*names, os.path.basename(target)]


@lru_cache(maxsize=10_000)
def _folders_behind_links(target: str, folder: str, above_root: str) -> tuple[str, ...]:
    """The names about the condition of a target's folders, unless it is the same folder without links."""
    real = os.path.relpath(os.path.realpath(target), os.path.realpath(above_root))
    if real == os.path.relpath(folder, above_root):
        return ()
    return tuple(name for name in real.split(os.sep) if condition_if_nothing_else(name))


def ask_about_unknown(corpora: Sequence[Corpus]) -> list[Corpus]:
    """Mark recordings of unknown condition as unclear if others of the same fit are called normal.

    So are recordings in a folder such as ``tidak normal`` beside a folder ``normal``, and those in folders
    ``0`` and ``1``. Names in a DCASE grammar do not count. Recordings of different machines or splits are
    independent, and so are paths with different parent folders.
    """
    everything = [(clip, corpus) for corpus in corpora for clip in corpus if parse_name(clip.path) is None]
    normals = {_group(clip, corpus) for clip, corpus in everything if clip.condition == "normal"}
    just_normal = {
        _group(clip, corpus)
        for clip, corpus in everything
        if clip.condition == "normal" and _is_just_normal(clip, corpus)
    }
    known = {os.path.dirname(clip.path) for clip, _ in everything if clip.condition is not None}

    def marked(corpus: Corpus) -> Iterator[Clip]:
        only_unknown = all(clip.condition is None for clip in corpus)
        own = os.path.basename(os.path.abspath(corpus.root or HERE)) if only_unknown else HERE
        numbered = _numbered_classes(corpus)
        for clip in corpus:
            if clip.unclear is not None or clip.condition == "anomaly" or parse_name(clip.path) is not None:
                yield clip
                continue
            folder, group = _folder_pattern(clip, corpus.root), _group(clip, corpus)
            name = own if folder == HERE else folder
            if clip.condition == "normal":
                if group in just_normal and _qualifying_folder(clip, corpus):
                    clip = replace(clip, condition=None, unclear=f"{name}: {_QUALIFIED}")
            elif group in normals:
                mixed = os.path.dirname(clip.path) in known
                name = os.path.basename(clip.path) if mixed else name
                clip = replace(clip, unclear=f"{name}: {_UNKNOWN_BESIDE_NORMAL}")
            elif clip.path in numbered:
                clip = replace(clip, unclear=f"{name}: {_NO_MEANING}")
            yield clip

    return _with_file_patterns([corpus.of(marked(corpus)) for corpus in corpora])


def _with_file_patterns(corpora: Sequence[Corpus]) -> list[Corpus]:
    """Name files that are unclear by patterns for all that differ in digits, or begin with the same letters.

    A pattern that matches any other file is not used, since users may state the condition by it.
    """
    others = [os.path.basename(clip.path) for corpus in corpora for clip in corpus if not clip.unclear]
    patterns: dict[str, bool] = {}  # to whether it can be used

    def pattern(name: str) -> str:
        stem, extension = os.path.splitext(name)
        letters = re.match(r"[^\W\d_]*", stem)
        for choice in (f"{letters.group() if letters else ''}*", re.sub(r"\d+", "*", stem) + extension):
            if choice not in patterns:
                patterns[choice] = choice != "*" and not any(fnmatchcase(o, choice) for o in others)
            if patterns[choice]:
                return choice
        return name

    def named(clip: Clip) -> Clip:
        name, _, reason = (clip.unclear or "").rpartition(": ")
        same = bool(name) and name == os.path.basename(clip.path)
        return replace(clip, unclear=f"{pattern(name)}: {reason}") if same else clip

    return [corpus.of(map(named, corpus)) for corpus in corpora]


def _folders(clip: Clip, corpus: Corpus) -> list[str]:
    """The names of the folders of a clip below the opened folder, the outermost first."""
    return _path_below(clip, corpus.root).split("/")[:-1]


def _is_just_normal(clip: Clip, corpus: Corpus) -> bool:
    return any(condition_if_nothing_else(name) == "normal" for name in _folders(clip, corpus))


def _qualifying_folder(clip: Clip, corpus: Corpus) -> bool:
    """Whether a clip is called normal by a folder with another word before that, and by no other."""
    return not _is_just_normal(clip, corpus) and any(map(qualifies_normal, _folders(clip, corpus)))


def _numbered_classes(corpus: Corpus) -> set[str]:
    """The paths of clips in folders ``0`` and ``1`` without other folders beside them."""
    siblings: dict[str, set[str]] = {}
    parents: dict[str, list[str]] = {}  # of each clip
    for clip in corpus:
        folders = _folders(clip, corpus)
        parents[clip.path] = ["/".join(folders[:i]) for i in range(len(folders))]
        for parent, name in zip(parents[clip.path], folders, strict=True):
            siblings.setdefault(parent, set()).add(name)
    return {
        path
        for path, above in parents.items()
        if any(siblings[parent] == _NUMBERED_CLASSES for parent in above)
    }


def apply_conditions(
    corpora: Sequence[Corpus], conditions: Mapping[str, str], *, must_match: bool = True
) -> list[Corpus]:
    """Set the conditions that the user states; they take precedence over everything else.

    Args:
        corpora: the opened paths.
        conditions: pattern to ``normal`` or ``anomaly``. A pattern is compared with the path below the
            opened folder, with the name of each folder in it and of the file, and with the name of the opened
            folder; ``*`` and ``?`` are wildcards, and ``.`` stands for the recordings in the opened folder
            itself. If several patterns match, the last one counts.
        must_match: whether a pattern that no recording matches is an error.

    Raises:
        OptionError: another value, or a pattern that no recording matches.
    """
    for pattern, value in conditions.items():
        if value not in _VALUES:
            raise OptionError(f"conditions: {pattern!r} is given as {value!r}; write {' or '.join(_VALUES)}")
    unmatched = dict.fromkeys(conditions)
    result = []
    for corpus in corpora:
        clips = []
        for clip in corpus:
            names = _names(clip, corpus.root) if conditions else set()
            for pattern, value in conditions.items():
                wanted = pattern.rstrip("/") or pattern
                if any(name == wanted or fnmatchcase(name, wanted) for name in names):
                    unmatched.pop(pattern, None)
                    clip = replace(clip, condition="normal" if value == "normal" else "anomaly", unclear=None)
            clips.append(clip)
        opened = corpus.of(clips)
        opened.conditions.update(conditions)
        result.append(opened)
    if unmatched and must_match:
        seen = sorted({_folder_pattern(clip, corpus.root) for corpus in corpora for clip in corpus})
        raise OptionError(
            f"condition of {next(iter(unmatched))!r}: no recording has a folder or name like this; the "
            f"folders are {', '.join(seen[:10])}"
        )
    return result


def unclear_conditions(clips: Iterable[Clip]) -> str | None:
    """Describe the recordings whose condition is unclear, and what to do; ``None`` if there are none."""
    reasons = Counter(clip.unclear for clip in clips if clip.unclear)
    if not reasons:
        return None
    shown = [f"{reason} ({number:,})" for reason, number in reasons.most_common(_MAX_LISTED)]
    if (more := len(reasons) - _MAX_LISTED) > 0:
        shown.append(f"and {more} more name{'s' * (more > 1)}")
    pattern = next(iter(reasons)).rpartition(": ")[0]
    number = sum(reasons.values())
    what = "what 1 recording is, is unclear" if number == 1 else f"what {number:,} recordings are is unclear"
    return (
        f"{what}: {'; '.join(shown)}. State it with `conditions={{{pattern!r}: 'normal'}}` or "
        f"`conditions={{{pattern!r}: 'anomaly'}}`, or in the condition column of a manifest"
    )


def unknown_conditions(clips: Sequence[Clip], root: str | None = None) -> str | None:
    """Describe the recordings that would have to be labelled for an evaluation, and how to do it.

    Args:
        clips: the clips.
        root: the path that was opened, if it was one.

    Returns:
        The description; ``None`` if all recordings are labelled.
    """
    unknown = [clip for clip in clips if clip.condition is None]
    if not unknown:
        return None
    of_all = f"{len(unknown):,} of {len(clips):,} recordings"
    return (
        f"{of_all} have no condition (normal or anomaly): {_by_folder(unknown, root)}. State it with "
        "`conditions={'PATTERN': 'normal'}` and `conditions={'PATTERN': 'anomaly'}`, where PATTERN is a "
        "folder or a file, * for any characters, or in the condition column of a manifest"
    )


def _stem(name: str) -> str:
    return os.path.splitext(name)[0] if is_audio_name(name) else name


def left_out_of_training(corpus: Corpus) -> list[str]:
    """Describe what `Corpus.for_training` leaves out where users may not expect it.

    These are anomalies outside the test split, test clips outside folders that are named after the split,
    and, if there is a training split, clips of no split.
    """
    anomalies = [c for c in corpus if c.condition == "anomaly" and c.split not in ("test", "supplemental")]
    tests = [
        c
        for c in corpus
        if c.split == "test" and not any(map(split_folder_key, _path_below(c, corpus.root).split("/")))
    ]
    has_training = any(clip.split == "train" for clip in corpus)
    others = [c for c in corpus if c.split is None and c.condition != "anomaly" and has_training]
    messages = []
    if anomalies:
        folders = _by_folder(anomalies, corpus.root)
        messages.append(f"{_count(anomalies, 'recording')} labelled as anomalies left out: {folders}")
    if tests:
        messages.append(f"{_count(tests, 'test clip')} left out")
    if others:
        folders = _by_folder(others, corpus.root)
        messages.append(f"{_count(others, 'recording')} outside the training folder left out: {folders}")
    return messages


def learned_unasked(corpus: Corpus) -> list[str]:
    """Describe which of the clips for training users may not expect to be learned as normal.

    These are clips in several folders whose names say nothing, if no clip is called normal and not all names
    are dates or numbers, and clips in folders such as ``test_cut`` beside ``train_cut``, which are no splits.
    """
    clips = [clip for clip in corpus.for_training() if parse_name(clip.path) is None]
    unknown = [clip for clip in clips if clip.condition is None and clip.unclear is None]
    folders = {_folder_pattern(clip, corpus.root) for clip in unknown}
    named = {folder for folder in folders if re.search(r"[^\W\d_]", folder) and not split_folder_key(folder)}
    messages = []
    if named and len(folders) > 1 and not any(clip.condition == "normal" for clip in corpus):
        messages.append(
            f"used as normal: {_by_folder(unknown, corpus.root)}: their names do not say what they are. If "
            "some are faults, leave them out with `conditions={'FOLDER': 'anomaly'}`"
        )
    paths = {clip.path: _folders(clip, corpus) for clip in clips}
    training = {tuple(folders[:i]) for folders in paths.values() for i in _positions(folders, "train")}
    tests = [
        clip
        for clip in clips
        if any(tuple(paths[clip.path][:i]) in training for i in _positions(paths[clip.path], "test"))
    ]
    if tests:
        listed = _by_folder(tests, corpus.root)
        messages.append(
            f"{_count(tests, 'recording')} taken for training although a folder seems to be a test split: "
            f"{listed}. Only folders that are called exactly train and test are splits"
        )
    return messages


def _positions(folders: Sequence[str], word: str) -> Iterator[int]:
    """The positions of folders with a word in their names that are no splits."""
    for i, name in enumerate(folders):
        words = re.findall(r"[a-z]+", name.lower())
        if split_folder_key(name) is None and not {word, f"{word}ing"}.isdisjoint(words):
            yield i


def _count(clips: Sequence[Clip], noun: str) -> str:
    return f"{len(clips):,} {noun}{'s' * (len(clips) > 1)}"


def _by_folder(clips: Sequence[Clip], root: str | None) -> str:
    """The folders of clips with their numbers: ``faulty (15), bearing/faulty (3)``."""
    folders = Counter(_folder_pattern(clip, root) for clip in clips)
    own = os.path.basename(os.path.abspath(root)) if root else HERE
    shown = [f"{own if name == HERE else name} ({n:,})" for name, n in folders.most_common(_MAX_LISTED)]
    return ", ".join(shown + ["…"] * (len(folders) > _MAX_LISTED))


def _group(clip: Clip, corpus: Corpus) -> tuple[str, str | None, str | None]:
    """Recordings with equal groups belong together: the parent folder of the path, the machine, the split."""
    return os.path.dirname(os.path.abspath(corpus.root or HERE)), clip.machine, clip.split


def _names(clip: Clip, root: str | None) -> set[str]:
    """Everything that a pattern is compared with."""
    below = _path_below(clip, root)
    parts = below.split("/")
    names = {below, *parts, *("/".join(parts[:i]) for i in range(1, len(parts)))}
    if len(parts) == 1:
        names.add(HERE)
    if root is not None and os.path.isdir(root):
        names.add(os.path.basename(os.path.abspath(root)))
    return names


def _path_below(clip: Clip, root: str | None) -> str:
    base = root if root is None or os.path.isdir(root) else os.path.dirname(root)
    below = os.path.relpath(clip.path, base or ".") if base is not None else clip.path
    return (clip.path if below.startswith(os.pardir) else below).replace(os.sep, "/")


def _folder_pattern(clip: Clip, root: str | None) -> str:
    """A pattern for the recordings in the folder of a clip."""
    return os.path.dirname(_path_below(clip, root)) or HERE
