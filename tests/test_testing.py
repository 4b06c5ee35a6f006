"""`auscult.testing`: a correct detector passes all checks, and each fault is found by the check for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from auscult.detectors import DETECTORS, Config, Detector, Evidence
from auscult.detectors.adaptable import Refittable
from auscult.detectors.crossfit import CrossFitting
from auscult.detectors.onnx_export.graph import GraphEvidence
from auscult.detectors.pooled.pooled_gaussian import PooledGaussian
from auscult.detectors.representable import Representable, Representation
from auscult.errors import FitError, OptionError
from auscult.runtime.option_fields import option
from auscult.spectrum import FrontEnd
from auscult.testing import CheckedDetector, check_detector, yield_checks


@dataclass
class SpectrumConfig(Config):
    floor_db: float = option(1.0, "Lower limit of the standard deviation of a band.", unit="dB")


class PlainSpectrum(Detector):
    """Squared standardised difference of the mean spectrum from those of the normal recordings."""

    name = "test_plain_spectrum"
    scores = ("difference",)
    config_type = SpectrumConfig
    presets: ClassVar = {"coarse": {"floor_db": 3.0}}

    def spectrum(self, recording) -> np.ndarray:
        return recording.log_mel(self.config.front_end).mean(axis=0, dtype=np.float64)

    def fit(self, recordings, *, other_machines=(), progress=None):
        if not recordings:
            raise FitError("no recordings")
        self.arrays = {"spectra": np.stack([self.spectrum(r) for r in recordings])}
        return self

    def standardised(self, frames: np.ndarray) -> np.ndarray:
        spectra = self.arrays["spectra"]
        return (frames - spectra.mean(axis=0)) / np.maximum(spectra.std(axis=0), self.config.floor_db)

    def score(self, recording, *, explain=False):
        self.check_fitted()
        difference = float(np.mean(self.standardised(self.spectrum(recording)) ** 2))
        frames = recording.log_mel(self.config.front_end)
        maps = {"difference": (self.standardised(frames) ** 2).astype(np.float32)} if explain else {}
        return Evidence({"difference": difference}, maps)

    def expected_shapes(self):
        return {"spectra": (None, self.config.front_end.n_mels)}


class Spectrum(PlainSpectrum, Refittable, Representable):
    name = "test_spectrum"

    def represent(self, recording):
        return Representation({"spectrum": self.spectrum(recording)})

    def adapted(self, recordings):
        if not recordings:
            raise FitError("no recordings")
        return self.with_spectra(np.vstack([self.arrays["spectra"], *map(self.spectrum, recordings)]))

    def refitted(self, recordings):
        if not recordings:
            raise FitError("no recordings")
        return self.with_spectra(np.stack([self.spectrum(r) for r in recordings]))

    def with_spectra(self, spectra: np.ndarray) -> Spectrum:
        other = self.copied()
        other.arrays = {"spectra": spectra}
        return other.with_adaptation("more")


class Misnamed(Spectrum):
    name = "test:misnamed"


class Incomplete(Spectrum):
    name = "test_incomplete"
    scores = ("difference", "other")


class NotFloat(Spectrum):
    name = "test_not_float"

    def score(self, recording, *, explain=False):
        evidence = super().score(recording, explain=explain)
        return Evidence({name: np.float32(value) for name, value in evidence.scores.items()}, evidence.maps)


class Inverted(Spectrum):
    name = "test_inverted"

    def score(self, recording, *, explain=False):
        evidence = super().score(recording, explain=explain)
        return Evidence({name: -value for name, value in evidence.scores.items()}, evidence.maps)


class Unseeded(Spectrum):
    name = "test_unseeded"

    def fit(self, recordings, *, other_machines=(), progress=None):
        super().fit(recordings)
        self.arrays["spectra"] += np.random.default_rng().standard_normal(self.arrays["spectra"].shape)
        return self


class UsesOthers(Spectrum):
    name = "test_uses_others"

    def fit(self, recordings, *, other_machines=(), progress=None):
        return super().fit([*recordings, *other_machines])


class IgnoresOthers(Spectrum):
    name = "test_ignores_others"

    @classmethod
    def uses_other_machines(cls, config):
        return True


class Remembering(Spectrum):
    name = "test_remembering"
    calls = 0

    def score(self, recording, *, explain=False):
        self.calls += 1
        evidence = super().score(recording, explain=explain)
        return Evidence({"difference": evidence.scores["difference"] + self.calls}, evidence.maps)


class ChangesFacts(Spectrum):
    name = "test_changes_facts"

    def score(self, recording, *, explain=False):
        self.facts["scored"] = self.facts.get("scored", 0) + 1
        return super().score(recording, explain=explain)


class WithoutMaps(Spectrum):
    name = "test_without_maps"

    def score(self, recording, *, explain=False):
        return super().score(recording)


class HiddenState(Spectrum):
    name = "test_hidden_state"
    offset = 0.0

    def fit(self, recordings, *, other_machines=(), progress=None):
        self.offset = 1.0
        return super().fit(recordings)

    def score(self, recording, *, explain=False):
        evidence = super().score(recording, explain=explain)
        return Evidence({"difference": evidence.scores["difference"] + self.offset}, evidence.maps)


class WrongShape(Spectrum):
    name = "test_wrong_shape"

    def expected_shapes(self):
        return {"spectra": (None, self.config.front_end.n_mels + 1)}


class NotJSON(Spectrum):
    name = "test_not_json"

    def fit(self, recordings, *, other_machines=(), progress=None):
        self.facts = {"count": (len(recordings),)}
        return super().fit(recordings)


class FailsUnfitted(Spectrum):
    name = "test_fails_unfitted"

    def check_fitted(self):
        pass


class FitsNothing(Spectrum):
    name = "test_fits_nothing"

    def fit(self, recordings, *, other_machines=(), progress=None):
        self.arrays = {"spectra": np.zeros((1, self.config.front_end.n_mels))}
        return super().fit(recordings) if recordings else self


@dataclass
class UndescribedConfig(Config):
    floor_db: float = 1.0


class Undescribed(Spectrum):
    name = "test_undescribed"
    config_type = UndescribedConfig


class WrongPreset(Spectrum):
    name = "test_wrong_preset"
    presets: ClassVar = {"coarse": {"floor": 3.0, "floor_dB": 1.0}}


class OtherFrontEnd(Spectrum):
    name = "test_other_front_end"

    def score(self, recording, *, explain=False):
        recording.log_mel(FrontEnd(sample_rate=8000, n_fft=256, hop=128, n_mels=8))
        return super().score(recording, explain=explain)


class FailsOnSilence(Spectrum):
    name = "test_fails_on_silence"

    def spectrum(self, recording):
        spectrum = super().spectrum(recording)
        return spectrum / (1.0 if spectrum.any() and spectrum.max() > -100 else np.nan)


class NeedsMore(Spectrum):
    name = "test_needs_more"

    def minimum_samples(self):
        return 20_000


class Leaking(Spectrum, CrossFitting):
    name = "test_leaking"

    @classmethod
    def crossfit(cls, config, training, progress=None):
        final = cls(config).fit(training.recordings)
        return final, [final] * training.fold_count


class AdaptsInPlace(Spectrum):
    name = "test_adapts_in_place"

    def with_spectra(self, spectra):
        self.arrays = {"spectra": spectra}
        return self


class ForgetsNothing(Spectrum):
    name = "test_forgets_nothing"

    def refitted(self, recordings):
        return self.adapted(recordings)


class UnevenRepresentation(Spectrum):
    name = "test_uneven_representation"

    def represent(self, recording):
        return Representation({"level": recording.log_mel(self.config.front_end).mean(axis=1)})


class WrongExport(PooledGaussian):
    name = "test_wrong_export"

    def export(self, samples):
        evidence = super().export(samples)
        return GraphEvidence({name: 2 * value for name, value in evidence.scores.items()}, evidence.maps)


@pytest.fixture(autouse=True)
def _registry() -> Iterator[None]:
    """Forgets the detectors of this module after each test."""
    known = dict(DETECTORS)
    yield
    DETECTORS.clear()
    DETECTORS.update(known)


def failing_checks(kind: type[Detector], **settings: Any) -> set[str]:
    with pytest.raises(AssertionError) as raised:
        check_detector(kind, settings)
    first, *lines = str(raised.value).splitlines()
    assert isinstance(raised.value.__cause__, ExceptionGroup)
    assert f" {len(raised.value.__cause__.exceptions)} of " in first
    return {line.partition(":")[0] for line in lines if line.startswith("check_")}


def test_a_correct_detector_passes():
    check_detector(Spectrum)
    check_detector(Spectrum(SpectrumConfig(floor_db=2.0)))


@pytest.mark.parametrize(
    ("kind", "checks"),
    [
        (Misnamed, {"name_and_scores"}),
        (NotFloat, {"scores_are_complete_and_finite"}),
        (Inverted, {"anomalies_score_higher"}),
        (Unseeded, {"fit_is_deterministic"}),
        (UsesOthers, {"fit_is_deterministic"}),
        (IgnoresOthers, {"fit_is_deterministic"}),
        (Remembering, {"scores_do_not_depend_on_earlier_calls"}),
        (ChangesFacts, {"scoring_changes_nothing"}),
        (WithoutMaps, {"maps"}),
        (HiddenState, {"pickle", "model_file"}),
        (WrongShape, {"arrays", "model_file"}),
        (NotJSON, {"facts", "model_file"}),
        (FailsUnfitted, {"unfitted"}),
        (FitsNothing, {"fit_refuses_no_recordings", "few_and_poor_recordings"}),
        (Undescribed, {"options"}),
        (WrongPreset, {"presets"}),
        (OtherFrontEnd, {"front_ends_are_complete"}),
        (FailsOnSilence, {"degenerate_sounds", "few_and_poor_recordings"}),
        (NeedsMore, {"shortest_recording"}),
        (Leaking, {"fold_models_have_not_seen_their_fold"}),
        (AdaptsInPlace, {"adapting"}),
        (ForgetsNothing, {"refitting"}),
        (UnevenRepresentation, {"representation"}),
        (WrongExport, {"export"}),
        (Incomplete, {"scores_are_complete_and_finite", "maps"}),
    ],
)
def test_a_fault_is_reported_by_the_check_for_it(kind, checks):
    assert failing_checks(kind) >= {f"check_{name}" for name in checks}


def test_checks_of_optional_methods_are_only_for_detectors_that_have_them():
    class Plain(PlainSpectrum):
        presets: ClassVar = {}

    names = {check.__name__ for check in yield_checks(Plain)}
    optional = {"check_adapting", "check_refitting", "check_representation", "check_presets"}
    assert {check.__name__ for check in yield_checks(Spectrum)} == names | optional
    assert not names & optional


def test_a_wrong_name_or_setting_is_an_option_error():
    with pytest.raises(OptionError, match="no detector named"):
        check_detector("spectrl")
    with pytest.raises(OptionError, match="has no option 'floor_dB'"):
        check_detector(Spectrum, {"floor_dB": 2.0})
    assert CheckedDetector(Spectrum, {"floor_db": 2.0}).fitted.config.floor_db == 2.0
