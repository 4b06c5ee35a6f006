"""Checks of a detector's class: options, presets, and the state before it is fitted."""

from __future__ import annotations

import json
import pickle
import re
from dataclasses import fields

import numpy as np

from auscult.detectors.options import config_from_json, config_to_json
from auscult.errors import FitError, NotFittedError
from auscult.runtime.option_fields import option_fields
from auscult.testing.checked_detector import CheckedDetector, require


def check_name_and_scores(checked: CheckedDetector) -> None:
    """The detector and its scores have names that the command line can separate."""
    kind = checked.kind
    require(
        re.fullmatch(r"\w+", kind.name),
        f"name is {kind.name!r}: use letters, digits and underscores",
    )
    require(
        isinstance(kind.scores, tuple) and kind.scores and len(set(kind.scores)) == len(kind.scores),
        f"scores is {kind.scores!r}: write a tuple of one or more different names",
    )
    for score in kind.scores:
        require(re.fullmatch(r"\w+", score), f"score {score!r}: use letters, digits and underscores")


def check_options(checked: CheckedDetector) -> None:
    """Every option is described, and a configuration is stored as JSON."""
    kind, config = checked.kind, checked.unfitted().config
    described = {f.name for f in option_fields(kind.config_type)}
    for f in fields(kind.config_type):
        require(
            f.name in described or f.name == "front_end",
            f"{kind.config_type.__name__}.{f.name} has no help text: define it by "
            "auscult.runtime.option_fields.option(default, help)",
        )
    missing = set(kind.required_options) - described
    require(not missing, f"required_options names {', '.join(missing)}, which is no option")
    stored = json.loads(json.dumps(config_to_json(config)))
    require(
        config_from_json(kind.name, stored) == config,
        "the configuration is not the same after it was stored as JSON: options are int, float, bool or "
        "str, or one of these or None",
    )


def check_presets(checked: CheckedDetector) -> None:
    """A detector with any of its presets can be fitted and scores."""
    for preset in checked.kind.presets:
        detector = checked.unfitted(preset)
        scores = detector.fit(checked.normals[:6]).score(checked.unseen[0]).scores
        require(
            all(np.isfinite(value) for value in scores.values()),
            f"with the preset {preset} a score is not finite: {scores}",
        )


def check_unfitted(checked: CheckedDetector) -> None:
    """A new detector has no state, and says that it must be fitted first."""
    detector = checked.unfitted()
    require(
        not detector.arrays and not detector.facts,
        "a new detector has arrays or facts: only `fit` sets them",
    )
    for unfitted in (detector, pickle.loads(pickle.dumps(detector))):
        try:
            unfitted.score(checked.normals[0])
        except NotFittedError:
            continue
        except Exception as error:
            raise AssertionError(
                f"`score` before `fit` raises {error!r}: call self.check_fitted() first"
            ) from error
        raise AssertionError("`score` before `fit` returns scores: call self.check_fitted() first")


def check_fit_refuses_no_recordings(checked: CheckedDetector) -> None:
    """Fitting to nothing is a `FitError`."""
    try:
        checked.unfitted().fit([])
    except FitError:
        return
    except Exception as error:
        raise AssertionError(f"`fit` without recordings raises {error!r}: raise FitError") from error
    raise AssertionError("`fit` without recordings succeeds: raise FitError")
