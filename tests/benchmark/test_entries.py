"""Which detectors a bench runs, and with which settings."""

import pytest

from auscult.benchmark.entries import Entry, entries
from auscult.detectors import DETECTORS, detector_type
from auscult.detectors.reconstruction.autoencoder import Autoencoder
from auscult.detectors.reconstruction.gamma_vae import GammaVAE
from auscult.errors import MissingExtraError, OptionError


def names(found):
    return [entry.name for entry in found]


@pytest.fixture
def wanting(monkeypatch):
    """The gamma VAE as a detector with an option that only the user can bring."""
    monkeypatch.setattr(GammaVAE, "required_options", ("latent",))


def test_every_preset_of_a_detector_is_an_entry():
    found, notes = entries(["autoencoder", "gamma_vae"], {})
    assert names(found) == ["autoencoder", "gamma_vae", "gamma_vae@report"]
    assert notes == []
    assert names(entries(["gamma_vae@report"], {})[0]) == ["gamma_vae@report"]
    with pytest.raises(OptionError, match="no preset 'sed'"):
        entries(["gamma_vae@sed"], {})


def test_presets_beside_a_default_without_one_stand_beside_it_but_for_its_twin(monkeypatch):
    monkeypatch.setattr(Autoencoder, "presets", {"same": {"hidden": 128}, "small": {"hidden": 16}})
    assert names(entries(["autoencoder"], {})[0]) == ["autoencoder", "autoencoder@small"]


def test_all_is_every_detector_for_which_nothing_is_missing():
    found, notes = entries(["all"], {})
    ready = [name for name in DETECTORS if not detector_type(name).required_options]
    assert list(dict.fromkeys(entry.detector for entry in found)) == ready
    assert len(notes) == len(DETECTORS) - len(ready)
    assert len({entry.detector for entry in found}) == len(found), "each as it comes"
    assert "gamma_vae@report" not in names(found)
    more, _ = entries(["all", "gamma_vae", "gamma_vae@report"], {})
    assert names(more) == [*names(found), "gamma_vae@report"], "each once"


def test_what_only_the_user_can_bring_is_missed_in_words(wanting):
    found, notes = entries(["all"], {})
    assert "gamma_vae" not in names(found)
    assert "gamma_vae is left out: it needs --set latent=…." in notes
    with pytest.raises(OptionError, match="gamma_vae needs the option latent: give it by --set latent=…"):
        entries(["gamma_vae"], {})
    assert names(entries(["gamma_vae@exact"], {"latent": "shape_rate"})[0]) == ["gamma_vae"]


def test_what_is_not_installed_is_left_out_of_all_and_kept_where_it_was_named(monkeypatch):
    def missing(cls):
        raise MissingExtraError(f"Fitting {cls.name}", "train")

    monkeypatch.setattr(GammaVAE, "check_can_fit", classmethod(missing))
    found, notes = entries(["all"], {})
    assert "gamma_vae" not in names(found)
    assert any("gamma_vae is left out" in note and "auscult[train]" in note for note in notes)
    assert "gamma_vae" in names(entries(["gamma_vae"], {})[0])


def test_settings_go_to_the_detectors_that_have_them():
    settings = {"latent": "shape_rate", "epochs": "3", "n_mels": "64", "score": "latent"}
    assert Entry("autoencoder").settings(settings) == {"epochs": "3", "n_mels": "64"}
    assert Entry("gamma_vae").settings(settings) == settings
    entries(["autoencoder", "gamma_vae"], settings)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"colour": "red"}, "no option 'colour' in any of: autoencoder, gamma_vae"),
        ({"score": "loudness"}, "no score 'loudness' in any of"),
        ({"latent": "x"}, "latent"),
        ({"epochs": "many"}, "epochs='many' is no int"),
    ],
)
def test_wrong_settings_are_told_before_any_work(settings, told):
    with pytest.raises(OptionError, match=told):
        entries(["autoencoder", "gamma_vae"], settings)


def test_needs_are_told_in_words(wanting, monkeypatch):
    monkeypatch.setattr(GammaVAE, "learns_from_others", classmethod(lambda cls, config: True))
    assert Entry("gamma_vae").needs({}) == ["auscult[train]", "latent=…", "other machines, if any"]
    assert Entry("autoencoder").needs({}) == ["auscult[train]"]


def test_auto_needs_other_machines_where_a_member_learns_from_them():
    other = "other machines, if any"
    assert other not in Entry("auto").needs({})
    assert other in Entry("auto").needs({"members": "levels,classes"})
    assert other in Entry("discriminative").needs({})
