"""The meta file of a challenge submission.

Everything in it is read from the results of the benchmark; what they do not state is ``?``, to be completed
by the authors. So are statements about the training of detectors from outside, which only their authors know.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from auscult.cli import text
from auscult.dcase import bench_results
from auscult.detectors.names import DetectorName

UNKNOWN = "?"


def meta_file(
    label: str,
    results: Path,
    system: str,
    seed: int,
    machines: Iterable[str],
    development: Path | None = None,
) -> str:
    """Describe one system and seed of a benchmark as YAML.

    Args:
        label: label of the submission, ``Name_Institute_task2_1``.
        results: output folder of the benchmark.
        system: ``detector:score``.
        seed: seed of the fit.
        machines: the machines of the submission.
        development: output folder of the benchmark on the development data set; ``None`` if unknown.
    """
    entry, _, score = system.partition(":")
    facts = bench_results.read_results(results)
    models = _models(results, entry, seed, machines)
    header = next((header for header, _ in models.values()), {})
    rate = header.get("config", {}).get("front_end", {}).get("sample_rate")
    version = header.get("provenance", {}).get("versions", {}).get("auscult", UNKNOWN)
    values = {
        "input_sampling_rate": f"{rate / 1000:g} kHz" if rate else UNKNOWN,
        "data_augmentation": _augmentation(header),
        "acoustic_features": _features(header),
        "machine_learning_method": entry,
        "anomaly_score": score or UNKNOWN,
        "decision_making": _decision(bench_results.stored_threshold(facts, system, seed)),
        "external_data_usage": _external_data(header),
    }
    lines = [
        "submission:",
        f"  label: {json.dumps(label)}",
        f"  name: {json.dumps(system)}",
        f"  abbreviation: {json.dumps(entry)}",
        f'  authors: "{UNKNOWN}"',
        "system:",
        "  description:",
        *(f"    {name}: {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()),
        "  complexity:",
        f"    total_parameters: {_parameters({name: count for name, (_, count) in models.items()})}",
        "  software:",
        '    name: "auscult"',
        f"    version: {json.dumps(version)}",
        f"    seed: {seed}",
        "results:",
    ]
    measured = _metrics(development, system, seed) if development else {}
    lines.append(
        "  development_dataset:  # in percent" if measured else f'  development_dataset: "{UNKNOWN}"'
    )
    for machine, metrics in measured.items():
        lines.append(f"    {json.dumps(machine)}:")
        lines += [f"      {name}: {100 * value:.2f}" for name, value in metrics.items()]
    return "\n".join(lines) + "\n"


def is_development(root: str | None) -> bool:
    """Whether a benchmark's data root is, by its path, a development data set of the challenge."""
    return root is not None and "dev_data" in Path(os.path.abspath(root)).parts


def _is_ours(header: Mapping[str, Any]) -> bool:
    from auscult.detectors import DETECTORS

    module, _ = DETECTORS.get(header.get("detector", ""), ("", ""))
    return module.startswith("auscult.")


def _augmentation(header: Mapping[str, Any]) -> str:
    """Which augmentation the detector's options switch on; ``?`` for a detector from outside."""
    if not _is_ours(header):
        return UNKNOWN
    config = header["config"]
    used = [name for name in ("mixup", "exchange", "disturb") if config.get(name)]
    return ", ".join(f"{name} {config[name]:g}" for name in used) or "none"


def _features(header: Mapping[str, Any]) -> str:
    if not _is_ours(header):
        return UNKNOWN
    encoder = _encoder(header)
    if header["detector"] == "embedding_memory":
        return f"embeddings of {encoder}" if encoder else UNKNOWN
    if header["detector"] == "discriminative":
        return "spectrogram and spectrum"
    return "log-mel energies" + (f", embeddings of {encoder}" if encoder else "")


def _external_data(header: Mapping[str, Any]) -> str:
    """``none`` only if the detector is fitted on the given recordings alone."""
    if not _is_ours(header):
        return UNKNOWN
    encoder = _encoder(header)
    return f"pre-trained model {encoder}, see its documentation for the data" if encoder else "none"


def _encoder(header: Mapping[str, Any]) -> str:
    """The file name of the pretrained encoder; empty if there is none."""
    return os.path.basename(str(header.get("config", {}).get("encoder") or ""))


def _decision(threshold: Mapping[str, Any] | None) -> str:
    """How the decisions were made, from the stored threshold."""
    if threshold is not None and threshold["value"] is None:
        return "no threshold, see the warnings of the benchmark"
    if threshold is None or threshold["rate"] is None:
        return UNKNOWN
    baseline = threshold["method"] == "baseline"
    basis = "losses of {} training batches" if baseline else "scores of {} normal recordings"
    basis = basis.format(threshold["calibration_count"])
    if threshold["method"] == "conformal":
        return f"conformal threshold for {100 * threshold['rate']:g} % false alarms from the {basis}"
    percentile = f"{100 * (1 - threshold['rate']):g}th percentile"
    return f"{percentile} of a gamma distribution fitted to the {basis}"


def _parameters(counts: Mapping[str, int]) -> str:
    """The number of parameters of the model of one machine; of the largest, with all as a comment, if they
    differ."""
    if not counts:
        return json.dumps(UNKNOWN)
    largest = max(counts.values())
    if len(set(counts.values())) == 1:
        return str(largest)
    return f"{largest}  # of the largest model: {', '.join(f'{m} {count}' for m, count in counts.items())}"


def _models(
    results: Path, entry: str, seed: int, machines: Iterable[str]
) -> dict[str, tuple[Mapping[str, Any], int]]:
    """The headers of the benchmark's models and their numbers of parameters, by machine.

    It is empty for an external system.
    """
    from auscult.errors import ModelFileError
    from auscult.model.model_file import load_model, read_header_and_arrays

    models: dict[str, tuple[Mapping[str, Any], int]] = {}
    for machine in dict.fromkeys(machines):
        path = (
            results / "stages" / machine / DetectorName.parse(entry).folder / f"seed{seed}" / "model.auscult"
        )
        if path.is_file():
            try:
                models[machine] = read_header_and_arrays(path)[0], load_model(path).detector.parameters
            except ModelFileError as error:
                text.warn(str(error))
    return models


def _metrics(results: Path, system: str, seed: int) -> dict[str, dict[str, float]]:
    """The metrics in a benchmark's results: for each machine, harmonic means over its sections."""
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
