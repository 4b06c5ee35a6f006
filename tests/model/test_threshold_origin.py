"""Which recordings alone set a threshold."""

import numpy as np

from auscult.corpus import Clip
from auscult.model.threshold_origin import threshold_origin


def _clips(domains, **attributes):
    return [
        Clip(f"rec/{i}.wav", domain=domain, attributes={k: v[i] for k, v in attributes.items()})
        for i, domain in enumerate(domains)
    ]


def test_a_small_domain_above_all_others_sets_the_threshold():
    clips = _clips(["source"] * 30 + ["target"] * 5)
    scores = np.r_[np.linspace(-1, 0.5, 30), [1.5, 1.6, 1.7, 1.8, 1.9]]
    origin = threshold_origin(scores, clips)
    assert origin is not None
    assert origin.paths == tuple(f"rec/{i}.wav" for i in range(30, 35))
    assert (origin.value, origin.without) == (1.9, 0.5)
    assert (
        "5 recordings in the target domain (30.wav, 31.wav, 32.wav and 2 more) alone"
        in origin.finding.message
    )


def test_an_attribute_value_or_a_single_recording_sets_the_threshold():
    speeds = ["2"] * 6 + ["1"] * 24
    scores = np.r_[np.linspace(3, 4, 6), np.linspace(-1, 1, 24)]
    origin = threshold_origin(scores, _clips([None] * 30, speed=speeds))
    assert origin is not None
    assert "6 recordings with speed=2" in origin.group
    outlier = np.r_[9.0, np.linspace(-1, 1, 29)]
    origin = threshold_origin(outlier, _clips([None] * 30))
    assert origin is not None
    assert origin.group == "1 recording (0.wav)"


def test_usual_scores_have_no_such_recordings():
    clips = _clips(["source"] * 30 + ["target"] * 5)
    assert threshold_origin(np.linspace(-1, 1, 35), clips) is None
    assert threshold_origin(np.r_[np.linspace(-1, 1, 30), np.linspace(-1, 1.1, 5)], clips) is None
    assert threshold_origin(np.r_[9.0, np.zeros(9)], clips[:10]) is None, "there is no threshold"
    half = np.r_[np.linspace(-1, 0, 20), np.linspace(3, 4, 15)]
    assert threshold_origin(half, _clips(["source"] * 20 + ["target"] * 15)) is None, "two ways of running"
