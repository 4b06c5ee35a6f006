"""``auscult encoders``: the table, one encoder, JSON and wrong names."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from auscult.cli.encoders import command
from auscult.detectors.embedding.known_encoders import KNOWN_ENCODERS
from auscult.errors import OptionError


def run(*arguments: str) -> str:
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_the_table_has_a_row_for_each_encoder():
    lines = run().splitlines()
    for encoder in KNOWN_ENCODERS:
        (line,) = [line for line in lines if line.split()[:1] == [encoder.name]]
        assert f"{encoder.sample_rate} Hz" in line
        assert str(encoder.features) in line
        assert line.endswith(encoder.licence.partition(" (")[0])
    assert max(map(len, lines)) <= 100


def test_one_encoder_is_described_with_the_steps_of_the_export():
    text = run("mn04_as")
    for part in ("MIT", "32000 Hz", "0.432", "mn04_as_mAP_432.pt", "export_efficientat.py"):
        assert part in text
    steps = [line[:2] for line in text.splitlines() if line[:1].isdigit()]
    assert steps == [f"{i}." for i in range(1, len(steps) + 1)]


def test_json_has_every_field():
    rows = json.loads(run("--json"))
    assert [row["name"] for row in rows] == [encoder.name for encoder in KNOWN_ENCODERS]
    assert json.loads(run("yamnet", "--json")) == rows[0]
    assert rows[0]["audioset_map"] == 0.306
    assert rows[0]["steps"]


def test_a_wrong_name_is_an_error_that_lists_the_names():
    with pytest.raises(OptionError, match=r"'vggish'.*yamnet, mn04_as"):
        run("vggish")


def test_names_and_scripts_are_consistent_with_the_documentation():
    from pathlib import Path

    page = (Path(__file__).parents[2] / "docs" / "how-to" / "export-an-encoder.md").read_text()
    for encoder in KNOWN_ENCODERS:
        for step in encoder.steps:
            for word in step.replace(",", " ").split():
                if word.startswith("export_") and word.endswith(".py"):
                    assert f"# {word}" in page, f"{encoder.name}: {word}"
