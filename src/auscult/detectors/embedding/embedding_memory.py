"""Normal clips remembered as a pretrained encoder hears them; a clip is as odd as it is far from its nearest.

No weights are learnt: an encoder that the user brings (`encoder.py`) turns a clip into frames, these are
pooled into one vector (`pooled/pooling.py`), and the distance to the nearest normal vector is set against how
dense the normals are there (`pooled/neighbours.py`). After Wilkinghoff, Yadav & Tan, arXiv:2603.04605 (2026),
from which the defaults come: pooling by relative deviation with γ = 9 and the generalised mean with p = 3,
their choice where nothing is known of the encoder; density from one neighbour; ``variance`` decides.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from auscult.corpus import AudioClip, of_target
from auscult.detectors.base import Config, Evidence, FleetDetector, Progress
from auscult.detectors.embedding.embedding_maps import Usual
from auscult.detectors.embedding.encoder import INPUTS, Encoder, digest, read_encoder
from auscult.detectors.embedding.pooling import deviation_weights, generalised_mean
from auscult.detectors.statistics.neighbours import METRICS, Neighbours
from auscult.errors import FitError, OptionError, TooShortAudio, UnsupportedAudio
from auscult.sound import resample
from auscult.spectrum import log_mel

#: Seconds below which a clip is refused, and those up to which a shorter one is repeated for the encoder.
SHORTEST, LEAST_HEARD = 0.1, 1.0
#: Above it no exponential fits into a float32 map.
_LARGEST_EXPONENT = 80.0


@dataclass
class EmbeddingMemoryConfig(Config):
    """Settings of a memory of embeddings."""

    encoder: str = ""  # path of an ONNX file; docs/encoders.md says what it must be; required
    encoder_input: str = "auto"  # what goes in: auto (by the file's input shape), waveform, log_mel
    encoder_rate: int = 16000  # Hz at which the encoder hears; recordings are resampled to it
    embed_encoder: bool = True  # the model file holds the encoder; false: only its path and SHA-256
    window_seconds: float = 10.0  # longest piece that goes in at once; longer clips go in piece by piece
    threads: int = 1  # of the encoder; 0: as many as there are cores
    rdp_gamma: float = 9.0  # weight of frames far from the clip's mean; 0: all count alike
    gem_power: float = 3.0  # of the generalised mean over the frames; 1: the plain mean, signs kept
    metric: str = "cosine"  # cosine, euclidean
    neighbours: int = 1  # that the density around a normal clip is measured from

    def __post_init__(self) -> None:
        super().__post_init__()
        for option, choices in (("encoder_input", INPUTS), ("metric", METRICS)):
            if getattr(self, option) not in choices:
                raise OptionError(f"{option}={getattr(self, option)!r}: choose one of {', '.join(choices)}")
        if self.encoder_rate < 1 or self.window_seconds < SHORTEST or self.neighbours < 1:
            raise OptionError(
                f"encoder_rate and neighbours must be positive, window_seconds {SHORTEST:g} or more"
            )
        if self.threads < 0 or self.rdp_gamma < 0 or self.gem_power < 1:
            raise OptionError("threads and rdp_gamma must not be negative, gem_power 1 or more")


@dataclass(frozen=True)
class _Heard:
    """A clip as the encoder hears it.

    Attributes:
        frames: (F, D) float32.
        seconds: (F,) middles of the frames.
        weights: (F,) of relative deviation pooling.
        pooled: (D,) float64.
    """

    frames: np.ndarray
    seconds: np.ndarray
    weights: np.ndarray
    pooled: np.ndarray


class EmbeddingMemory(FleetDetector):
    """Nearest neighbours among the embeddings of normal clips."""

    name = "embedding_memory"
    config: EmbeddingMemoryConfig
    config_type = EmbeddingMemoryConfig
    scores = ("variance", "density", "nearest", "domain")
    export_needs = "your own encoder in the file, its bank of embeddings and the search for the nearest"
    required_options: ClassVar[tuple[str, ...]] = ("encoder",)
    page = "docs/encoders.md"

    @classmethod
    def fit_fleet(  # type: ignore[override]
        cls,
        detectors: Sequence[EmbeddingMemory],
        fleets: Sequence[Sequence[AudioClip]],
        *,
        other_machines: Sequence[AudioClip] = (),
        progress: Progress | None = None,
    ) -> list[FitError | None]:
        """Fits several memories with the same settings; every recording is encoded once for all of them."""
        first = detectors[0]
        blob = first._bring()
        unique = list({id(r): r for recordings in fleets for r in recordings}.values())
        known: dict[int, tuple[np.ndarray, Usual]] = {}
        for recording in unique:
            known[id(recording)] = first._know(recording)
            first.facts["encoder"]["features"] = len(known[id(recording)][0])
            if progress:
                progress("embed", len(known), len(unique), {})
        outcomes: list[FitError | None] = []
        for detector, recordings in zip(detectors, fleets, strict=True):
            if len(recordings) < 2:
                outcomes.append(FitError(f"{cls.name}: {len(recordings)} recordings; at least 2 are needed"))
                continue
            detector.facts = {"encoder": dict(first.facts["encoder"]), "cut_from": [], "warnings": []}
            detector._live = first._live
            detector.arrays = {"encoder": blob} if detector.config.embed_encoder else {}
            detector.arrays["groups"] = _groups(recordings, detector.facts["cut_from"], 0)
            vectors, usual = zip(*(known[id(r)] for r in recordings), strict=True)
            detector._remember(np.stack(vectors), of_target(recordings), Usual.mean(usual))
            outcomes.append(None)
        return outcomes

    def adapted(self, recordings: Sequence[AudioClip]) -> EmbeddingMemory:
        """As in `Detector`: the same as a memory fitted on all, these recordings after those before."""
        if not recordings:
            raise FitError(f"{self.name}: there are no recordings to adapt to")
        other, bank = self._copy(), self._bank()
        assert isinstance(other, EmbeddingMemory)
        vectors, usual = zip(*map(self._know, recordings), strict=True)
        target = np.concatenate([bank.target, of_target(recordings)])
        groups = _groups(recordings, other.facts["cut_from"], len(bank.target))
        other.arrays["groups"] = np.concatenate([self.arrays["groups"], groups])
        other._remember(
            np.concatenate([bank.vectors, vectors]),
            target,
            Usual.mean([Usual.from_arrays(self.arrays), *usual], [len(bank.target), *(1 for _ in usual)]),
        )
        told = f"{len(recordings)} clips, {target.sum() - bank.target.sum()} of them target, added to the "
        told += f"{len(bank.target)} of the memory, {bank.target.sum()} of them target"
        other.facts.setdefault("adaptations", []).append(told)
        return other

    def score(self, recording: AudioClip, *, explain: bool = False) -> Evidence:
        heard = self._hear(recording)
        values = self._bank().scores(heard.pooled)
        scores = {name: values[name] for name in self.scores}
        if not explain:
            return Evidence(scores)
        front_end = self.config.front_end
        bands = recording.log_mel(front_end)  # (T, B)
        seconds = np.arange(len(bands)) * (front_end.hop / front_end.sample_rate)
        shares = Usual.from_arrays(self.arrays).shares(
            bands, seconds, heard.frames, heard.seconds, heard.weights
        )
        # A logarithm has no parts, so what stands under it is shared out: a ratio, like the others.
        amounts = {**scores, "variance": np.exp(min(scores["variance"], _LARGEST_EXPONENT))}
        return Evidence(scores, {name: (amounts[name] * shares).astype(np.float32) for name in self.scores})

    def expected_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        shapes: dict[str, tuple[int | None, ...]] = {
            "vectors": (None, None),
            "target": (None,),
            "density": (None,),
            "alpha": (1,),
            "scale": (2,),
            "groups": (None,),
            "usual_bands": (2, self.config.front_end.n_mels),
            "usual_features": (2, None),
        }
        return {**shapes, "encoder": (None,)} if self.config.embed_encoder else shapes

    @property
    def parameters(self) -> int:
        return int(self.arrays["vectors"].size)

    def minimum_samples(self) -> int:
        return round(SHORTEST * self.config.front_end.sample_rate)

    def _remember(self, vectors: np.ndarray, target: np.ndarray, usual: Usual) -> None:
        """Takes these (N, D) vectors, and no others, for normal."""
        k, metric = self.config.neighbours, self.config.metric
        groups = self.arrays["groups"]
        bank = Neighbours.fit(vectors, target, groups=groups, metric=metric, k_source=k, k_target=k)
        self.arrays |= bank.arrays() | usual.arrays()

    def _bank(self) -> Neighbours:
        return Neighbours.from_arrays(self.arrays, self.config.metric)

    def _hear(self, recording: AudioClip) -> _Heard:
        """Encodes and pools a recording."""
        waveform = recording.waveform()
        if waveform.seconds < SHORTEST:
            raise TooShortAudio(recording.clip.path, f"shorter than the {SHORTEST:g} s of {self.name}")
        encoder, c = self._encoder(), self.config
        heard = resample(waveform, c.encoder_rate)
        if encoder.kind == "waveform":
            signal, rate = heard.samples, float(c.encoder_rate)
        else:
            signal = log_mel(heard.samples, replace(c.front_end, sample_rate=c.encoder_rate))
            rate = c.encoder_rate / c.front_end.hop
        window, least = (max(1, round(s * rate)) for s in (c.window_seconds, LEAST_HEARD))
        frames, places = encoder.encode(signal, window, least)  # (F, D), (F,)
        if not np.all(np.isfinite(frames)):
            raise UnsupportedAudio(recording.clip.path, f"{c.encoder} gives NaN or infinity on it")
        features = self.facts["encoder"].get("features")
        if features not in (None, frames.shape[1]):
            raise OptionError(
                f"encoder={c.encoder!r}: it gave {features} features for other clips and {frames.shape[1]} "
                f"for {recording.clip.path}; their number must not depend on the length (docs/encoders.md)"
            )
        weights = deviation_weights(frames, c.rdp_gamma)
        return _Heard(frames, places / rate, weights, generalised_mean(frames, weights, c.gem_power))

    def _bring(self) -> np.ndarray:
        """Reads and opens the encoder file that the configuration names; its bytes."""
        c = self.config
        if not c.encoder:
            raise OptionError(
                "embedding_memory needs a pretrained encoder that you bring: give the path of an ONNX file "
                "(--set encoder=PATH); docs/encoders.md says how to make one"
            )
        blob = read_encoder(c.encoder)
        self.facts = {"encoder": {"file": os.path.basename(c.encoder), "sha256": digest(blob)}}
        self._live = self._open(blob)
        self.facts["encoder"]["input"] = self._live.kind
        return blob

    def _encoder(self) -> Encoder:
        """The encoder, opened when first needed: from the model, or from a file that must be the same."""
        live: Encoder | None = getattr(self, "_live", None)
        if live is None:
            blob = self.arrays.get("encoder")
            if blob is None:
                blob = read_encoder(self.config.encoder)
                if digest(blob) != self.facts["encoder"]["sha256"]:
                    raise OptionError(
                        f"encoder={self.config.encoder!r}: not the file that this model was fitted with, its "
                        "SHA-256 is another: bring that file back, or fit again"
                    )
            self._live = live = self._open(blob)
        return live

    def _open(self, blob: np.ndarray) -> Encoder:
        c = self.config
        encoder = Encoder.open(blob, c.encoder, kind=c.encoder_input, threads=c.threads)
        if encoder.bands not in (None, c.front_end.n_mels):
            raise OptionError(
                f"encoder={c.encoder!r}: it takes {encoder.bands} mel bands and gets {c.front_end.n_mels}: "
                f"set n_mels={encoder.bands}"
            )
        return encoder

    def _know(self, recording: AudioClip) -> tuple[np.ndarray, Usual]:
        """What is kept of a normal recording: its vector (D,), and what its bands and frames are like."""
        heard = self._hear(recording)
        return heard.pooled, Usual.of(recording.log_mel(self.config.front_end), heard.frames)


def _groups(recordings: Sequence[AudioClip], names: list[str], before: int) -> np.ndarray:
    """(N,) int64, the same for clips that were cut from one longer recording: its place in ``names``, to
    which new ones are added; a clip that was not cut has a negative number of its own, from ``before`` on."""
    numbers = []
    for place, recording in enumerate(recordings, before):
        name = recording.clip.source_recording
        if name is not None and name not in names:
            names.append(name)
        numbers.append(-1 - place if name is None else names.index(name))
    return np.array(numbers, np.int64)
