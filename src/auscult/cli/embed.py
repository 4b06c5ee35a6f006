"""``auscult embed``: write codes, embeddings or pooled views of recordings to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from auscult.cli import text
from auscult.cli.flags import with_flags
from auscult.cli.options import (
    channel_option,
    check_extension,
    check_writable,
    json_option,
    model_argument,
    open_model,
    quiet_option,
    table_options,
)
from auscult.cli.progress import show_progress

if TYPE_CHECKING:
    from auscult.sound.tables import TableSettings

SOME_UNREADABLE = 4


@click.command("embed", short_help="Write codes or embeddings of recordings to a NumPy file.")
@model_argument
@click.argument("recordings", metavar="RECORDINGS...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--output",
    "-o",
    required=True,
    metavar="FILE",
    type=click.Path(),
    help="File to write, in NumPy's format; its name ends in .npz.",
)
@channel_option
@table_options
@json_option
@quiet_option
def command(
    model: str,
    recordings: tuple[str, ...],
    output: str,
    channel: int | None,
    tables: TableSettings,
    as_json: bool,
    quiet: bool,
) -> int:
    """Write codes or embeddings of recordings to a NumPy file.

    These are the codes of autoencoders, the embeddings of encoders and classifiers, or the pooled views of
    detectors without a network. RECORDINGS are files, folders or CSV manifests.
    """
    check_extension("--output", output, [".npz"])
    check_writable(output, model=model)

    from auscult.api.embed import embed, shapes
    from auscult.corpus import open_corpus

    loaded = open_model(model, *recordings, channel=channel, tables=tables)
    corpora = [open_corpus(path, labels=False, tables=loaded.tables) for path in recordings]
    clips = [clip for corpus in corpora for clip in corpus]
    with show_progress(quiet=quiet) as progress:
        result = embed(loaded, clips, progress=progress)
    result.save(output)
    for error in result.errors:
        text.note(f"Error: {error}")
    arrays = shapes(result.arrays())
    if as_json:
        errors = [{"path": error.path, "error": with_flags(error.reason)} for error in result.errors]
        text.print_json(
            {"output": output, "recordings": len(result.clips), "arrays": arrays, "errors": errors}
        )
    else:
        click.echo(f"{output}: {text.count(len(result.clips), 'recording')}, {loaded.detector.name}")
        click.echo(text.facts([(name, " × ".join(map(str, s)) or "1") for name, s in arrays.items()]))
    return SOME_UNREADABLE if result.errors else 0
