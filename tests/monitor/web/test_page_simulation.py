"""The page of simulated machines in a browser."""

from __future__ import annotations

import pytest
from tests.monitor.web.browsing import VIEWS, go, open_page, row
from tests.monitor.web.conftest import running

from auscult.monitor.simulated import SimulatedFleet

pytestmark = pytest.mark.slow


@pytest.fixture
def fleet():
    return SimulatedFleet(["fan"])


@pytest.fixture
def monitor(fleet, model, tmp_path):
    with running(fleet.watched({fleet.names[0]: model}), tmp_path / "store", simulation=fleet) as monitor:
        yield monitor


def controls(page) -> tuple[str, str, str]:
    """The fault and the severity that are chosen, and the severity beside the slider."""
    return (
        page.get_by_label("Fault").input_value(),
        page.get_by_label("Severity").input_value(),
        page.inner_text("output"),
    )


def test_faults_of_simulated_machines(browser, fleet, monitor):
    (name,) = fleet.names
    with open_page(browser, monitor.server.address) as page:
        row(page, name).locator("a.name").click()
        fault = page.get_by_label("Fault")
        fault.select_option("rubbing")
        page.get_by_label("Severity").fill("0.5")
        page.get_by_role("button", name="Start fault").click()
        page.get_by_text("Fault: rubbing, severity 50 %").wait_for()
        assert (fleet.fault(name).name, fleet.fault(name).severity) == ("rubbing", 0.5)
        page.get_by_role("button", name="End fault").click()
        page.get_by_text("No fault now").wait_for()
        assert fleet.fault(name) is None
        assert page.get_by_role("button", name="End fault").is_disabled()


def test_a_fault_that_another_sets_is_shown_by_the_controls(browser, fleet, monitor):
    """Two pages and a program: each shows what the others set."""
    (name,) = fleet.names
    address = monitor.server.address
    with (
        open_page(browser, address) as page,
        open_page(browser, address) as other,
        monitor.client() as client,
    ):
        for one in (page, other):
            row(one, name).locator("a.name").click()
            one.get_by_text("No fault now").wait_for()
        first = fleet.faults(name)[0]
        assert controls(page) == (first, f"{fleet.severity:g}", f"{fleet.severity:.0%}".replace("%", " %"))
        client.post("api/machines/1/fault", json={"fault": "rubbing", "severity": 1}).raise_for_status()
        page.get_by_text("Fault: rubbing, severity 100 %").wait_for()
        assert controls(page) == ("rubbing", "1", "100 %")
        other.get_by_text("Fault: rubbing, severity 100 %").wait_for()
        other.get_by_label("Severity").fill("0.25")
        other.get_by_role("button", name="Start fault").click()
        page.get_by_text("Fault: rubbing, severity 25 %").wait_for()
        assert controls(page) == ("rubbing", "0.25", "25 %")
        other.get_by_role("button", name="End fault").click()
        page.get_by_text("No fault now").wait_for()
        client.post("api/machines/1/fault", json={"fault": first}).raise_for_status()
        assert fleet.fault(name).severity == fleet.severity


def test_every_view_says_that_it_is_a_simulation(browser, fleet, monitor):
    with open_page(browser, monitor.server.address, failures=True) as page:
        row(page, fleet.names[0]).wait_for()
        for view in VIEWS:
            go(page, view.format(machine=1, event=1))
            assert "not real" in page.inner_text("#simulation:visible"), view
