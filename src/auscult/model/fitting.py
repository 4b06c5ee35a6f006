"""From recordings that were looked at to models, several at once: learn, and find out what normals score."""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from auscult.corpus import AudioClip, folds_of
from auscult.corpus.inspection import LEFT_OUT, Inspection
from auscult.corpus.training_checks import hint_of_cuts
from auscult.detectors import Config, Detector, Progress, detector_type
from auscult.detectors.crossfit import FitJob
from auscult.detectors.maps.map_profile import MapProfile
from auscult.errors import AudioError, FitError
from auscult.model.model import Calibration, Model
from auscult.model.normal_index import Gallery
from auscult.runtime.parallel import one_thread

FOLDS = 5
#: With fewer clips than this, ``auto`` fits five times more rather than keep a tenth of them out.
CROSSFIT_BELOW = 400
#: Recordings whose maps tell what normal maps look like; more would change little and cost time.
PROFILED = 100


@dataclass(frozen=True)
class Case:
    """One model to be made.

    Attributes:
        detector: a name from the table of detectors.
        config: its configuration.
        inspection: what is usable, heard on ``channel`` and at the configuration's sample rate, and the
            findings to be kept among the model's warnings.
        calibrate: as in `auscult.fit`.
        others: recordings of other machines, for detectors that learn from them how machines differ.
        channel: of files with several.
        preset: by which the configuration was made.
    """

    detector: str
    config: Config
    inspection: Inspection
    calibrate: str = "auto"
    other_machines: Sequence[AudioClip] = ()
    channel: int = 0
    preset: str | None = None


@dataclass(frozen=True)
class _Course:
    """What a case learns from, and who fold_models which recordings afterwards.

    Attributes:
        how: it is calibrated.
        job: of the detector.
        judged: recordings with the fold whose judge they have; without one the detector itself fold_models.
    """

    how: str
    job: FitJob
    judged: Sequence[tuple[int | None, AudioClip]]

    @property
    def work(self) -> int:
        """Recordings learnt from, counted anew for every network: what its learning costs, about."""
        return sum(map(len, self.job.training_sets()))


def calibration_of(calibrate: str, clips: int) -> str:
    """What ``auto`` stands for with so many clips; any other is itself."""
    if calibrate != "auto":
        return calibrate
    return "crossfit" if clips < CROSSFIT_BELOW else "holdout"


@one_thread()
def fit_cases(cases: Sequence[Case], progress: Progress | None = None) -> list[Model | FitError | AudioError]:
    """Makes the models of several cases; those whose detector trains together learn in one program.

    Args:
        cases: of one detector, with configurations that differ in the seed alone.

    Returns:
        For every case, in order, its model, or why there is none.

    Raises:
        MissingExtraError: fitting needs an optional part that is not installed.
    """
    kind = detector_type(cases[0].detector)
    kind.check_can_fit()
    found: dict[int, Model | FitError | AudioError] = {}
    courses: dict[int, _Course] = {}
    for place, case in enumerate(cases):
        try:
            courses[place] = _course(case)
        except FitError as error:
            found[place] = error
    started = time.perf_counter()
    jobs = [course.job for course in courses.values()]
    learnt = _learnt(kind, jobs, progress) if jobs else []
    seconds = time.perf_counter() - started
    work = sum(course.work for course in courses.values())
    for (place, course), outcome in zip(courses.items(), learnt, strict=True):
        if not isinstance(outcome, tuple):
            found[place] = outcome
            continue
        share = seconds * course.work / work
        try:
            found[place] = _model(cases[place], course, *outcome, share, progress)
        except (FitError, AudioError) as error:
            found[place] = error
    return [found[place] for place in range(len(cases))]


def _learnt(
    kind: type[Detector], jobs: Sequence[FitJob], progress: Progress | None
) -> list[tuple[Detector, list[Detector]] | FitError | AudioError]:
    """What each job taught; where a recording has become unreadable since it was looked at, its machine
    alone fails."""
    try:
        return [*kind.crossfit_fleet(jobs, progress=progress)]
    except AudioError as error:
        if len(jobs) == 1:
            return [error]
    return [outcome for job in jobs for outcome in _learnt(kind, [job], progress)]


