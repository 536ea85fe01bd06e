"""What may be on a disk after the power failed: anything that was asked of it and not forced may be missing, in part.

1. Of a file, each 4 KiB page is as it was at some moment since the file was last forced; so is, apart from that, the
   file's size. A page that never reached the disk is zeros.
2. Of a directory, each name leads to what it led to at some moment since the directory was last forced, whatever became
   of the other names.
3. What was forced is certain.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from random import Random

from deleverage.events.record.blocks import (
    BLOCK_HEADER_BYTES,
    SEGMENT_HEADER_BYTES,
    block_is_intact,
    unpack_block_header,
)

from .disks import Asked

__all__ = ["Power", "events_in"]

_PAGE_BYTES = 4096


@dataclass(eq=False)
class _File:
    """What a file held at each moment since it was forced, the latest last."""

    versions: list[bytes] = field(default_factory=lambda: [b""])

    def change(self, data: bytes) -> None:
        self.versions.append(data)

    def force(self) -> None:
        del self.versions[:-1]

    def survivor(self, chance: Random) -> bytes:
        """What may be left of it. Mostly all pages fare alike, so that few blocks are hit."""
        size_bytes = len(chance.choice(self.versions))
        usual, strays = chance.randrange(len(self.versions)), chance.choice((0.0, 0.1, 0.5))
        pages = []
        for start in range(0, size_bytes, _PAGE_BYTES):
            version = chance.randrange(len(self.versions)) if chance.random() < strays else usual
            pages.append(self.versions[version][start : start + _PAGE_BYTES].ljust(_PAGE_BYTES, b"\0"))
        return b"".join(pages)[:size_bytes]


@dataclass(eq=False)
class _Directory:
    """What each name led to at each moment since the directory was forced, the latest last; None is nothing."""

    names: dict[str, list[_File | _Directory | None]] = field(default_factory=dict)

    def entry(self, name: str) -> _File | _Directory | None:
        return self.names.get(name, [None])[-1]

    def change(self, name: str, entry: _File | _Directory | None) -> None:
        self.names.setdefault(name, [None]).append(entry)

    def force(self) -> None:
        for entries in self.names.values():
            del entries[:-1]


class Power:
    """A disk that follows what was asked of another below `root`, until the power fails."""

    def __init__(self, root: Path) -> None:
        self._root_path, self._root = root, _Directory()
        for path in sorted(root.rglob("*")):
            entry = _Directory() if path.is_dir() else _File([path.read_bytes()])
            self._directory(path.parent).names[path.name] = [entry]

    def follow(self, asked: Iterable[Asked]) -> None:
        """Do as was asked."""
        for one in asked:
            directory, name = self._directory(one.path.parent), one.path.name
            if one.what == "add":
                directory.change(name, _Directory())
            elif one.what == "new":
                self._new(directory, name)
            elif one.what in ("write", "cut"):
                self._change(self._file(one.path), one)
            elif one.what == "rename":
                assert one.name is not None
                directory.change(one.name.name, directory.entry(name))
                directory.change(name, None)
            elif one.what == "remove" and directory.entry(name) is not None:
                directory.change(name, None)
            elif one.what == "force":
                entry = self._root if one.path == self._root_path else directory.entry(name)
                assert entry is not None
                entry.force()

    def fail(self, chance: Random, place: Path) -> Path:
        """Put what may be left into a directory."""
        _put(self._root, chance, place)
        return place

    def certain(self, path: Path) -> bytes | None:
        """What a file holds for certain; None where it is not certain that it is there."""
        directory = self._root
        for part in path.parent.relative_to(self._root_path).parts:
            entry = directory.names.get(part, [None])[0]
            if not isinstance(entry, _Directory):
                return None
            directory = entry
        entries = directory.names.get(path.name, [None])
        return entries[0].versions[0] if len(entries) == 1 and isinstance(entries[0], _File) else None

    def _directory(self, path: Path) -> _Directory:
        directory = self._root
        for part in path.relative_to(self._root_path).parts if path.is_relative_to(self._root_path) else ():
            entry = directory.entry(part)
            assert isinstance(entry, _Directory)
            directory = entry
        return directory

    def _file(self, path: Path) -> _File:
        entry = self._directory(path.parent).entry(path.name)
        assert isinstance(entry, _File)
        return entry

    @staticmethod
    def _new(directory: _Directory, name: str) -> None:
        """A new file, or the one that is there made empty."""
        entry = directory.entry(name)
        if isinstance(entry, _File):
            entry.change(b"")
        else:
            directory.change(name, _File())

    @staticmethod
    def _change(file: _File, asked: Asked) -> None:
        data = file.versions[-1]
        if asked.what == "cut":
            file.change(data[: asked.place].ljust(asked.place, b"\0"))
        else:
            before = data[: asked.place].ljust(asked.place, b"\0")
            file.change(before + asked.data + data[asked.place + len(asked.data) :])


def _put(directory: _Directory, chance: Random, place: Path) -> None:
    place.mkdir(exist_ok=True)
    for name, entries in directory.names.items():
        entry = chance.choice(entries)
        if isinstance(entry, _Directory):
            _put(entry, chance, place / name)
        elif entry is not None:
            (place / name).write_bytes(entry.survivor(chance))


def events_in(segments: Iterable[bytes | None]) -> int:
    """How many events the blocks of these segments hold, up to the first that is not whole."""
    count = 0
    for data in takewhile(lambda data: data is not None, segments):
        assert data is not None
        offset = SEGMENT_HEADER_BYTES
        while header := unpack_block_header(data[offset : offset + BLOCK_HEADER_BYTES]):
            stop = offset + BLOCK_HEADER_BYTES + header.stored_bytes
            if not block_is_intact(data[offset:stop]):
                return count
            count, offset = count + header.count, stop
    return count
