"""Options shared by several commands, and the functions that interpret them."""

from __future__ import annotations

import math
import os
import shlex
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import click

from auscult.errors import ModelFileError, OptionError

if TYPE_CHECKING:
    from auscult.corpus import Corpus
    from auscult.decision import Threshold
    from auscult.model import Model
    from auscult.sound.tables import TableSettings

F = TypeVar("F", bound=Callable[..., Any])


class Number(click.FloatRange):
    """A number in a range, which excludes that it is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


class Seconds(Number):
    """A duration in seconds, written as ``90``, ``90s``, ``1.5m``, ``1h`` or ``2d``."""

    name = "duration"
    _units: ClassVar = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str):
            unit = self._units.get(value[-1:].lower())
            try:
                value = unit * float(value[:-1]) if unit else float(value)
            except ValueError:
                self.fail(f"{value!r} is not a duration; write e.g. 60s, 5m, 1h or 90 (seconds)", param, ctx)
        return super().convert(value, param, ctx)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
quiet_option = click.option("--quiet", "-q", is_flag=True, help="Do not show progress.")
channel_option = click.option(
    "--channel",
    type=click.IntRange(min=0),
    metavar="N",
    help="Channel to read from multichannel files, counted from 0.  [default: the model's]",
)


class Channel(click.IntRange):
    """The number of a channel from 0, or ``all``."""

    name = "channel"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if value == "all" else super().convert(value, param, ctx)


training_channel_option = click.option(  # for commands that fit a model, where no model sets a default yet
    "--channel",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Channel to read from multichannel files, counted from 0.",
)
learned_channel_option = click.option(
    "--channel",
    type=Channel(min=0),
    default=0,
    show_default=True,
    metavar="N|all",
    help="Channel to read from multichannel files, counted from 0; all: one model of all channels, such as "
    "the axes of an accelerometer, with one score.",
)
group_by_option = click.option(  # interpreted by `apply_group_by`
    "--group-by",
    metavar="NAMES",
    help="Attributes that identify the source recording, e.g. motor,spd. Clips with equal values stay in "
    "the same fold. Use 'none' to treat all clips as independent.",
)


condition_option = click.option(  # interpreted by `conditions_from`
    "--condition",
    "conditions",
    multiple=True,
    metavar="PATTERN=normal|anomaly",
    help="State what recordings are whose names do not say it. PATTERN is the name of a folder or file, or a "
    "path below the given folder; * and ? are wildcards, . is the folder itself. May be repeated.",
)


def model_argument(command: F) -> F:
    """MODEL, a model file. Its existence is checked by the library, with the same error as in Python."""
    return click.argument("model", metavar="MODEL", type=click.Path())(command)


def threshold_options(command: F) -> F:
    """Options that set the decision threshold; `chosen_threshold` interprets them."""
    for option in (
        click.option(
            "--threshold-method",
            type=click.Choice(["conformal", "gamma", "gamma_scipy", "baseline"]),
            help="How to compute the threshold from the calibration scores: conformal keeps the false-alarm "
            "rate; gamma fits a gamma distribution, and guarantees no rate; gamma_scipy is the plain fit of "
            "the DCASE baseline, which can fail unnoticed; baseline applies it to the losses of training "
            "batches instead, exactly as the DCASE baseline does (score mse only).  [default: conformal]",
        ),
        click.option(
            "--false-alarms",
            metavar="RATE",
            help="Accepted false-alarm rate: the fraction of normal recordings that may be reported as "
            "anomalous, e.g. 5% or 0.05.  [default: 5%; gamma and baseline: 10%]",
        ),
        click.option(
            "--threshold",
            type=float,
            metavar="X",
            help="Report recordings with a score above X as anomalous, regardless of the calibration.",
        ),
    ):
        command = option(command)
    return command


def training_options(command: F) -> F:
    """Options of the detector and its training; `settings_from` interprets them."""
    for option in (
        click.option(
            "--set",
            "pairs",
            multiple=True,
            metavar="KEY=VALUE",
            help="Set an option of the detector, e.g. n_mels=64; auscult detectors NAME lists them. May be "
            "repeated.",
        ),
        click.option(
            "--device",
            type=click.Choice(["auto", "cpu", "cuda", "mps"]),
            help="Device to train on; auto uses a GPU if there is one.  [default: auto]",
        ),
        click.option(
            "--epochs",
            type=click.IntRange(min=1),
            metavar="N",
            help="Number of training epochs, for detectors that train a network.  "
            "[default: 100; discriminative: 16]",
        ),
    ):
        command = option(command)
    return command


def workers_options(command: F) -> F:
    """Options ``jobs`` and ``cluster``: where the work runs; see `auscult.runtime.parallel.workers`."""
    for option in (
        click.option(
            "--cluster",
            metavar="ADDRESS",
            help="Run on the workers of a Dask scheduler, e.g. tcp://scheduler:8786. All workers need access "
            "to the same files under the same paths.",
        ),
        click.option(
            "--jobs",
            type=int,
            default=1,
            show_default=True,
            metavar="N",
            help="Number of worker processes; -1 starts one per CPU core.",
        ),
    ):
        command = option(command)
    return command


def table_options(command: F) -> F:
    """Options that state how tables are read, as the argument ``tables`` of the command."""

    @wraps(command)
    def with_tables(
        *arguments: Any, rate: float | None, columns: tuple[str, ...], scale: float | None, **others: Any
    ) -> Any:
        from auscult.sound.tables import TableSettings

        return command(*arguments, tables=TableSettings(rate, columns, scale), **others)

    for option in (
        click.option(
            "--scale",
            type=float,
            metavar="X",
            help="Multiply the values of tables by X, e.g. to convert volts to m/s².  [default: 1]",
        ),
        click.option(
            "--column",
            "columns",
            multiple=True,
            metavar="NAME|N",
            help="Column of tables to read as a channel: its name, its number from 0, a pattern such as "
            "'*_DE_time', or a path such as bearing.gs. May be repeated.  [default: all but times]",
        ),
        click.option(
            "--rate",
            type=float,
            metavar="HZ",
            help="Sample rate of tables (CSV, NumPy, MATLAB, HDF5, Parquet, TDMS, UFF).  [default: that of "
            "the file, by a column of times or a stated rate]",
        ),
    ):
        with_tables = option(with_tables)
    return cast("F", with_tables)


def flags_of_command() -> dict[str, str]:
    """Parameter name to flag (``time_limit`` to ``--time``) for every option of the running command."""
    options = click.get_current_context().command.params
    return {
        option.name: option.opts[0] for option in options if isinstance(option, click.Option) and option.name
    }


def settings_from(pairs: Sequence[str], **named: Any) -> dict[str, Any]:
    """Merge ``--set`` pairs and the detector settings that have an option of their own.

    Raises:
        OptionError: a pair lacks ``=``, or a setting is given both ways.
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


