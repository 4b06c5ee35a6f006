"""A recording is the sum of its shares, and the mask marks where the fault's is the louder."""

import numpy as np
import pytest

from auscult.simulation import MACHINE_TYPES
from auscult.simulation.plan import plan_clips
from auscult.simulation.rendering import Site, louder_bins
from auscult.simulation.sources import rms
from auscult.spectrum import FrontEnd, log_mel

RATE = 16000
TYPES = list(MACHINE_TYPES.values())


def site(machine, seed: int = 0) -> Site:
    return Site(machine, (seed, machine.type), 4 * RATE, RATE)


def anomalies(machine, severity: str):
    """One plan for each fault of a machine."""
    plans = [p for p in plan_clips(machine, (0, machine.type), 4, 12) if p.fault and p.domain == "source"]
    return {p.fault.name: p for p in plans if p.fault.severity == severity}.values()


@pytest.mark.parametrize("machine", TYPES, ids=lambda m: m.type)
def test_a_healthy_clip_has_its_loudness_and_no_fault(machine):
    place = site(machine)
    for plan in list(plan_clips(machine, (0, machine.type), 4, 1))[:4]:
        recorded = place.record(plan)
        assert recorded.fault is None
        assert recorded.samples is recorded.rest or np.array_equal(recorded.samples, recorded.rest)
        assert 20 * np.log10(rms(recorded.samples)) == pytest.approx(plan.loudness, abs=0.01)
        assert np.abs(recorded.samples).max() < 1.0


@pytest.mark.parametrize("machine", TYPES, ids=lambda m: m.type)
@pytest.mark.parametrize("severity", ["medium", "high"])
def test_the_mask_marks_bins_in_which_the_fault_is_the_louder_share(machine, severity):
    place, front_end = site(machine), FrontEnd(sample_rate=RATE)
    for plan in anomalies(machine, severity):
        recorded = place.record(plan)
        mask = louder_bins(recorded.fault, recorded.rest, RATE)
        assert mask.shape == (front_end.frames_in(4 * RATE), 128)
        assert mask.any(), plan.fault
        assert not mask.all()
        fault, rest, clip = (log_mel(x, front_end) for x in (recorded.fault, recorded.rest, recorded.samples))
        assert (fault[mask] > rest[mask]).all()
        assert (fault[~mask] <= rest[~mask]).all()
        # What is heard differs from the rest most where the mask says so.
        change = np.abs(clip - rest)
        assert change[mask].mean() > 1.5 * change[~mask].mean()
        assert 20 * np.log10(rms(recorded.samples)) == pytest.approx(plan.loudness, abs=0.01)


@pytest.mark.parametrize("machine", TYPES, ids=lambda m: m.type)
def test_a_severer_fault_marks_more(machine):
    place = site(machine)
    shares = [
        np.mean(
            [
                louder_bins(r.fault, r.rest, RATE).mean()
                for r in map(place.record, anomalies(machine, severity))
            ]
        )
        for severity in ("low", "medium", "high")
    ]
    assert shares[0] < shares[1] < shares[2]


def test_where_the_fault_adds_sound_the_clip_is_the_sum_of_rest_and_fault():
    fan = MACHINE_TYPES["fan"]
    for plan in anomalies(fan, "high"):
        recorded = site(fan).record(plan)
        assert np.allclose(recorded.samples, recorded.rest + recorded.fault, atol=1e-6)


def test_a_recording_is_the_same_each_time_and_differs_between_seeds():
    fan = MACHINE_TYPES["fan"]
    plan = next(iter(plan_clips(fan, (0, "fan"), 4, 0)))
    assert np.array_equal(site(fan).record(plan).samples, site(fan).record(plan).samples)
    assert not np.allclose(site(fan).record(plan).samples, site(fan, 1).record(plan).samples)
