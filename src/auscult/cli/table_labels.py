"""Labels of systems and machines in the tables of ``auscult table``, from pairs ``NAME=LABEL``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from auscult.errors import OptionError


def parse_labels(pairs: Iterable[str], systems: Sequence[str], machines: Sequence[str]) -> dict[str, str]:
    """Return the label of each system and machine that has one.

    Args:
        pairs: texts ``NAME=LABEL``; NAME is a machine, ``detector:score``, or a detector with one score.
        systems: the systems in the table, ``detector:score``.
        machines: the machines in the table.

    Raises:
        OptionError: a pair is not of this form, a name is unknown or stands for several systems, or two
            systems or machines would have the same label.
    """
    labels: dict[str, str] = {}
    for pair in pairs:
        name, label = _split(pair, systems, machines)
        if labels.setdefault(name, label) != label:
            raise OptionError(f"--rename {pair}: {name} has the label {labels[name]} already")
    for names in (dict.fromkeys(systems), dict.fromkeys(machines)):
        shown = [labels.get(name, name) for name in names]
        if twice := next((label for label in shown if shown.count(label) > 1), None):
            raise OptionError(f"--rename: more than one column or row would be called {twice}")
    return labels


def _split(pair: str, systems: Sequence[str], machines: Sequence[str]) -> tuple[str, str]:
    """The name of a system or machine, and its label.

    A pair is divided after a known name, since names may contain ``=``, as in ``autoencoder[epochs=50]``.
    """
    of_detectors: dict[str, list[str]] = {}
    for system in systems:
        of_detectors.setdefault(system.partition(":")[0], []).append(system)
    candidates = {**of_detectors, **{name: [name] for name in (*machines, *systems)}}
    name = max((name for name in candidates if pair.startswith(f"{name}=")), key=len, default=None)
    label = "" if name is None else pair[len(name) + 1 :].strip()
    if name is None or not label:
        known = ", ".join(dict.fromkeys([*systems, *machines]))
        raise OptionError(f"--rename {pair}: write NAME=LABEL with a name of the table: {known}")
    if len(candidates[name]) > 1:
        raise OptionError(f"--rename {pair}: choose one of its scores: {', '.join(candidates[name])}")
    return candidates[name][0], label