def conditions_from(pairs: Sequence[str]) -> dict[str, str]:
    """Split ``PATTERN=normal`` into pattern and condition.

    Raises:
        OptionError: a pair lacks ``=`` or has another condition.
    """
    conditions = {}
    for pair in pairs:
        pattern, _, value = pair.rpartition("=")
        if not pattern or value not in ("normal", "anomaly"):
            raise OptionError(
                f"--condition {pair}: write PATTERN=normal or PATTERN=anomaly, e.g. knocking=anomaly"
            )
        conditions[pattern] = value
    return conditions


def apply_group_by(corpus: Corpus, group_by: str | None) -> Corpus:
    """Mark clips with equal values of the ``--group-by`` attributes as cut from one source recording.

    The corpus is returned unchanged without the option and for ``none``.

    Raises:
        OptionError: the option contains no name, or an attribute that no clip has.
    """
    from auscult.corpus import attribute_groups

    names = names_from(group_by)
    return corpus if names in (None, ["none"]) else attribute_groups(corpus, names or [])


def rate_from(false_alarms: str | None) -> float | None:
    """The rate of ``--false-alarms``; ``None`` without the option.

    Raises:
        OptionError: it is not a rate.
    """
    from auscult.decision import parse_rate

    try:
        return None if false_alarms is None else parse_rate(false_alarms)
    except OptionError as error:
        raise OptionError(f"--false-alarms: {error}") from error


