"""Every version of every object of the site, packed small: a year of ten thousand customers fits in memory.

A version is unpacked anew each time it is asked for, so nobody who edits what they were given edits the past.
"""

from __future__ import annotations

import marshal
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Body = dict[str, Any]
Key = tuple[str, str]

# Large objects, above all invoices, are deflated against the first of their kind. Small ones are kept as they are: to
# deflate them would save little memory and cost a tenth of the time (docs/simulator.md).
_WORTH = 1200
_EXAMPLES = 8
# A small window packs as well, for objects are small, and costs half the time.
_WINDOW, _MEMORY, _LEVEL = 13, 6, 1
_DICT = ord("{")  # how marshal begins a dict; zlib begins otherwise
_RECENT = 256  # versions that are kept inflated: an action reads the same ones again and again


class Versions(Mapping[Key, list[Body]]):
    """The versions of each object, oldest first, by kind and id.

    Each version also has a number, counted over the whole site in the order they were made.
    """

    def __init__(self) -> None:
        self._packed: list[bytes] = []
        self._numbers: dict[str, dict[str, list[int]]] = {}
        self._packings: dict[str, _Packing] = {}
        self._examples: dict[bytes, bytes] = {}  # by the checksum that zlib writes into what was packed with them
        self._recent: dict[int, bytes] = {}

    def pack(self, kind: str, body: Body) -> bytes:
        """A body as it will be kept.

        Raises:
            ValueError: it holds something other than what JSON knows.
        """
        if kind not in self._packings:
            self._packings[kind] = _Packing(self._examples)
        return self._packings[kind].pack(marshal.dumps(body))

    def add(self, key: Key, packed: bytes) -> int:
        """Keep the newest version of an object, made or not made before; its number."""
        kind, id = key
        number = len(self._packed)
        self._packed.append(packed)
        self._numbers.setdefault(kind, {}).setdefault(id, []).append(number)
        return number

    def read(self, number: int) -> Body:
        """The version with this number."""
        plain = self._packed[number]
        if plain[0] & 0x7F != _DICT:
            plain = self._recent.get(number) or self._inflated(number, plain)
        body: Body = marshal.loads(plain)  # noqa: S302 (nobody but pack wrote it)
        return body

    def _inflated(self, number: int, packed: bytes) -> bytes:
        if len(self._recent) >= _RECENT:
            self._recent = {}
        plain = zlib.decompressobj(_WINDOW, self._examples[packed[2:6]]).decompress(packed)
        self._recent[number] = plain
        return plain

    def newest(self, key: Key) -> Body:
        return self.read(self.numbers(key)[-1])

    def numbers(self, key: Key) -> Sequence[int]:
        """The numbers of an object's versions, oldest first."""
        try:
            return self._numbers[key[0]][key[1]]
        except KeyError:
            raise KeyError(key) from None

    def ids(self, kind: str) -> Mapping[str, Sequence[int]]:
        """Every object of a kind with the numbers of its versions, in the order the objects were made."""
        return self._numbers.get(kind, {})

    def __getitem__(self, key: Key) -> list[Body]:
        return [self.read(number) for number in self.numbers(key)]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and len(key) == 2 and key[1] in self._numbers.get(key[0], {})

    def __iter__(self) -> Iterator[Key]:
        return ((kind, id) for kind, ids in self._numbers.items() for id in ids)

    def __len__(self) -> int:
        return sum(map(len, self._numbers.values()))


class _Packing:
    """How the objects of one kind are packed, once there are examples of it."""

    def __init__(self, examples: dict[bytes, bytes]) -> None:
        self._all = examples
        self._first: list[bytes] = []
        self._compressor = zlib.compressobj()  # until there are examples

    def pack(self, plain: bytes) -> bytes:
        if len(plain) < _WORTH:
            return plain
        if len(self._first) < _EXAMPLES:
            self._first.append(plain)
            if len(self._first) == _EXAMPLES:
                self._learn(b"".join(self._first)[-(1 << _WINDOW) :])
            return plain
        compressor = self._compressor.copy()
        return compressor.compress(plain) + compressor.flush()

    def _learn(self, examples: bytes) -> None:
        self._all[zlib.adler32(examples).to_bytes(4, "big")] = examples
        self._compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY, zdict=examples)
