"""Clips of a simulated machine, which are independent of each other by construction."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from auscult.corpus.clip import Clip

#: The file beside ``train/`` and ``test/`` in which `auscult.simulation` describes a machine.
DESCRIPTION = "simulation.json"


def mark_simulated(clips: Sequence[Clip], folder: str) -> Sequence[Clip]:
    """Make each clip of a simulated machine its own recording, if the folder holds nothing else.

    Clips of a few speeds and loads look like pieces of as many longer recordings, and it is not known of
    real ones whether they are. The simulation generates every clip on its own.

    Args:
        clips: all clips of the machine.
        folder: the machine folder.

    Returns:
        The clips; unchanged unless the folder has the description of a simulation, and the clips agree with
        it in the numbers of each split and in the names of the anomalous ones.
    """
    try:
        with open(os.path.join(folder, DESCRIPTION), encoding="utf-8") as file:
            description = json.load(file)
        agree = _agree(clips, description)
    except (OSError, ValueError, KeyError, TypeError):  # no description, or not one of a simulation
        return clips
    return [replace(clip, source_recording=clip.path) for clip in clips] if agree else clips


def _agree(clips: Sequence[Clip], description: Mapping[str, Any]) -> bool:
    settings = description["settings"]
    numbers = {"train": settings["clips"], "test": 4 * settings["test_clips"]}
    files = (os.path.basename(clip.path) for clip in clips if clip.condition == "anomaly")
    return (
        description["simulated"] is True
        and len(clips) == sum(numbers.values())
        and all(sum(clip.split == split for clip in clips) == number for split, number in numbers.items())
        and {os.path.splitext(file)[0] for file in files} == set(description["anomalies"])
    )
