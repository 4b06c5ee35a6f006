"""The command line from click: usage, arguments and options of every command."""

from __future__ import annotations

from collections.abc import Iterator

import click

from auscult.cli.commands import LazyGroup
from auscult.cli.commands import commands as all_commands
from tools.reference_pages.markdown import code, literal, table


def walk(group: LazyGroup = all_commands, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield the full name of every command, without ``auscult``, and the command."""
    context = click.Context(group)
    for name in group.list_commands(context):
        chosen = group.get_command(context, name)
        if chosen is None:
            raise KeyError(name)
        yield f"{prefix}{name}", chosen
        if isinstance(chosen, LazyGroup):
            yield from walk(chosen, f"{prefix}{name} ")


def command(name: str) -> str:
    """Return usage and options of a command, such as ``"dcase download"``."""
    chosen = dict(walk())[name]
    pieces = chosen.collect_usage_pieces(click.Context(chosen, info_name=name))
    usage = f"```text\nauscult {' '.join([name, *pieces])}\n```"
    options = [p for p in chosen.params if isinstance(p, click.Option) and p.name != "help" and not p.hidden]
    return f"{usage}\n\n{table(['option', 'meaning'], [(names(o), meaning(o)) for o in options])}"


def names(option: click.Option) -> str:
    """Return the long form of an option with what follows it, then its short form."""
    long = max(option.opts, key=len)
    short = "".join(f", {code(form)}" for form in option.opts if form != long)
    if isinstance(option.type, click.Choice):
        long += f" {'|'.join(option.type.choices)}"
    elif not option.is_flag:
        long += f" {option.metavar or option.type.name.upper()}"
    return code(long) + short


def meaning(option: click.Option) -> str:
    """Return the help text of an option, with its default as a sentence."""
    text, _, default = (option.help or "").partition("  [default: ")
    shown = option.show_default if isinstance(option.show_default, str) else str(option.default)
    default = default.removesuffix("]") or (shown if option.show_default else "")
    sentences = [literal(text)]
    if default:
        sentences.append(f"Default: {literal(default)}.")
    if option.required:
        sentences.append("Required.")
    return " ".join(sentences)


def command_list() -> str:
    """Return a table of all commands with links to their pages, which are next to the page with the list."""
    rows = []
    for name, chosen in walk():
        page, _, subcommand = name.partition(" ")
        anchor = f"#auscult-{page}-{subcommand}" if subcommand else ""
        if not isinstance(chosen, LazyGroup):
            rows.append((f"[`auscult {name}`]({page}.md{anchor})", literal(chosen.short_help or "")))
    return table(["command", "what it does"], rows)
