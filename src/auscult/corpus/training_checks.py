"""What recordings must be to be learnt from, and what they are on the whole, before any of them is heard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from auscult.corpus.audio_clip import AudioClip
from auscult.corpus.clip import Clip
from auscult.errors import AudioError, FitError
from auscult.sound import audio_info

#: So many clips with the same attributes, on average, may be cuts of one recording.
CUTS = 3
#: With fewer recordings than this, parting clips by recording keeps too many of them out at a time.
LEAST_RECORDINGS = 5


def likely_cuts(clips: Sequence[Clip]) -> tuple[list[str], int]:
    """Attributes that clips share as cuts of a few longer recordings would, and how many those would be; no
    names where clips do not look so, or where it is known what they were cut from."""
    unknown = [clip for clip in clips if clip.attributes and clip.source_recording is None]
    groups = Counter(tuple(sorted(clip.attributes.items())) for clip in unknown)
    alike = len(groups) > 1 and len(unknown) >= CUTS * len(groups)
    names = dict.fromkeys(name for clip in unknown for name in clip.attributes) if alike else ()
    return list(names), len(groups)


def hint_of_cuts(recordings: Sequence[AudioClip]) -> Iterator[str]:
    """Says so where clips may be cuts of a few longer recordings, which by-clip folds would tear apart."""
    clips = [r.clip for r in recordings if r.clip.attributes and r.clip.source_recording is None]
    found, groups = likely_cuts(clips)
    if found:
        names = ",".join(found)
        yield (
            f"{len(clips)} clips share {groups} sets of attributes: if they were cut from that many "
            f"longer recordings, say so (--group-by {names}), or models are judged on what they know and the "
            "promised rate of false alarms does not hold"
        )


def refuse_anomalies(clips: Sequence[Clip]) -> None:
    """Raises `FitError` where there are no clips, or anomalies among them."""
    if not clips:
        raise FitError("nothing to learn from: there are no recordings")
    odd = [c.path for c in clips if c.condition == "anomaly"]
    if odd:
        raise FitError(
            f"{len(odd)} of {len(clips)} recordings are labelled as anomalies ({odd[0]}): a model learns "
            "from normal running alone"
        )


def refuse_what_is_not_for_learning(clips: Sequence[Clip]) -> None:
    """Raises `FitError` where there are no clips, or anomalies or test clips among them."""
    refuse_anomalies(clips)
    kept = [c.path for c in clips if c.split == "test"]
    if kept:
        raise FitError(
            f"{len(kept)} of {len(clips)} recordings are test clips ({kept[0]}): a model that has heard them "
            "cannot be judged on them; Corpus.for_training() leaves them out"
        )


def usual_rate(clips: Sequence[Clip]) -> int:
    """The sample rate of most files; files that cannot be read are found, and named, later."""
    rates: Counter[int] = Counter()
    for clip in clips:
        try:
            rates[audio_info(clip.path).sample_rate] += 1
        except AudioError:
            continue
    if not rates:
        raise FitError(
            f"nothing to learn from: none of {len(clips)} recordings can be read ({clips[0].path})"
        )
    return rates.most_common(1)[0][0]
