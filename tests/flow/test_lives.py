"""Two thousand customers' lives, told to one database as badly as a network can, end as the provider has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.lives import CROWD, Ground

HISTORIES = 2000


@pytest.fixture
def ground(db_url: str, tmp_path: Path) -> Iterator[Ground]:
    ground = Ground(db_url, tmp_path)
    yield ground
    ground.close()


@pytest.mark.long
@pytest.mark.many
@pytest.mark.parametrize("seed", range(1, HISTORIES + 1, CROWD))
def test_lives_end_as_the_provider_has_them(ground: Ground, seed: int) -> None:
    crowd = ground.tell(range(seed, seed + CROWD))
    assert crowd.differing == {}, f"./dev chaos --histories {CROWD} --seed {seed} tries each of these alone"
    assert crowd.counts["found"] == crowd.counts["dropped"] > 0
    assert crowd.counts["called_for"] > 0
