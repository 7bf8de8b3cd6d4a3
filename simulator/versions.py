"""Every version of every object of the site, packed: a year of ten thousand customers fits in memory.

A version is unpacked anew each time it is asked for, so nobody who edits what they were given edits the past.
"""

from __future__ import annotations

import marshal
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Body = dict[str, Any]
Key = tuple[str, str]

# A version that is not the newest any more is deflated if it is large, as invoices are. What is small, or still asked
# for, is kept as it is: to deflate it too would save a third of the memory and cost a sixth more time.
_LARGE = 1200
_EXAMPLES = 8  # objects of a kind against which later ones are deflated: they share most words
_WINDOW, _MEMORY, _LEVEL = 13, 6, 1  # a small window does as well, for objects are small, and costs half the time
_DICT = ord("{")  # how marshal begins a dict; zlib begins otherwise


class Versions(Mapping[Key, list[Body]]):
    """The versions of each object, oldest first, by kind and id.

    Each version also has a number, counted over the whole site in the order they were made.
    """

    def __init__(self) -> None:
        self._packed: list[bytes] = []
        self._numbers: dict[str, dict[str, list[int]]] = {}
        self._deflaters: dict[str, _Deflater] = {}
        self._examples: dict[bytes, bytes] = {}  # by the checksum that zlib writes into what was deflated with them

    def pack(self, body: Body) -> bytes:
        """A body as it will be kept.

        Raises:
            ValueError: it holds something other than what JSON knows.
        """
        return marshal.dumps(body)

    def add(self, key: Key, packed: bytes) -> int:
        """Keep the newest version of an object, made or not made before; its number."""
        kind, id = key
        numbers = self._numbers.setdefault(kind, {}).setdefault(id, [])
        if numbers and len(old := self._packed[numbers[-1]]) > _LARGE:
            if kind not in self._deflaters:
                self._deflaters[kind] = _Deflater(self._examples)
            self._packed[numbers[-1]] = self._deflaters[kind].deflated(old)
        numbers.append(len(self._packed))
        self._packed.append(packed)
        return numbers[-1]

    def read(self, number: int) -> Body:
        """The version with this number."""
        packed = self._packed[number]
        if packed[0] & 0x7F != _DICT:
            packed = zlib.decompressobj(_WINDOW, self._examples[packed[2:6]]).decompress(packed)
        body: Body = marshal.loads(packed)  # noqa: S302 (nobody but pack wrote it)
        return body

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


class _Deflater:
    """How old versions of one kind are deflated, once there are examples of it."""

    def __init__(self, examples: dict[bytes, bytes]) -> None:
        self._all = examples
        self._first: list[bytes] = []
        self._compressor = zlib.compressobj()  # until there are examples

    def deflated(self, packed: bytes) -> bytes:
        if len(self._first) < _EXAMPLES:
            self._first.append(packed)
            if len(self._first) == _EXAMPLES:
                self._learn(b"".join(self._first)[-(1 << _WINDOW) :])
            return packed
        compressor = self._compressor.copy()
        return compressor.compress(packed) + compressor.flush()

    def _learn(self, examples: bytes) -> None:
        self._all[zlib.adler32(examples).to_bytes(4, "big")] = examples
        self._compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY, zdict=examples)
