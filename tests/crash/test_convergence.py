"""Killed again and again while it lives some weeks, the system ends in what the site says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.convergence import Order, run
from tests.crash.runs import complaint, line_of

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_system_whose_parts_are_killed_ends_in_the_providers_state(tmp_path: Path, seed: int) -> None:
    outcome = run(Order(seed), tmp_path / "run")
    print(line_of(outcome))
    assert not outcome.differences, "\n" + complaint(outcome, tmp_path / "run")
    assert outcome.kills >= 60
    sent = outcome.events - outcome.dropped
    assert outcome.deliveries["accepted"] >= 2.8 * sent
    assert outcome.once >= 0.1 * sent
