"""The recordings that a model is fitted on, of paths as users give them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence

from auscult.corpus import Corpus, Finding
from auscult.corpus.conditions import apply_conditions, learned_unasked, left_out_of_training
from auscult.corpus.folders import open_corpora
from auscult.corpus.sources import Recordings, split_paths
from auscult.errors import FitError, OptionError
from auscult.sound.tables import TableSettings


def clips_to_fit(
    recordings: Recordings, sample_rate: int | None, conditions: Mapping[str, str] | None
) -> tuple[Corpus, tuple[Finding, ...]]:
    """Return the clips to fit on, and findings about their selection; arguments as of `auscult.fit`."""
    if isinstance(recordings, Corpus):
        corpus = recordings
    else:
        paths, clips = split_paths(recordings, sample_rate)
        if paths and clips:
            raise OptionError("give either paths, or clips, arrays and waveforms")
        if paths:
            return training_clips(paths, conditions=conditions)
        corpus = Corpus(clips)
    if conditions:
        (corpus,) = apply_conditions([corpus], conditions)
        corpus, findings = without_anomalies(corpus)
    else:
        findings = assumed_normal(corpus)
    check_one_machine(corpus)
    return corpus, findings


def training_clips(
    paths: Sequence[str],
    *,
    single_machine: bool = True,
    conditions: Mapping[str, str] | None = None,
    tables: TableSettings | None = None,
) -> tuple[Corpus, tuple[Finding, ...]]:
    """Open paths and select their training clips.

    Args:
        paths: folders, manifests and recordings.
        single_machine: require that all clips are of one machine.
        conditions: the conditions that the user states, by pattern.
        tables: what the user states about tables.

    Returns:
        The clips; and findings about anomalies that are left out, and about clips that are taken as normal
        without being called so.

    Raises:
        CorpusError: a folder contains no recordings.
        FitError: a folder contains no training clips, or there are several machines.
    """
    corpora = open_corpora(paths, conditions=conditions, tables=tables)
    training = [corpus.for_training() for corpus in corpora]  # one by one: not all may have splits
    findings: list[Finding] = []
    for path, corpus, clips in zip(paths, corpora, training, strict=True):
        if not clips:
            reasons = "; ".join(left_out_of_training(corpus)) or "they are test clips or supplemental clips"
            recordings = f"{len(corpus):,} recording{'' if len(corpus) == 1 else 's'}"
            raise FitError(
                f"{path}: none of its {recordings} can be used for training: {reasons}; give a folder of "
                "normal recordings that are no test clips, such as train/"
            )
        findings += _left_out(corpus, f"{path}: ")
    other_files = sum((Counter(corpus.other_files) for corpus in corpora), Counter())
    joined = (clip for corpus in training for clip in corpus)
    clips = Corpus(
        joined,
        root=_common_root(paths),
        conditions=conditions,
        other_files=other_files,
        unused_columns={name: value for corpus in corpora for name, value in corpus.unused_columns.items()},
    )
    findings += assumed_normal(clips)
    if single_machine:
        check_one_machine(clips)
    return clips, tuple(findings)


def check_one_machine(corpus: Corpus) -> None:
    """Raise `FitError` if clips are of several machines; a clip of an unknown machine may be of any."""
    machines = [machine for machine in corpus.machines if machine is not None]
    if len(machines) > 1:
        raise FitError(
            f"{len(machines)} machines ({', '.join(machines)}), but a model covers one: give the folder of "
            "one machine, or fit one model for each machine with `fit_machines(folders, output)`"
        )


def without_anomalies(corpus: Corpus) -> tuple[Corpus, tuple[Finding, ...]]:
    """The clips to fit on, and findings about those that are left out or taken as normal without being
    called so."""
    return corpus.for_training(), (*_left_out(corpus), *assumed_normal(corpus))


def assumed_normal(corpus: Corpus) -> tuple[Finding, ...]:
    """Findings about clips that are taken as normal without being called so."""
    return tuple(Finding("assumed_normal", message) for message in learned_unasked(corpus))


def _left_out(corpus: Corpus, prefix: str = "") -> list[Finding]:
    """Findings about anomalies that are left out; their messages begin with the prefix."""
    paths = tuple(clip.path for clip in corpus if clip.condition == "anomaly")
    return [Finding("left_out", f"{prefix}{message}", paths) for message in left_out_of_training(corpus)]


def _common_root(paths: Sequence[str]) -> str | None:
    """The folder that all lie in; ``None`` if they are on different drives."""
    try:
        return os.path.commonpath([os.path.abspath(path) for path in paths])
    except ValueError:
        return None
