"""A benchmark that cannot measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from local.children import LocalError


def main(_options: Sequence[str]) -> NoReturn:
    raise LocalError("there is nothing to measure with")
