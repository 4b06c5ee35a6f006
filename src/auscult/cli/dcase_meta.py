"""The meta file of a submission: what auscult knows of a system, and ``?`` for what only its authors do."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auscult.cli import text


def meta_file(label: str, results: Path, system: str, seed: int) -> str:
    """The meta information of one system and seed of a bench, as YAML.

    Args:
        label: of the submission, ``Name_Institute_task2_1``.
        results: the output folder of the bench.
        system: ``detector:score``.
        seed: of the fit.
    """
    entry, _, score = system.partition(":")
    header = _model_header(results, entry, seed)
    config, facts = header.get("config", {}), header.get("facts", {})
    rate = config.get("front_end", {}).get("sample_rate")
    lines = [
        "submission:",
        f"  label: {json.dumps(label)}",
        f"  name: {json.dumps(system)}",
        f"  abbreviation: {json.dumps(entry)}",
        '  authors: "?"',
        "system:",
        "  description:",
        f"    input_sampling_rate: {json.dumps(f'{rate / 1000:g} kHz' if rate else '?')}",
        '    data_augmentation: "none"',
        '    acoustic_features: "log-mel energies"',
        f"    machine_learning_method: {json.dumps(entry)}",
        f"    anomaly_score: {json.dumps(score or '?')}",
        '    decision_making: "90th percentile of a gamma distribution fitted to training scores"',
        '    external_data_usage: "none"',
        "  complexity:",
        f"    total_parameters: {facts.get('parameters', json.dumps('?'))}",
        "  software:",
        '    name: "auscult"',
        f"    version: {json.dumps(header.get('provenance', {}).get('versions', {}).get('auscult', '?'))}",
        f"    seed: {seed}",
        "results:",
        "  development_dataset:  # in percent",
    ]
    achieved = _achieved(results, system, seed)
    for machine, metrics in achieved.items():
        lines.append(f"    {json.dumps(machine)}:")
        lines += [f"      {name}: {100 * value:.2f}" for name, value in metrics.items()]
    if not achieved:
        lines[-1] = '  development_dataset: "?"'
    return "\n".join(lines) + "\n"


def _model_header(results: Path, entry: str, seed: int) -> Mapping[str, Any]:
    """The header of one of the bench's models; empty where it keeps none, as of another system."""
    from auscult.errors import ModelFileError
    from auscult.model.model_file import read_header_and_arrays

    for path in sorted(results.glob(f"stages/*/{entry}/seed{seed}/model.auscult")):
        try:
            return read_header_and_arrays(path)[0]
        except ModelFileError as error:
            text.warn(str(error))
    return {}


def _achieved(results: Path, system: str, seed: int) -> dict[str, dict[str, float]]:
    """What the bench measured: each machine's harmonic means over its sections."""
    from auscult.evaluation import harmonic_mean, read_results

    if not os.path.exists(results / "results.csv"):
        return {}
    found: dict[str, dict[str, list[float]]] = {}
    for row in read_results(results / "results.csv"):
        if (row.column, row.seed) == (system, seed):
            metrics = found.setdefault(row.machine, {})
            for name in ("auc_source", "auc_target", "pauc"):
                if getattr(row, name) is not None:
                    metrics.setdefault(name, []).append(getattr(row, name))
    return {
        machine: {name: harmonic_mean(values) for name, values in metrics.items()}
        for machine, metrics in found.items()
    }
