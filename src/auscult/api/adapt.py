"""Adapts a model to more normal recordings without retraining its networks: `auscult.adapt`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from auscult.api.adapt_inspection import inspect_axes, without_duplicates, without_sensor_faults
from auscult.api.adapt_maps import MAX_MAPS, extended_maps
from auscult.api.adapt_provenance import entry, new_findings, provenance
from auscult.api.adapt_review import judge, review
from auscult.corpus import AudioClip, Clip, Corpus, attribute_groups, folds_of
from auscult.corpus.clip import Domain
from auscult.corpus.findings import opening_findings
from auscult.corpus.folds import FOLDS
from auscult.corpus.grouping import keep_cuts_together
from auscult.corpus.inspection import UNUSABLE_KINDS
from auscult.corpus.several_channels import of_axis, together
from auscult.corpus.time_blocks import MIN_RECORDINGS
from auscult.corpus.training_checks import check_no_anomalies
from auscult.detectors import Progress
from auscult.detectors.adaptable import adaptable
from auscult.detectors.crossfit import TrainingSet
from auscult.errors import FitError, OptionError
from auscult.findings import issue_warnings
from auscult.model import Calibration, Model
from auscult.model.axes import AxesModel
from auscult.model.calibrated_model import calibrated_model
from auscult.model.fit_spec import calibrated_on, crossfit_folds
from auscult.runtime.parallel import blas_single_thread


@blas_single_thread()
def adapt(
    model: Model,
    clips: Iterable[Clip],
    *,
    domain: Domain | None = None,
    group_by: Sequence[str] | None = None,
    accept: bool = False,
    replace: bool = False,
    progress: Progress | None = None,
) -> Model:
    """Return a new model for which these recordings are normal too; the old model is not changed.

    The recordings are first scored with the model. If one of them is above the threshold at 5 % false alarms,
    shows signs of a sensor fault, or is unlike every normal recording, the model is adapted only with
    ``accept`` or ``replace``: nothing distinguishes a fault from a new normal condition, except that somebody
    knows. Recordings that cannot be judged because of a sensor fault, such as silent ones, are left out in
    any case. With too few calibration scores for 5 %, the threshold is that of the lowest possible rate;
    without any, no recording can exceed it, and the model gets a warning.

    Banks, statistics and densities are updated, networks are not. For the calibration, the new recordings are
    cross-fitted: each is scored by the old detector adapted to the other folds, or by the old detector itself
    if there is only one fold. Recordings that the model was fitted on are ignored.

    The old calibration scores are kept, which is conservative rather than exact: they come from detectors
    fitted on fewer normal recordings, so that on the whole they are no lower than scores of the new detector,
    and a threshold computed from them is not too low. With ``replace`` nothing is kept but the networks.

    Args:
        model: the model to adapt.
        clips: normal recordings of the same machine, with all channels of the model. Clips labelled as
            anomalies are refused; test clips add a warning to the model.
        domain: the domain of clips whose domain is unknown.
        group_by: attributes; clips with equal values were cut from one recording, as in `auscult.fit`.
        accept: the machine is running normally in another way: recordings above the threshold are normal too.
        replace: the machine was repaired or has changed for good: only these recordings are normal from now
            on, and the earlier ones are forgotten.
        progress: called with the stages ``inspect``, ``judge`` and ``calibrate``.

    Returns:
        A model whose ``provenance["adaptations"]`` has one more entry: the time, the number of recordings by
        domain, the files left out, what the detector changed, how the recordings scored before (``review``),
        the threshold at 5 % false alarms before and after, and what the adaptation costs (``costs``): the
        false-alarm rates of the earlier and of the new recordings, before and after.

    Warns:
        AuscultWarning: for each finding about these recordings; see `new_findings`.

    Raises:
        NotNormalError: recordings are above the threshold, and neither ``accept`` nor ``replace`` is given.
        FitError: no recordings, anomalies among them, none that is both usable and new, or too few to replace
            the earlier ones.
        OptionError: the detector cannot be adapted and has to be fitted again, both ``accept`` and
            ``replace`` are given, or no clip has an attribute of ``group_by``.

    Example:
        >>> import auscult, numpy as np
        >>> noise = np.random.default_rng(0).normal(0, 0.1, (24, 8000))
        >>> model = auscult.fit(noise[:20], "spectral_memory", sample_rate=8000)
        >>> waveforms = (auscult.Waveform(1.1 * samples.astype("float32"), 8000) for samples in noise[20:])
        >>> clips = [auscult.Clip(f"later {i}", waveform=waveform) for i, waveform in enumerate(waveforms)]
        >>> auscult.adapt(model, clips, accept=True).provenance["clips"]
        24
    """
    if accept and replace:
        raise OptionError("accept and replace exclude each other: choose one")
    of_opening = opening_findings(clips)
    clips = [dataclasses.replace(clip, domain=domain) if clip.domain is None else clip for clip in clips]
    if group_by:
        clips = list(attribute_groups(Corpus(clips), group_by))
    check_no_anomalies(clips)
    adaptable(model.detector, replace=replace)
    recordings = [model.audio_clip(clip) for clip in clips]
    of_axes = inspect_axes(model, recordings, progress)
    inspection = together(of_axes, model.names) if isinstance(model, AxesModel) else of_axes[0]
    findings = (*inspection.findings, *of_opening)
    inspection = dataclasses.replace(inspection, findings=findings)
    if not replace:
        inspection = without_duplicates(model, inspection)
    inspection, judged = without_sensor_faults(inspection, judge(model, inspection.usable, progress))
    left_out = [f.message for f in inspection.findings if f.kind in ("known", *UNUSABLE_KINDS)]
    if not inspection.usable:
        raise FitError(f"no usable new recordings: {'; '.join(left_out)}")
    reviewed = review(model, inspection.usable, judged)
    if not accept and not replace:
        reviewed.check(left_out)
    # Few sources are no reason for blocks of time: each is scored without itself, a single one by the model.
    inspection = keep_cuts_together(inspection, minimum=MIN_RECORDINGS if replace else 1)
    usable = inspection.usable
    config = model.detector.config
    # For more recordings the detector is adapted again for each fold, which has a cost with any detector.
    count = crossfit_folds(type(model.detector), config) if replace else FOLDS
    folds = folds_of(usable, count, config.seed)
    make_model = _replaced if replace else _extended
    of_channels = [usable]
    if model.axes:
        of_channels = [tuple(recording.axes[i] for recording in usable) for i in range(len(model.axes))]
    befores = model.axes or [model]
    afters = [make_model(*pair, folds, progress) for pair in zip(befores, of_channels, strict=True)]
    adapted = AxesModel(afters, model.names, provenance={}) if isinstance(model, AxesModel) else afters[0]
    of_adaptation = entry(model, adapted, inspection, reviewed, replaced=replace)
    if model.axes:
        for i, (before, after) in enumerate(zip(befores, afters, strict=True)):
            of_channel = of_axis(inspection, i, of_axes[i])
            after.provenance = provenance(
                before, after, of_channel, reviewed, of_adaptation, replaced=replace
            )
    of_all = provenance(model, adapted, inspection, reviewed, of_adaptation, replaced=replace)
    if isinstance(model, AxesModel):
        adapted = AxesModel(afters, model.names, provenance=of_all)
    else:
        adapted.provenance = of_all
    issue_warnings(new_findings(model, adapted))
    return adapted


def _extended(
    model: Model, recordings: Sequence[AudioClip], folds: Sequence[int], progress: Progress | None
) -> Model:
    """A model of the old recordings and the new ones.

    Its calibration has the old scores, and those of the new recordings by the detectors of the folds. What
    its maps are compared with is extended likewise, unless there is a single fold.
    """
    before = adaptable(model.detector)
    detector, fold_models = before.adapted(recordings), [before]
    if max(folds) > 0:
        fold_models = [before.adapted(subset) for subset in TrainingSet(recordings, folds).subsets()[1:]]
    clip_scores = []
    maps: dict[str, list[np.ndarray]] = {}
    step = -(-len(recordings) // MAX_MAPS)
    for index, (recording, fold) in enumerate(zip(recordings, folds, strict=True)):
        # In maps by the old detector a new normal condition deviates as a fault does.
        explain = len(fold_models) > 1 and index % step == 0
        evidence = fold_models[fold].score(recording, explain=explain)
        clip_scores.append(evidence.scores)
        for name, map in evidence.maps.items():
            maps.setdefault(name, []).append(map)
        if progress:
            progress("calibrate", len(clip_scores), len(recordings), {})
    old = model.calibration
    scores = {
        name: np.concatenate([old.scores.get(name, np.empty(0)), [s[name] for s in clip_scores]])
        for name in model.detector.scores
        if name in old.scores or not old.domains  # a score that the version of the model did not have
    }
    method = "crossfit" if old.method == "none" else old.method
    profiles, limits = extended_maps(model, maps)
    return Model(
        detector,
        Calibration(method, scores, [*old.domains, *(r.clip.domain for r in recordings)]),
        profiles=profiles,
        normals=model.normals.extended(recordings, detector.config.front_end),
        channel=model.channel,
        provenance={"map_limits": {name: of_score.to_json() for name, of_score in limits.items()}},
    )


def _replaced(
    model: Model, recordings: Sequence[AudioClip], folds: Sequence[int], progress: Progress | None
) -> Model:
    """A model of the new recordings alone."""
    if max(folds) < 1:
        raise FitError(
            "recordings of a single source cannot replace the earlier ones: record at least two that are not "
            "cut from the same recording"
        )
    refittable = adaptable(model.detector, replace=True)
    detector, fold_models = refittable.cross_refitted(TrainingSet(recordings, folds))
    used = calibrated_on(type(detector), detector.config, recordings)
    with_fold = zip(folds, recordings, used, strict=True)
    held_out = [(fold_models[fold], r) for fold, r, is_used in with_fold if is_used]
    return calibrated_model(
        detector, recordings, held_out, method="crossfit", channel=model.channel, progress=progress
    )
