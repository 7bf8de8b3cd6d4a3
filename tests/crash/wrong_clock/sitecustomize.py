"""A process with this folder on its PYTHONPATH lives by a wrong clock: so many seconds off as the file CLOCK_OFF says.

The file may change while it lives: then somebody has set the clock. What only ever moves on stays as it is.
"""

from __future__ import annotations

import datetime as module
import os
import time
from pathlib import Path

_right_time, _right = time.time, module.datetime
_file = Path(os.environ["CLOCK_OFF"])


def _off() -> float:
    return float(_file.read_text() or 0)


class _AsTheOthers(type):
    """What C code makes is one of these, too."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _right)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, _right)


class datetime(_right, metaclass=_AsTheOthers):
    @classmethod
    def now(cls, tz=None):
        return _right.now(tz) + module.timedelta(seconds=_off())

    @classmethod
    def utcnow(cls):
        return _right.now(module.UTC).replace(tzinfo=None) + module.timedelta(seconds=_off())


time.time = lambda: _right_time() + _off()
module.datetime = datetime