def chosen_threshold(
    model: Model, *, threshold: float | None, false_alarms: str | None, threshold_method: str | None
) -> Threshold:
    """The threshold set by ``--threshold``, or computed by ``--false-alarms`` and ``--threshold-method``.

    Raises:
        OptionError: both ways are combined, or the rate is invalid.
        FitError: no threshold can be computed from the calibration scores.
    """
    from auscult.decision import baseline_threshold, fixed_threshold, threshold_by_name

    if threshold is not None:
        if false_alarms is not None or threshold_method is not None:
            raise OptionError("--threshold cannot be combined with --false-alarms or --threshold-method")
        return fixed_threshold(threshold)
    name = model.detector.decisive_score
    scores = model.calibration.scores.get(name, ())
    rate = rate_from(false_alarms)
    if threshold_method == "baseline":
        batch_scores = model.detector.facts.get("batch_scores", {})
        if name not in batch_scores:
            raise OptionError(
                f"--threshold-method baseline: the model has no {name} of training batches; autoencoder and "
                "gamma_vae store their mse (not in version 0.1.0): choose another method, or fit again"
            )
        return baseline_threshold(batch_scores[name], *(() if rate is None else (rate,)))
    computed = threshold_by_name(threshold_method or "conformal", scores, rate=rate)
    return replace(computed, label=model.threshold(computed.rate or 0.05).label)


def open_model(
    path: str, *other_arguments: str, channel: int | None = None, tables: TableSettings | None = None
) -> Model:
    """Load the model and, unless ``channel`` is ``None``, set the channel that it reads.

    Args:
        other_arguments: the arguments after MODEL, to detect a model file given in the wrong place.
        channel: the channel; ``None``: that of the model.
        tables: what the user states about tables, which comes before what the model says.

    Raises:
        ModelFileError: as `auscult.load`.
        OptionError: the model file is among the other arguments.
    """
    from auscult.model.model_file import is_model_file, load_model

    try:
        model = load_model(path)
    except ModelFileError as error:
        misplaced = [o for o in other_arguments if o.lower().endswith(".auscult") or is_model_file(o)]
        if misplaced and not is_model_file(path):
            first, second = shlex.quote(misplaced[0]), shlex.quote(path)
            raise OptionError(
                f"{path} is not a model file; give the model first: {first} {second}"
            ) from error
        raise
    if channel is not None:
        if model.axes:
            raise OptionError(f"--channel: {path} judges {len(model.axes)} channels together; omit it")
        model.channel = channel
    if tables is not None:
        model.stated_tables = tables
    return model


def names_from(text: str | None) -> list[str] | None:
    """Split ``"fan, valve"`` into a list; ``None`` stays ``None``.

    Raises:
        OptionError: the text contains no name.
    """
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise OptionError(f"{text!r} contains no name; separate names by commas")
    return names


def check_extension(option: str, path: str, extensions: Sequence[str]) -> None:
    """Check that the name of an output file says in which format it is written.

    Args:
        option: the option that names the file.
        path: the file.
        extensions: those of the formats, with the dot.

    Raises:
        OptionError: the extension is none of them.
    """
    if not path.lower().endswith(tuple(extensions)):
        *others, last = extensions
        names = f"{', '.join(others)} or {last}" if others else last
        raise OptionError(f"{option} {path}: give a name that ends in {names}, which sets the format")


def check_writable(path: str, *, model: str | None = None) -> None:
    """Check that an output file can be written, before the work starts.

    Args:
        model: the input model file, which must not be overwritten.

    Raises:
        OptionError: the path is the input model or a folder, or its folder is missing or not writable.
    """
    if model is not None and os.path.realpath(path) == os.path.realpath(model):
        raise OptionError(f"--output {path} would overwrite MODEL; choose another file")
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path) or path.endswith((os.sep, os.altsep or os.sep)):
        raise OptionError(f"{path} is a folder; give a file name")
    if not os.path.isdir(folder):
        raise OptionError(f"{path}: folder {folder} does not exist; create it first")
    try:
        tempfile.TemporaryFile(dir=folder).close()  # permission bits alone are not conclusive
    except OSError as error:
        raise OptionError(f"{path}: cannot write to folder {folder}: {error.strerror}") from error
