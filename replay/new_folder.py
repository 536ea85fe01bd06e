"""A folder that is complete at the end, or not there at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree

from ..events.errors import QueryError, RecordExistsError

__all__ = ["folder_for", "must_be_free"]


def must_be_free(path: Path) -> None:
    """Raise RecordExistsError if there is something of that name but an empty folder."""
    if os.path.lexists(path) and not (path.is_dir() and not path.is_symlink() and not any(path.iterdir())):
        message = f"{path}: it is there and not an empty folder, and nothing is written over; give another folder"
        raise RecordExistsError(message)


@contextmanager
def folder_for(path: Path) -> Iterator[Path]:
    """A new folder beside `path`, which gets that name at the end, or is taken away with all that is in it.

    Raises RecordExistsError where the name is taken, QueryError where nothing can be written.
    """
    beside = path.absolute().with_name(f".{path.absolute().name}.{os.getpid()}.part")
    try:
        beside.mkdir()
    except OSError as error:
        message = f"{path}: it cannot be written there ({error.strerror}); give another folder"
        raise QueryError(message) from error
    try:
        yield beside
        must_be_free(path)
        try:
            beside.rename(path.absolute())
        except OSError as error:
            message = f"{path}: the finished folder cannot take that name ({error.strerror}); give another folder"
            raise QueryError(message) from error
    finally:
        rmtree(beside, ignore_errors=True)
