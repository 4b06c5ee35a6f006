"""The command line: one file per verb, each imported only when it is called."""

from auscult.cli.commands import commands, main

__all__ = ["commands", "main"]
