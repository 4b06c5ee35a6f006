"""Which recordings exist, and what is known of each."""

from auscult.corpus.clip import Clip, Corpus
from auscult.corpus.recording import Recording

__all__ = ["Clip", "Corpus", "Recording"]
