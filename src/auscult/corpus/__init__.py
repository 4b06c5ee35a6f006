"""Which recordings exist, and what is known of each."""

from auscult.corpus.clip import Clip, Corpus
from auscult.corpus.folders import attribute_groups, machine_folders, open_corpora, open_corpus
from auscult.corpus.recording import Recording

__all__ = [
    "Clip",
    "Corpus",
    "Recording",
    "attribute_groups",
    "machine_folders",
    "open_corpora",
    "open_corpus",
]
