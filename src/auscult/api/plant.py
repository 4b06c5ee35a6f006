"""What is fitted for one machine of several: clips and settings, and the key by which its model is kept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auscult.api.plan import plan_fit
from auscult.api.training_clips import without_anomalies
from auscult.corpus import Clip, attribute_groups, open_corpus
from auscult.corpus.conditions import apply_conditions
from auscult.corpus.fingerprints import content_key, file_digests, fingerprints
from auscult.detectors import Detector, register
from auscult.detectors.options import config_to_json
from auscult.errors import FitError
from auscult.findings import Finding
from auscult.model.code_state import code_state
from auscult.model.fit_spec import FitSpec
from auscult.sound.tables import TableSettings

#: Part of every key, as is the code of the detector. Increase it when a change of other code, such as that of
#: `auscult.model.fitting`, changes scores, so that old models are fitted again.
SCHEMA = 2


@dataclass(frozen=True)
class PlantOptions:
    """The options that all machines share, and findings about all; ``plan`` are options of `plan_fit`."""

    detector_class: type[Detector]
    output: str
    group_by: tuple[str, ...]
    tables: TableSettings | None
    conditions: Mapping[str, str]
    other_machines: tuple[Clip, ...]
    plan: Mapping[str, Any]
    findings: tuple[Finding, ...] = ()

    def model_path(self, machine: str) -> str:
        """Return the path of a machine's model file."""
        return os.path.join(self.output, f"{machine}.auscult")


@dataclass(frozen=True)
class MachineFolder:
    """A machine and the folder of its recordings, or the manifest that lists them among others."""

    name: str
    folder: str


def machine_spec(options: PlantOptions, machine: MachineFolder) -> FitSpec:
    """The settings and clips of one machine; raises as `auscult.fit` and `open_corpus` do."""
    register(options.detector_class)  # a worker may not know it yet
    corpus = open_corpus(machine.folder, tables=options.tables)
    (opened,) = apply_conditions([corpus], options.conditions, must_match=False)
    if os.path.isfile(machine.folder):
        opened = opened.where(machine=machine.name)
    corpus, findings = without_anomalies(opened)
    if not corpus:
        reasons = "; ".join(finding.message for finding in findings) or "all are test or supplemental clips"
        raise FitError(f"none of {len(opened):,} recordings can be used for training: {reasons}")
    if options.group_by:
        corpus = attribute_groups(corpus, options.group_by)
    own_files = {os.path.realpath(clip.path) for clip in corpus}
    other_machines = [clip for clip in options.other_machines if os.path.realpath(clip.path) not in own_files]
    findings = (*options.findings, *findings)
    return plan_fit(corpus, **options.plan, other_machines=other_machines, findings=findings)


def model_key(spec: FitSpec, folder: str) -> str:
    """A digest that changes with everything that the model depends on, except the training device."""
    settings = {k: v for k, v in config_to_json(spec.config).items() if k != "device"}
    labels = [
        [clip.domain, clip.source_recording, clip.section, dict(clip.attributes), clip.window]
        for clip in spec.clips
    ]
    content = [SCHEMA, list(code_state(spec.detector_class)), spec.detector, spec.preset, settings]
    content += [spec.calibrate, spec.channel, fingerprints(spec.clips, folder), labels]
    content += [file_digests(spec.detector_class.files(spec.config))]
    if spec.detector_class.uses_other_machines(spec.config):
        content.append(fingerprints(spec.other_machines, folder))
    return content_key(content)
