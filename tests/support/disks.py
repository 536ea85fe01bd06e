"""Disks that are not like the one of this machine: one that fills up, one that remembers what was asked of it."""

from __future__ import annotations

import errno
import os
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from deleverage.events.record import Disk

__all__ = ["Asked", "FullDisk", "LoggedDisk"]


class FullDisk(Disk):
    """Takes half of the n-th write to a segment, and then nothing more of them."""

    def __init__(self, write_number: int, number: int = errno.ENOSPC) -> None:
        self._writes_left, self._number = write_number, number

    def write(self, file: FileIO, data: bytes, offset: int) -> None:
        """Write, as long as there is room."""
        if str(file.name).endswith(".seg"):
            self._writes_left -= 1
            if self._writes_left <= 0:
                super().write(file, data[: len(data) // 2], offset)
                raise OSError(self._number, os.strerror(self._number))
        super().write(file, data, offset)


class Asked(NamedTuple):
    """One thing that was asked of a disk: what, of which file or directory, and what with."""

    what: str
    path: Path
    name: Path | None = None
    data: bytes = b""
    place: int = 0


class LoggedDisk(Disk):
    """Does what it is asked, and remembers all of it, in order."""

    def __init__(self) -> None:
        self.log: list[Asked] = []

    def forced(self, path: Path) -> int:
        """How often a file or a directory was forced."""
        return sum(asked.what == "force" and asked.path == path for asked in self.log)

    def add_directory(self, path: Path) -> None:
        """A new directory."""
        super().add_directory(path)
        self.log.append(Asked("add", path))

    def new_file(self, path: Path) -> FileIO:
        """An empty file."""
        file = super().new_file(path)
        self.log.append(Asked("new", path))
        return file

    def write(self, file: FileIO, data: bytes, offset: int) -> None:
        """Some bytes."""
        super().write(file, data, offset)
        self.log.append(Asked("write", Path(str(file.name)), None, bytes(data), offset))

    def cut(self, path: Path, size_bytes: int) -> None:
        """A new end."""
        super().cut(path, size_bytes)
        self.log.append(Asked("cut", path, place=size_bytes))

    def rename(self, path: Path, name: Path) -> None:
        """Another name."""
        super().rename(path, name)
        self.log.append(Asked("rename", path, name))

    def remove(self, path: Path) -> None:
        """A name less."""
        super().remove(path)
        self.log.append(Asked("remove", path))

    def force(self, what: Path | FileIO) -> None:
        """What is certain from here on. It need not really be."""
        self.log.append(Asked("force", what if isinstance(what, Path) else Path(str(what.name))))
