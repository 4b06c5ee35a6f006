"""Collections of clips: metadata, audio, folders, folds, and checks before fitting."""

from auscult.corpus.audio_clip import AudioClip, is_target
from auscult.corpus.clip import Clip, Corpus
from auscult.corpus.folders import attribute_groups, machine_folders, open_corpus
from auscult.corpus.folds import alone_in_domain, folds_of, folds_of_clips
from auscult.corpus.hidden_names import hidden_names
from auscult.corpus.inspection import Inspection, inspect_recordings
from auscult.findings import Finding

__all__ = [
    "AudioClip",
    "Clip",
    "Corpus",
    "Finding",
    "Inspection",
    "alone_in_domain",
    "attribute_groups",
    "folds_of",
    "folds_of_clips",
    "hidden_names",
    "inspect_recordings",
    "is_target",
    "machine_folders",
    "open_corpus",
]
