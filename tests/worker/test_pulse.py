"""When a worker takes itself for deaf: work was asked for, and none came, and no other reason is in sight."""

from __future__ import annotations

import os
import signal

from worker.pulse import BUSY_SILENCE, PERIOD, SILENCE, Hearing, hear_one_at_a_time

LOOK = 5


def days(hearing: Hearing, until: int, *, begun: int = 0, busy: bool = False, published: bool = True) -> int | None:
    """Look every five seconds and ask every fifteen, until this instant; when it was found deaf, if it was."""
    for now in range(int(hearing.looked_at or -LOOK) + LOOK, until + 1, LOOK):
        if hearing.is_deaf(now, begun, busy=busy):
            return now
        if now % PERIOD == 0:
            hearing.asked(now, published=published)
    return None


def test_an_idle_worker_that_is_given_nothing_is_deaf_within_75_seconds_of_its_last_task():
    hearing = Hearing()
    assert days(hearing, 100, begun=7) == SILENCE
    assert SILENCE + PERIOD + LOOK < 75


def test_a_worker_whose_tasks_run_long_is_given_the_time_that_they_may_take():
    assert days(Hearing(), 100, busy=True) == BUSY_SILENCE


def test_a_worker_that_begins_tasks_is_not_deaf():
    hearing = Hearing()
    for begun in range(20):
        assert days(hearing, 40 * begun, begun=begun) is None


def test_while_nothing_can_be_published_nothing_is_expected():
    hearing = Hearing()
    assert days(hearing, 15) is None
    assert days(hearing, 600, published=False) is None
    assert days(hearing, 900) == 615 + SILENCE


def test_a_worker_that_was_frozen_has_time_to_catch_up():
    hearing = Hearing()
    assert days(hearing, 30) is None
    assert not hearing.is_deaf(200, 0, busy=False)
    hearing.asked(200, published=True)
    hearing.looked_at = 200
    assert not hearing.is_deaf(205, 0, busy=False)


def test_a_signal_that_comes_while_one_is_told_of_goes_by_and_a_later_one_is_heard_again():
    heard = []

    def told(number, _frame):
        heard.append(number)
        os.kill(os.getpid(), number)  # at once, in the midst of it

    before = signal.signal(signal.SIGUSR1, told)
    try:
        hear_one_at_a_time(signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert heard == [signal.SIGUSR1, signal.SIGUSR1]
