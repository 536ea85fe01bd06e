"""The folders in which a reader lets plug-ins be looked for."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ...events.errors import QueryError

__all__ = ["Folders", "folders_in"]

Folders = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
"""A folder, or several."""


def folders_in(given: Folders) -> tuple[Path, ...]:
    """The folders. Raises QueryError for one that is not there."""
    folders = tuple(map(Path, (given,) if isinstance(given, str | os.PathLike) else given))
    for folder in folders:
        if not folder.is_dir():
            message = f"{folder}: there is no such folder; give the one that holds the plug-ins' files"
            raise QueryError(message)
    return folders
