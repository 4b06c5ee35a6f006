"""The condition of recordings: what their names say, what the user says, and what remains unclear."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from auscult.corpus.clip import Clip, Condition, Corpus
from auscult.corpus.dcase_names import parse_name, split_folder_key
from auscult.corpus.vocabulary import condition_if_nothing_else, condition_of_name
from auscult.errors import OptionError

#: The pattern of recordings that lie in the named folder itself.
HERE = "."
_MAX_LISTED = 3
_UNKNOWN_BESIDE_NORMAL = "no word for normal or faulty, while other recordings are called normal"
_VALUES: tuple[Condition, ...] = ("normal", "anomaly")


def condition_by_name(clip: Clip, folders: Sequence[str]) -> Clip:
    """Set the condition by the names of the folders and of the file.

    A condition in a DCASE file name takes precedence. All other names have to agree; if they do not, or if
    one of them is unclear, the condition is unclear.

    Args:
        clip: the clip; a condition that it has was stated by its DCASE name or an attribute table.
        folders: the names of the folders that count, the innermost last.
    """
    if clip.condition == "anomaly":
        return clip
    names = [*folders]
    if clip.condition is None:
        names.append(os.path.splitext(os.path.basename(clip.path))[0])
    stated = [(name, meaning) for name in names if (meaning := condition_of_name(name)) is not None]
    if clip.condition is not None:
        stated.append((os.path.basename(clip.path), clip.condition))
    meanings = {meaning for _, meaning in stated}
    if not stated:
        return clip
    innermost, meaning = stated[-1]
    if meaning == "unclear" or len(meanings) > 1:
        other = next((name for name, other in reversed(stated) if other != meaning), None)
        problem = f"contradicts {other}" if other else "negates a word or contradicts itself"
        return replace(clip, condition=None, unclear=f"{innermost}: {problem}")
    return replace(clip, condition=meaning)


def folders_below(path: str, root: str) -> list[str]:
    """The names of the folders of a file that count: those below the root, the outermost first.

    The root's own name, or for a file that was named itself that of its folder, counts if it consists of
    words about the condition, as that of ``rec/faulty`` does, but not that of ``leaky_pump``. It does not
    count for DCASE file names that state the condition.
    """
    base = root if os.path.isdir(root) else os.path.dirname(root)
    own = os.path.basename(os.path.abspath(base))
    folders = os.path.relpath(os.path.dirname(path) or os.curdir, base or os.curdir).split(os.sep)
    below = [part for part in folders if part not in (os.curdir, os.pardir)]
    fields = parse_name(path)
    stated = fields is not None and fields.condition is not None
    return [own, *below] if condition_if_nothing_else(own) and not stated else below


def ask_about_unknown(corpora: Sequence[Corpus]) -> list[Corpus]:
    """Mark recordings of unknown condition as unclear if others of the same fit are called normal.

    Names in a DCASE grammar do not count. Recordings of different machines or splits are independent, and so
    are paths with different parent folders.
    """
    normals = {
        _group(clip, corpus)
        for corpus in corpora
        for clip in corpus
        if clip.condition == "normal" and parse_name(clip.path) is None
    }

    def marked(corpus: Corpus) -> Iterator[Clip]:
        only_unknown = all(clip.condition is None for clip in corpus)
        own = os.path.basename(os.path.abspath(corpus.root or HERE)) if only_unknown else HERE
        for clip in corpus:
            unknown = clip.condition is None and clip.unclear is None and parse_name(clip.path) is None
            if unknown and _group(clip, corpus) in normals:
                folder = _folder_pattern(clip, corpus.root)
                clip = replace(clip, unclear=f"{own if folder == HERE else folder}: {_UNKNOWN_BESIDE_NORMAL}")
            yield clip

    return [corpus.of(marked(corpus)) for corpus in corpora]


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
                if any(fnmatchcase(name, pattern.rstrip("/") or pattern) for name in names):
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
    """Describe the recordings whose condition is unclear, and how to state it; ``None`` if there are none."""
    reasons = Counter(clip.unclear for clip in clips if clip.unclear)
    if not reasons:
        return None
    shown = [f"{reason} ({number:,})" for reason, number in reasons.most_common(_MAX_LISTED)]
    if len(reasons) > _MAX_LISTED:
        shown.append(f"and {len(reasons) - _MAX_LISTED} more names")
    pattern = next(iter(reasons)).partition(": ")[0]
    quoted = f"'{pattern}" if " " in pattern else pattern
    end = "'" if " " in pattern else ""
    return (
        f"what {sum(reasons.values()):,} recordings are is unclear: {'; '.join(shown)}. State "
        f"it with --condition {quoted}=normal{end} or --condition {quoted}=anomaly{end} (in Python "
        f"conditions={{{pattern!r}: 'anomaly'}}), or in the condition column of a manifest"
    )


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
