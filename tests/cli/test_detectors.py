"""``auscult detectors``: the list, one detector, JSON and wrong names."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from auscult.detectors import DETECTORS, detector_type
from auscult.spectrum import FrontEnd


def options_of(name: str) -> set[str]:
    return {f.name for f in (*fields(detector_type(name).config_type), *fields(FrontEnd))} - {"front_end"}


def test_the_list_has_every_detector_and_what_it_needs(run):
    output = run("detectors").stdout
    starts = {line.split()[0]: line for line in output.splitlines() if line[:1].strip()}
    assert set(DETECTORS) <= set(starts)
    assert "auto (default)" in starts["auto"]
    assert "auscult[train]" in starts["autoencoder"]
    assert "--set encoder=…" in starts["embedding_memory"]
    assert "exact, report, public_code" in starts["gamma_vae"]
    assert max(map(len, output.partition("\n\n")[0].splitlines())) <= 100


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_is_described_with_all_options(run, name):
    output = run("detectors", name).stdout
    lines = output.splitlines()
    assert max(map(len, lines)) <= 100
    facts, _, table = output.partition("\noption ")
    for word in (*detector_type(name).scores, *detector_type(name).presets, "vibration"):
        assert word in facts
    assert {line.split()[0] for line in table.splitlines()[2:] if line[0] != " "} == options_of(name)


def test_what_a_preset_sets_is_shown(run):
    output = run("detectors", "gamma_vae").stdout
    assert "exact: the defaults (used if no preset is given)" in output
    assert "report: head=softmax kl=eq2_text_labels kl_warmup=0" in output


def test_json_has_every_field(run):
    described = json.loads(run("detectors", "--json").stdout)
    assert [detector["name"] for detector in described] == list(DETECTORS)
    by_name = {detector["name"]: detector for detector in described}
    assert json.loads(run("detectors", "gamma_vae", "--json").stdout) == by_name["gamma_vae"]
    assert by_name["gamma_vae"]["default_preset"] == "exact"
    assert by_name["gamma_vae"]["presets"]["report"]["head"] == "softmax"
    assert (by_name["autoencoder"]["extra"], by_name["auto"]["extra"]) == ("train", "")
    options = {option["name"]: option for option in by_name["embedding_memory"]["options"]}
    assert options.keys() == options_of("embedding_memory")
    assert options["encoder"]["required"]
    assert options["score"]["choices"] == by_name["embedding_memory"]["scores"]
    rate = options["encoder_rate"]
    assert (rate["type"], rate["optional"], rate["default"], rate["unit"]) == ("int", True, None, "Hz")


def test_a_wrong_name_is_an_error_with_a_suggestion(run):
    result = run("detectors", "spectral_memry")
    assert result.exit_code == 2
    assert "did you mean spectral_memory" in result.stderr