def _course(case: Case) -> _Course:
    """Parts the recordings of a case: what is learnt from, and what fold_models."""
    kind, recordings = detector_type(case.detector), case.inspection.usable
    how = calibration_of(case.calibrate, len(recordings))
    if how == "none":
        shown = [] if kind.maps_point else _spread(recordings)
        judged = [(None, recordings[i]) for i in shown]
        return _Course(how, FitJob(case.config, recordings, other_machines=case.other_machines), judged)
    config = kind.learning_from_all(case.config)
    folds = folds_of(recordings, FOLDS if how == "crossfit" else 10, config.seed)
    if max(folds) < 1:
        raise FitError(
            f"calibrate={how} needs at least two recordings that are not cut from the same one; "
            "give more, or calibrate=none"
        )
    parted = list(zip(folds, recordings, strict=True))
    if how == "crossfit":
        return _Course(how, FitJob(config, recordings, folds, case.other_machines), parted)
    kept_out = [(None, r) for fold, r in parted if fold == 0]
    return _Course(
        how, FitJob(config, [r for fold, r in parted if fold], other_machines=case.other_machines), kept_out
    )


def _model(
    case: Case,
    course: _Course,
    final: Detector,
    fold_models: Sequence[Detector],
    seconds: float,
    progress: Progress | None,
) -> Model:
    """The model of what was learnt in so many seconds: scores normals that were not learnt from, and looks at
    the maps of some; where all were learnt from, those maps alone are looked at."""
    started = time.perf_counter()
    recordings = case.inspection.usable
    judged = [(final if fold is None else fold_models[fold], r) for fold, r in course.judged]
    evidence, profiles = _judge(judged, progress)
    calibration = Calibration()
    if course.how != "none":
        scores = {name: np.array([e[name] for e in evidence]) for name in final.scores}
        calibration = Calibration(course.how, scores, [r.clip.domain for _, r in judged])
    provenance = {
        "clips": len(recordings),
        "domains": dict(Counter(r.clip.domain or "unknown" for r in recordings)),
        "machines": sorted({r.clip.machine for r in recordings if r.clip.machine}),
        "seconds": case.inspection.seconds,
        "left_out": [path for f in case.inspection.findings if f.kind in LEFT_OUT for path in f.paths],
        "preset": case.preset,
        "warnings": [
            *(f.message for f in case.inspection.findings),
            *(hint_of_cuts(recordings) if course.how == "crossfit" else ()),
            *final.facts.get("warnings", []),
        ],
        "fit_seconds": round(seconds + time.perf_counter() - started, 3),
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "versions": versions(),
    }
    return Model(
        final,
        calibration,
        profiles=profiles,
        normals=Gallery.of(recordings, case.config.front_end),
        channel=case.channel,
        provenance=provenance,
    )


def _judge(
    judged: Sequence[tuple[Detector, AudioClip]], progress: Progress | None
) -> tuple[list[Mapping[str, float]], dict[str, MapProfile]]:
    """The scores of each recording by its judge, and for every score the profile of some of their maps, where
    those do not point by themselves."""
    unknown = [recording for judge, recording in judged if not judge.maps_point]
    explained = set(_spread(unknown))
    scores: list[Mapping[str, float]] = []
    profiles: dict[str, list[MapProfile]] = {}
    for i, (judge, recording) in enumerate(judged):
        evidence = judge.score(recording, explain=i in explained)
        scores.append(evidence.scores)
        for name, map in evidence.maps.items():
            profiles.setdefault(name, []).append(MapProfile.fit([map]))
        if progress:
            progress("calibrate", i + 1, len(judged), {})
    return scores, {name: MapProfile.together(parts) for name, parts in profiles.items()}


def _spread(recordings: Sequence[AudioClip]) -> list[int]:
    """At most `PROFILED` of the recordings, as many of each domain as its share is, spread over all."""
    order = sorted(range(len(recordings)), key=lambda i: recordings[i].clip.domain or "")
    places = np.linspace(0, len(order) - 1, min(PROFILED, len(order))).round().astype(int)
    return [order[place] for place in places]


def versions() -> Mapping[str, str]:
    """Of what the numbers rest on, for provenance."""
    packages = {name: version(name) for name in ("auscult", "numpy", "scipy", "onnxruntime")}
    with suppress(PackageNotFoundError):  # scoring does without
        packages["torch"] = version("torch")
    return {**packages, "python": platform.python_version()}
