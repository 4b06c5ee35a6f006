"""A clip is the sum of its parts, and the mask marks the bins in which the fault is louder."""

import numpy as np
import pytest

from auscult.simulation import MACHINE_TYPES
from auscult.simulation.plan import plan_clips
from auscult.simulation.rendering import Site, fault_mask
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
def test_a_healthy_clip_has_the_planned_loudness_and_no_fault(machine):
    machine_site = site(machine)
    for plan in list(plan_clips(machine, (0, machine.type), 4, 1))[:4]:
        clip = machine_site.record(plan)
        assert clip.fault is None
        assert np.array_equal(clip.samples, clip.unaffected)
        assert 20 * np.log10(rms(clip.samples)) == pytest.approx(plan.loudness, abs=0.01)
        assert np.abs(clip.samples).max() < 1.0


@pytest.mark.parametrize("machine", TYPES, ids=lambda m: m.type)
@pytest.mark.parametrize("severity", ["medium", "high"])
def test_the_mask_marks_the_bins_in_which_the_fault_is_louder(machine, severity):
    machine_site, front_end = site(machine), FrontEnd(sample_rate=RATE)
    for plan in anomalies(machine, severity):
        clip = machine_site.record(plan)
        mask = fault_mask(clip.fault, clip.unaffected, RATE)
        assert mask.shape == (front_end.frames_in(4 * RATE), 128)
        assert mask.any(), plan.fault
        assert not mask.all()
        fault, unaffected, total = (
            log_mel(x, front_end) for x in (clip.fault, clip.unaffected, clip.samples)
        )
        assert (fault[mask] > unaffected[mask]).all()
        assert (fault[~mask] <= unaffected[~mask]).all()
        # The clip differs most from its unaffected part in the bins of the mask.
        change = np.abs(total - unaffected)
        assert change[mask].mean() > 1.5 * change[~mask].mean()
        assert 20 * np.log10(rms(clip.samples)) == pytest.approx(plan.loudness, abs=0.01)


@pytest.mark.parametrize("machine", TYPES, ids=lambda m: m.type)
def test_a_more_severe_fault_marks_more_bins(machine):
    machine_site = site(machine)
    fractions = [
        np.mean(
            [
                fault_mask(r.fault, r.unaffected, RATE).mean()
                for r in map(machine_site.record, anomalies(machine, severity))
            ]
        )
        for severity in ("low", "medium", "high")
    ]
    assert fractions[0] < fractions[1] < fractions[2]


def test_a_clip_is_the_sum_of_the_unaffected_part_and_the_fault():
    fan = MACHINE_TYPES["fan"]
    for plan in anomalies(fan, "high"):
        clip = site(fan).record(plan)
        assert np.allclose(clip.samples, clip.unaffected + clip.fault, atol=1e-6)


def test_a_clip_is_reproducible_and_differs_between_seeds():
    fan = MACHINE_TYPES["fan"]
    plan = next(iter(plan_clips(fan, (0, "fan"), 4, 0)))
    assert np.array_equal(site(fan).record(plan).samples, site(fan).record(plan).samples)
    assert not np.allclose(site(fan).record(plan).samples, site(fan, 1).record(plan).samples)
