"""Options that several verbs share, and what they mean."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import click

from auscult.errors import ModelFileError, OptionError

if TYPE_CHECKING:
    from auscult.corpus import Corpus
    from auscult.decision import Threshold
    from auscult.model import Model

F = TypeVar("F", bound=Callable[..., Any])


class Seconds(click.FloatRange):
    """A length of time as seconds: ``90``, ``90s``, ``1.5m`` or ``1h``; what is none is told of these."""

    name = "length of time"
    _units: ClassVar = {"s": 1.0, "m": 60.0, "h": 3600.0}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str):
            unit = self._units.get(value[-1:].lower())
            try:
                value = unit * float(value[:-1]) if unit else float(value)
            except ValueError:
                self.fail(f"{value!r} is no length of time, like 60s, 5m, 1h or 90", param, ctx)
        return super().convert(value, param, ctx)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
quiet_option = click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
channel_option = click.option(
    "--channel",
    type=click.IntRange(min=0),
    metavar="N",
    help="Channel of files with several, from 0.  [default: the model's]",
)
first_channel_option = click.option(  # for what makes a model, where there is none yet to say
    "--channel",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Channel of files with several, from 0.",
)
group_by_option = click.option(  # `grouped` reads it
    "--group-by",
    metavar="NAMES",
    help="Attributes, like motor,spd: clips that agree in all of them are taken for cuts of one recording, "
    "and never judged by what heard the others; none: every clip was recorded by itself.",
)


def model_argument(verb: F) -> F:
    """MODEL, a file; a missing one is told of by the library, in the words of the Python API."""
    return click.argument("model", metavar="MODEL", type=click.Path())(verb)


def threshold_options(verb: F) -> F:
    """How a verdict is made; `chosen_threshold` reads them."""
    for option in (
        click.option(
            "--threshold-method",
            type=click.Choice(["conformal", "gamma"]),
            help="From calibration scores to a threshold: conformal keeps the promised rate; gamma is the "
            "baseline's fit of a distribution, which promises nothing.  [default: conformal]",
        ),
        click.option(
            "--false-alarms",
            metavar="RATE",
            help="Share of normal recordings that may be called anomalous, like 5% or 0.05.  "
            "[default: 5%; gamma: 10%]",
        ),
        click.option(
            "--threshold",
            type=float,
            metavar="X",
            help="Call anomalous what scores above X, whatever the calibration says.",
        ),
    ):
        verb = option(verb)
    return verb


def training_options(verb: F) -> F:
    """How a detector learns; `settings_from` reads them."""
    for option in (
        click.option(
            "--set",
            "pairs",
            multiple=True,
            metavar="KEY=VALUE",
            help="Any option of the detector, like n_mels=64 (docs/detectors.md has them); may be repeated.",
        ),
        click.option(
            "--device",
            type=click.Choice(["auto", "cpu", "cuda", "mps"]),
            help="Where to train; auto takes a GPU where there is one.  [default: auto]",
        ),
        click.option(
            "--epochs",
            type=click.IntRange(min=1),
            metavar="N",
            help="Passes over the training data of detectors that train a network.  "
            "[default: 100; discriminative: 16]",
        ),
    ):
        verb = option(verb)
    return verb


def workers_options(verb: F) -> F:
    """Options ``jobs`` and ``cluster``: where the work runs; see `auscult.runtime.parallel.workers`."""
    for option in (
        click.option(
            "--cluster",
            metavar="ADDRESS",
            help="Let the workers of a Dask scheduler do the work, like tcp://scheduler:8786; they must see "
            "the same files under the same names.",
        ),
        click.option(
            "--jobs",
            type=int,
            default=1,
            show_default=True,
            metavar="N",
            help="Processes that share the work; -1 is one a core.",
        ),
    ):
        verb = option(verb)
    return verb


def flags_of_command() -> dict[str, str]:
    """Parameter name to flag (``time_limit`` to ``--time``) for every option of the running command."""
    options = click.get_current_context().command.params
    return {
        option.name: option.opts[0] for option in options if isinstance(option, click.Option) and option.name
    }


def settings_from(pairs: Sequence[str], **named: Any) -> dict[str, Any]:
    """Detector settings from ``--set`` pairs and from the options that have a name of their own.

    Raises:
        OptionError: a pair without ``=``, or a setting that is given both ways.
    """
    from auscult.detectors.options import parse_settings

    settings: dict[str, Any] = dict(parse_settings(pairs))
    flags = flags_of_command()
    for name in settings.keys() - named.keys():
        if name in flags:
            raise OptionError(f"--set {name}=…: not a detector option; use {flags[name]} instead")
    given = {name: value for name, value in named.items() if value is not None}
    for name in given.keys() & settings.keys():
        raise OptionError(f"{flags[name]} and --set {name}=… are both given: choose one")
    return {**settings, **given}


def grouped(corpus: Corpus, group_by: str | None) -> Corpus:
    """The clips, with those that agree in the attributes that ``--group-by`` names as cuts of one recording;
    as they are for ``none``.

    Raises:
        OptionError: no name in it, or an attribute that no clip has.
    """
    from auscult.corpus import attribute_groups

    names = names_from(group_by)
    return corpus if names in (None, ["none"]) else attribute_groups(corpus, names or [])


def chosen_threshold(
    model: Model, *, threshold: float | None, false_alarms: str | None, threshold_method: str | None
) -> Threshold:
    """The threshold that ``--threshold``, or ``--false-alarms`` and ``--threshold-method``, ask for.

    Raises:
        OptionError: both ways at once, or a rate that is none.
        FitError: calibration scores that no threshold can be made of.
    """
    from auscult.decision import fixed_threshold, parse_rate, threshold_by_name

    if threshold is not None:
        if false_alarms is not None or threshold_method is not None:
            raise OptionError("--threshold leaves nothing for --false-alarms or --threshold-method to decide")
        return fixed_threshold(threshold)
    scores = model.calibration.scores.get(model.detector.decisive_score, ())
    try:
        rate = None if false_alarms is None else parse_rate(false_alarms)
    except OptionError as error:
        raise OptionError(f"--false-alarms: {error}") from error
    return threshold_by_name(threshold_method or "conformal", scores, rate=rate)


def opened_model(path: str, *others: str, channel: int | None = None) -> Model:
    """The model, made to hear ``channel`` unless that is ``None``.

    Args:
        others: the arguments after it, to tell when one of them is the model.

    Raises:
        ModelFileError: as `auscult.load`.
        OptionError: the model is among the others.
    """
    from auscult.model.model_file import load_model

    try:
        model = load_model(path)
    except ModelFileError as error:
        if swapped := [other for other in others if other.lower().endswith(".auscult")]:
            raise OptionError(
                f"{path} is no model: the model file comes first: {swapped[0]} {path}"
            ) from error
        raise
    if channel is not None:
        model.channel = channel
    return model


def names_from(text: str | None) -> list[str] | None:
    """``"fan, valve"`` as a list; ``None`` stays ``None``.

    Raises:
        OptionError: no name in it.
    """
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise OptionError(f"{text!r} names nothing; separate names by commas")
    return names


def check_writable(path: str, *, model: str | None = None) -> None:
    """Makes sure that a file can be written, before the work that it is for.

    Args:
        model: the file that the work rests on, which must stay.

    Raises:
        OptionError: the model itself, the name of a folder, or a folder that is missing or cannot be written
            to.
    """
    if model is not None and os.path.realpath(path) == os.path.realpath(model):
        raise OptionError(f"--output {path} is MODEL itself, which is kept: name another file")
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path) or path.endswith((os.sep, os.altsep or os.sep)):
        raise OptionError(f"{path}: a folder; name a file in it")
    if not os.path.isdir(folder):
        raise OptionError(f"{path}: there is no folder {folder}; make it first")
    try:
        tempfile.TemporaryFile(dir=folder).close()  # permissions alone do not tell
    except OSError as error:
        raise OptionError(f"{path}: the folder {folder} cannot be written to: {error.strerror}") from error
