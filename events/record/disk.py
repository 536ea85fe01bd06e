"""The file system as a record uses it: the one place where its bytes and names are written and forced to the disk.

Rules:
1. Only what was forced is certain to outlive a crash: the bytes and the size of a file, the names in a directory. Of
   everything else any part may be on the disk afterwards, in any order, with zeros in the place of the rest.
2. So a file that vouches for others is written after they were forced.
3. A record is written through one `Disk`. Tests pass another one, which logs what was asked and then loses some of what
   was not forced (tests/support/power.py).
"""

from __future__ import annotations

import os
from contextlib import suppress
from io import FileIO
from pathlib import Path

from ..regular import new_file
from .files import write_at

__all__ = ["DISK", "Disk", "replace_file"]


class Disk:
    """The file system of this machine. Every method raises OSError where the system refuses."""

    def make_directory(self, path: Path) -> None:
        """A new directory and those above it that are missing, by names that are certain. FileExistsError if taken."""
        made = [path]
        while not made[-1].parent.exists():
            made.append(made[-1].parent)
        for directory in reversed(made[1:]):
            with suppress(FileExistsError):
                self.add_directory(directory)
        self.add_directory(path)
        for directory in made:
            with suppress(PermissionError):  # a directory that can be written but not read cannot be forced
                self.force(directory.parent)

    def add_directory(self, path: Path) -> None:
        """A new directory in one that is there."""
        path.mkdir()

    def new_file(self, path: Path) -> FileIO:
        """An empty file in the place of whatever had that name, a link or a pipe included."""
        return new_file(path)

    def write(self, file: FileIO, data: bytes, offset: int) -> None:
        """All of the bytes, at that place."""
        write_at(file.fileno(), data, offset)

    def cut(self, path: Path, size_bytes: int) -> None:
        """Let a file end there."""
        os.truncate(path, size_bytes)

    def rename(self, path: Path, name: Path) -> None:
        """Give a file a name, in one step, whatever had it before."""
        path.replace(name)

    def remove(self, path: Path) -> None:
        """Take a name away, if it is there."""
        path.unlink(missing_ok=True)

    def force(self, what: Path | FileIO) -> None:
        """Make certain: of a file its bytes and its size, of a directory the names in it."""
        if isinstance(what, FileIO):
            os.fsync(what.fileno())
            return
        descriptor = os.open(what, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def allocate(self, path: Path, size_bytes: int) -> None:
        """A file of zeros that really takes up so much of the disk."""
        self._put(path, bytes(size_bytes))

    def replace(self, path: Path, data: bytes) -> None:
        """Put `data` in the place of a file: whoever reads it finds the old bytes or the new ones, whatever happens."""
        temporary = path.with_name(path.name + ".tmp")
        self._put(temporary, data)
        self.rename(temporary, path)
        self.force(path.parent)

    def _put(self, path: Path, data: bytes) -> None:
        """A file with these bytes, forced."""
        with self.new_file(path) as file:
            self.write(file, data, 0)
            self.force(file)


DISK = Disk()

replace_file = DISK.replace
"""For other files that are written whole or not at all."""
