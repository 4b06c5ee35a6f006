"""Embedding memory: scores are distances to the nearest normal clips in the space of a pretrained encoder.

Nothing is trained: an encoder provided by the user (`encoder`) turns a clip into frames, these are pooled
into one vector (`pooling`), and the distance to the nearest normal vector is normalised by the local density
of the normal vectors (`statistics.neighbours`). After Wilkinghoff, Yadav & Tan, arXiv:2603.04605 (2026), with
their defaults: relative deviation pooling with γ = 9 and the generalised mean with p = 3, which they choose
for an unknown encoder; density from one neighbour; the default score is ``variance``. The score
``mahalanobis`` is the distance from the nearer mean of the two domains with one shrunk covariance
(`statistics.low_rank_gaussian`); with ``metric=cosine`` of vectors scaled to length 1.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import numpy as np

from auscult.corpus import AudioClip, is_target
from auscult.detectors.adaptable import Refittable
from auscult.detectors.base import Config, Evidence, Progress
from auscult.detectors.crossfit import FleetDetector
from auscult.detectors.embedding.clip_embedding import ClipEmbedding
from auscult.detectors.embedding.clip_encoder import ClipEncoder, EncodedClip
from auscult.detectors.embedding.config import MIN_SECONDS, EmbeddingMemoryConfig
from auscult.detectors.embedding.embedding_maps import NormalStatistics
from auscult.detectors.embedding.encoder import Encoder, digest, read_encoder
from auscult.detectors.embedding.encoder_report import ClipOutput, encoder_facts, encoder_findings
from auscult.detectors.representable import Representable, Representation
from auscult.detectors.statistics.low_rank_gaussian import LowRankGaussian
from auscult.detectors.statistics.neighbours import Neighbours
from auscult.errors import FitError, OptionError
from auscult.findings import findings_to_json

#: The exponential of a larger number does not fit into a float32 map.
_MAX_EXPONENT = 80.0


class EmbeddingMemory(FleetDetector, Refittable, Representable):
    """Nearest neighbours among the embeddings of normal clips."""

    name = "embedding_memory"
    config: EmbeddingMemoryConfig
    config_type = EmbeddingMemoryConfig
    scores = ("variance", "density", "nearest", "domain", "mahalanobis")
    export_needs = (
        "your encoder in the exported file, its bank of embeddings and the nearest-neighbour search"
    )
    required_options: ClassVar[tuple[str, ...]] = ("encoder",)
    fits_frame_length = False  # the frames are part of the input that a log-mel encoder was trained on
    docs_page = "docs/how-to/encoders.md"

    @classmethod
    def files(cls, config: EmbeddingMemoryConfig) -> tuple[str, ...]:  # type: ignore[override]
        """As in `Detector`: the encoder."""
        return (config.encoder,) if config.encoder else ()

    @classmethod
    def has_cheap_folds(cls, config: Config) -> bool:
        """As in `Detector`: true, since each recording is encoded once."""
        return True

    @classmethod
    def fit_fleet(
        cls,
        detectors: Sequence[EmbeddingMemory],
        training_sets: Sequence[Sequence[AudioClip]],
        *,
        other_machines: Sequence[AudioClip] = (),
        progress: Progress | None = None,
    ) -> list[FitError | None]:
        """Fit several detectors with the same settings; each recording is encoded once for all of them."""
        first = detectors[0]
        blob = first.load_encoder()
        unique = list({id(r): r for recordings in training_sets for r in recordings}.values())
        summaries: dict[int, tuple[np.ndarray, NormalStatistics]] = {}
        outputs: dict[int, ClipOutput] = {}
        for recording, clip in zip(unique, first._clip_encoder().encode(unique), strict=True):
            embedding = first._embedding(recording, clip)
            summaries[id(recording)] = first._summary(recording, embedding)
            outputs[id(recording)] = ClipOutput.of(embedding.frames)
            first.facts["encoder"]["features"] = embedding.frames.shape[1]
            if progress:
                progress("embed", len(summaries), len(unique), {})
        outcomes: list[FitError | None] = []
        for detector, recordings in zip(detectors, training_sets, strict=True):
            if len(recordings) < 2:
                outcomes.append(FitError(f"{cls.name}: {len(recordings)} recordings; at least 2 are needed"))
                continue
            own_outputs = [outputs[id(r)] for r in recordings]
            encoder, config = first._opened, detector.config
            detector.facts = {
                "encoder": {**first.facts["encoder"], **encoder_facts(encoder, config, own_outputs)},
                "cut_from": [],
                "findings": findings_to_json(encoder_findings(encoder, config, own_outputs)),
            }
            detector._opened = encoder
            detector.arrays = {"encoder": blob} if detector.config.embed_encoder else {}
            detector.arrays["groups"] = _groups(recordings, detector.facts["cut_from"], 0)
            vectors, statistics = zip(*(summaries[id(r)] for r in recordings), strict=True)
            detector._set_bank(np.stack(vectors), is_target(recordings), NormalStatistics.mean(statistics))
            outcomes.append(None)
        return outcomes

    def adapted(self, recordings: Sequence[AudioClip]) -> Self:
        """As in `Adaptable`: equal to a detector fitted on the earlier recordings followed by these."""
        self.require_recordings(recordings)
        adapted, bank = self.copied(), self._bank()
        vectors, statistics = zip(*map(self._summarise, recordings), strict=True)
        target = np.concatenate([bank.target, is_target(recordings)])
        groups = _groups(recordings, adapted.facts["cut_from"], len(bank.target))
        adapted.arrays["groups"] = np.concatenate([self.arrays["groups"], groups])
        before = NormalStatistics.from_arrays(self.arrays)
        clips = [len(bank.target), *(1 for _ in statistics)]
        adapted._set_bank(
            np.concatenate([bank.vectors, vectors]),
            target,
            NormalStatistics.mean([before, *statistics], clips),
        )
        return adapted.with_adaptation(
            f"{len(recordings)} recordings added to the bank of {len(bank.target)}"
        )

    def refitted(self, recordings: Sequence[AudioClip]) -> Self:
        """As in `Refittable`: equal to a detector fitted on these recordings with the same encoder."""
        if len(recordings) < 2:
            raise FitError(f"{self.name}: {len(recordings)} recordings; at least 2 are needed")
        refitted = self.copied()
        vectors, statistics = zip(*map(self._summarise, recordings), strict=True)
        refitted.facts["cut_from"] = []
        refitted.arrays["groups"] = _groups(recordings, refitted.facts["cut_from"], 0)
        refitted._set_bank(np.stack(vectors), is_target(recordings), NormalStatistics.mean(statistics))
        return refitted.with_adaptation(
            f"the {len(self.arrays['target'])} recordings in the bank replaced by {len(recordings)}"
        )

    def score(self, recording: AudioClip, *, explain: bool = False) -> Evidence:
        self.check_fitted()
        embedding = self._embed(recording)
        distance = self.derived("density", self._density).distance(self._scaled(embedding.pooled))
        values = {**self._bank().scores(embedding.pooled), "mahalanobis": distance}
        scores = {name: values[name] for name in self.scores}
        if not explain:
            return Evidence(scores)
        front_end = self.config.front_end
        bands = recording.log_mel(front_end)  # (T, B)
        seconds = np.arange(len(bands)) * (front_end.hop / front_end.sample_rate)
        shares = NormalStatistics.from_arrays(self.arrays).shares(
            bands, seconds, embedding.frames, embedding.seconds, embedding.weights
        )
        # "variance" is a logarithm, which is not additive: its map distributes the ratio under the logarithm.
        amounts = {**scores, "variance": np.exp(min(scores["variance"], _MAX_EXPONENT))}
        return Evidence(scores, {name: (amounts[name] * shares).astype(np.float32) for name in self.scores})

    def prepare_scoring(self, recordings: Sequence[AudioClip]) -> None:
        """As in `Detector`: encode them in batches, if ``encoder_batch`` is more than 1."""
        if self.config.encoder_batch > 1:
            self._clip_encoder().prepare(recordings)

    def represent(self, recording: AudioClip) -> Representation:
        embedding = self._embed(recording)
        pooled, frames = {"embedding": embedding.pooled}, {"frames": embedding.frames}
        return Representation(pooled, frames, embedding.seconds)

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
        return round(MIN_SECONDS * self.config.front_end.sample_rate)

    def _set_bank(self, vectors: np.ndarray, target: np.ndarray, statistics: NormalStatistics) -> None:
        """Set the bank of normal vectors, (N, D), and the statistics for maps."""
        k, metric = self.config.neighbours, self.config.metric
        groups = self.arrays["groups"]
        bank = Neighbours.fit(vectors, target, groups=groups, metric=metric, k_source=k, k_target=k)
        self.arrays |= bank.to_arrays() | statistics.to_arrays()

    def _bank(self) -> Neighbours:
        return Neighbours.from_arrays(self.arrays, self.config.metric)

    def _density(self) -> LowRankGaussian:
        """The density of the bank. It is not in the model file, which has the bank that it follows from."""
        vectors = self._scaled(self.arrays["vectors"].astype(np.float64))
        return LowRankGaussian.fit(vectors, self.arrays["target"])

    def _scaled(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors (..., D) scaled to length 1 if the metric is the cosine, which ignores their lengths."""
        if self.config.metric != "cosine":
            return vectors
        return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)

    def _embed(self, recording: AudioClip) -> ClipEmbedding:
        """Encode and pool a recording."""
        (clip,) = self._clip_encoder().encode([recording])
        return self._embedding(recording, clip)

    def _clip_encoder(self) -> ClipEncoder:
        return ClipEncoder(self._encoder(), self.facts["encoder"]["sha256"], self.config)

    def _embedding(self, recording: AudioClip, clip: EncodedClip) -> ClipEmbedding:
        """Pool an encoded recording; the number of features must be that of the other recordings."""
        embedding, c = ClipEmbedding.of(clip, self.config), self.config
        expected, features = self.facts["encoder"].get("features"), embedding.frames.shape[1]
        if expected not in (None, features):
            raise OptionError(
                f"encoder={c.encoder!r}: it returns {features} features for {recording.clip.path} but "
                f"{expected} for other clips; the number of features must not depend on the length of the "
                "clip, see docs/reference/encoder-file.md"
            )
        return embedding

    def load_encoder(self) -> np.ndarray:
        """Read and open the configured encoder file; return its bytes.

        Raises:
            OptionError: there is no such file, or it is not a suitable encoder.
        """
        c = self.config
        if not c.encoder:
            raise OptionError(
                "embedding_memory needs a pretrained encoder: set the option encoder to the path of an ONNX "
                "file (`encoder=PATH`); see docs/how-to/export-an-encoder.md for how to export one"
            )
        blob = read_encoder(c.encoder)
        self.facts = {"encoder": {"file": os.path.basename(c.encoder), "sha256": digest(blob)}}
        self._opened = self._open(blob)
        return blob

    def _encoder(self) -> Encoder:
        """The encoder, opened on first use: from the model, or from its file, which must be unchanged."""
        encoder: Encoder | None = getattr(self, "_opened", None)
        if encoder is None:
            blob = self.arrays.get("encoder")
            if blob is None:
                blob = read_encoder(self.config.encoder)
                if digest(blob) != self.facts["encoder"]["sha256"]:
                    raise OptionError(
                        f"encoder={self.config.encoder!r}: not the file that this model was fitted with (its "
                        "SHA-256 differs): restore that file or fit again"
                    )
            self._opened = encoder = self._open(blob, fallback=True)
        return encoder

    def _open(self, blob: np.ndarray, *, fallback: bool = False) -> Encoder:
        """Open the encoder; with ``fallback`` on the CPU if the device of the fit is not available here."""
        c = self.config
        encoder = Encoder.open(
            blob,
            c.encoder,
            kind=c.encoder_input,
            output=c.encoder_output,
            threads=c.threads,
            device=c.device,
            fallback=fallback,
        )
        if encoder.bands not in (None, c.front_end.n_mels):
            raise OptionError(
                f"encoder={c.encoder!r}: it takes {encoder.bands} mel bands, but n_mels is "
                f"{c.front_end.n_mels}: set n_mels={encoder.bands}"
            )
        return encoder

    def _summarise(self, recording: AudioClip) -> tuple[np.ndarray, NormalStatistics]:
        """The pooled vector (D,) of a normal recording, and the statistics of its log-mel and frames."""
        return self._summary(recording, self._embed(recording))

    def _summary(self, recording: AudioClip, embedding: ClipEmbedding) -> tuple[np.ndarray, NormalStatistics]:
        """As `_summarise`, of a recording that has been encoded."""
        log_mel_frames = recording.log_mel(self.config.front_end)
        return embedding.pooled, NormalStatistics.of_clip(log_mel_frames, embedding.frames)


def _groups(recordings: Sequence[AudioClip], sources: list[str], start: int) -> np.ndarray:
    """The group of each clip, (N,) int64.

    Clips cut from one source recording share its index in ``sources``; new names are appended to that list.
    Any other clip is a group by itself with a unique negative number, -1 - ``start`` for the first clip.
    """
    groups = []
    for index, recording in enumerate(recordings, start):
        source = recording.clip.source_recording
        if source is not None and source not in sources:
            sources.append(source)
        groups.append(-1 - index if source is None else sources.index(source))
    return np.array(groups, np.int64)
