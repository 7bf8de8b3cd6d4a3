"""Between any two effects a process may die: each point is died at once, and what follows is as if nobody had died.

points.txt is the list of them, by the chapter of the tale that comes to them first. A new effect in the product is a
new point, which belongs there: `./dev chaos --pairs --list` writes it anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from tests.conftest import a_database
from tests.crash.ends import Life, amiss
from tests.crash.outside import Outside
from tests.crash.pairs import LIST
from tests.crash.points import transactions
from tests.crash.scene import Chapter
from tests.crash.tale import TALE, UNTOLD
from tests.databases import House

pytestmark = [pytest.mark.long, pytest.mark.timeout(120)]

LISTED = [line.split(" | ", 1) for line in LIST.read_text().splitlines()]


class Reader:
    """Who has read each chapter as it goes without a death."""

    def __init__(self, outside: Outside) -> None:
        self.outside = outside
        self._whole: dict[str, Life] = {}

    def whole(self, chapter: Chapter) -> Life:
        if chapter.name not in self._whole:
            self._whole[chapter.name] = self.outside.live(chapter)
        return self._whole[chapter.name]


@pytest.fixture(scope="module")
def reader(admin: psycopg.Connection, template_db: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with (
        a_database(admin, template_db) as url,
        closing(House(url)) as house,
        closing(Outside(house, os.environ["TEST_REDIS_URL"], tmp_path_factory.mktemp("outside"))) as outside,
    ):
        yield Reader(outside)


def points_of(reader: Reader) -> dict[str, str]:
    """Every point that the tale comes to, and in which chapter first."""
    found: dict[str, str] = {}
    for chapter in TALE:
        for point in reader.whole(chapter).reached[0]:
            found.setdefault(point, chapter.name)
    return found


def test_every_effect_is_on_the_list(reader: Reader) -> None:
    assert points_of(reader) == {point: chapter for chapter, point in LISTED}, "run ./dev chaos --pairs --list"


def test_every_transaction_of_the_product_is_in_the_tale_or_says_why_not(reader: Reader) -> None:
    told = {point.partition(" commits: ")[0] for _, point in LISTED}
    for chapter in TALE:
        told |= reader.whole(chapter).readings
    assert transactions() - told == set(UNTOLD)


@pytest.mark.parametrize(("chapter", "point"), LISTED, ids=[point for _, point in LISTED])
def test_a_process_may_die(reader: Reader, chapter: str, point: str) -> None:
    (told,) = (each for each in TALE if each.name == chapter)
    life = reader.outside.live(told, (point, 1))
    assert life.died_at == [point]
    assert amiss(reader.whole(told), life) == []
