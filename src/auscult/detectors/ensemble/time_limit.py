"""Fitting the members of an ensemble within a time limit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from itertools import pairwise

from auscult.detectors import detector_type
from auscult.detectors.base import Config, Progress
from auscult.detectors.crossfit import TrainingSet, crossfit
from auscult.detectors.embedding.embedding_memory import EmbeddingMemory
from auscult.detectors.ensemble.config import AutoConfig
from auscult.detectors.ensemble.member_fit import MemberFit, crossfit_member
from auscult.detectors.ensemble.members import ENCODER, Member
from auscult.errors import FitError

#: Minimum number of epochs for a useful network.
MIN_EPOCHS = 5


def fit_members(
    config: AutoConfig, training: TrainingSet, progress: Progress | None
) -> tuple[list[MemberFit], dict[str, list[str]]]:
    """Cross-fit all members within the time limit; also return the names of skipped members by reason."""
    members = config.candidates()
    for member in members.values():  # before anything is fitted
        detector_type(member.detector).check_can_fit()
    if config.encoder:
        EmbeddingMemory(members[ENCODER].config(config.seed, config.front_end)).load_encoder()
    fits: list[MemberFit] = []
    skipped: dict[str, list[str]] = {}
    started = time.monotonic()
    for name, member in members.items():
        left = math.inf if config.time_limit is None else config.time_limit - (time.monotonic() - started)
        if fits and left < max(fit.details["seconds"] for fit in fits):
            reason = f"not enough of the time limit of {config.time_limit:g} s is left"
            skipped.setdefault(reason, []).append(name)
            continue
        report = prefixed_progress(progress, name)
        try:
            member_config = config_within_budget(left, member, config, training, report)
            fits.append(crossfit_member(name, member, member_config, training, report, earlier=fits))
        except FitError as error:
            skipped.setdefault(str(error), []).append(name)
    return fits, skipped


def config_within_budget(
    seconds: float, member: Member, config: Config, training: TrainingSet, progress: Progress | None
) -> Config:
    """Return a member's configuration, a network's with as many epochs as fit into the time.

    Args:
        seconds: the time for fitting the member; infinite: no limit.
        member: detector and score.
        config: the configuration of the ensemble.
        training: recordings and folds, on which the time per epoch is measured.
        progress: called after each step.

    Raises:
        FitError: the time is not enough for `MIN_EPOCHS`.
    """
    if not member.trains or math.isinf(seconds):
        return member.config(config.seed, config.front_end)
    started = time.monotonic()
    epoch, overhead = _measured_times(member, config, training, progress)
    left = seconds - (time.monotonic() - started) - overhead
    if left < MIN_EPOCHS * epoch:
        raise FitError(
            f"the remaining time of {seconds:.0f} s is not enough for {MIN_EPOCHS} epochs of {epoch:.1f} s"
        )
    default = member.config(config.seed, config.front_end).epochs  # type: ignore[attr-defined]
    affordable = default if epoch * default <= left else int(left / epoch)
    return member.config(config.seed, config.front_end, epochs=affordable)


def _measured_times(
    member: Member, config: Config, training: TrainingSet, progress: Progress | None
) -> tuple[float, float]:
    """Measure a member's cross-fitting with two epochs.

    Returns:
        Seconds for one epoch of all its networks, measured on the second one since the first includes one-off
        work, and seconds for everything else.
    """
    epoch_ends: list[tuple[int, float]] = []

    def report(stage: str, done: int, total: int, figures: Mapping[str, float]) -> None:
        if stage == "train":
            epoch_ends.append((done, time.monotonic()))
        if progress:
            progress(stage, done, total, figures)

    kind = detector_type(member.detector)
    two_epochs = kind.without_validation_split(member.config(config.seed, config.front_end, epochs=2))
    started = time.monotonic()
    crossfit(kind, two_epochs, training, report)
    total_seconds = time.monotonic() - started
    epoch = sum(end - start for (_, start), (done, end) in pairwise(epoch_ends) if done == 2)
    return epoch, total_seconds - 2 * epoch


def prefixed_progress(progress: Progress | None, name: str) -> Progress | None:
    """Return a callback that prefixes the stage with the member's name, ``name:stage``."""
    if progress is None:
        return None
    report: Callable[..., None] = progress
    return lambda stage, done, total, figures: report(f"{name}:{stage}", done, total, figures)
