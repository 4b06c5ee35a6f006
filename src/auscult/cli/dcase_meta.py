"""The meta file of a challenge submission, with ``?`` for what only the authors know."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auscult.cli import text


def meta_file(label: str, results: Path, system: str, seed: int) -> str:
    """Describe one system and seed of a benchmark as YAML.

    Args:
        label: label of the submission, ``Name_Institute_task2_1``.
        results: output folder of the benchmark.
        system: ``detector:score``.
        seed: seed of the fit.
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
    measured = _metrics(results, system, seed)
    for machine, metrics in measured.items():
        lines.append(f"    {json.dumps(machine)}:")
        lines += [f"      {name}: {100 * value:.2f}" for name, value in metrics.items()]
    if not measured:
        lines[-1] = '  development_dataset: "?"'
    return "\n".join(lines) + "\n"


def _model_header(results: Path, entry: str, seed: int) -> Mapping[str, Any]:
    """The header of one of the benchmark's models; empty if there is none, as for an external system."""
    from auscult.errors import ModelFileError
    from auscult.model.model_file import read_header_and_arrays

    for path in sorted(results.glob(f"stages/*/{entry}/seed{seed}/model.auscult")):
        try:
            return read_header_and_arrays(path)[0]
        except ModelFileError as error:
            text.warn(str(error))
    return {}


def _metrics(results: Path, system: str, seed: int) -> dict[str, dict[str, float]]:
    """The metrics in the benchmark's results: for each machine, harmonic means over its sections."""
    from auscult.evaluation import harmonic_mean, read_results

    if not os.path.exists(results / "results.csv"):
        return {}
    by_machine: dict[str, dict[str, list[float]]] = {}
    for row in read_results(results / "results.csv"):
        if (row.column, row.seed) == (system, seed):
            metrics = by_machine.setdefault(row.machine, {})
            for name in ("auc_source", "auc_target", "pauc"):
                if getattr(row, name) is not None:
                    metrics.setdefault(name, []).append(getattr(row, name))
    return {
        machine: {name: harmonic_mean(values) for name, values in metrics.items()}
        for machine, metrics in by_machine.items()
    }
