"""A plug-in that was found: what records call it, where it is, the hash of its source, and how to get its class."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["GROUP", "Found", "digest_in", "digest_of", "version_with"]

GROUP = "deleverage.policies"
"""The group of the entry points."""

_MARK = "+sha256:"
_DIGITS, _DIGITS_BEFORE = 64, 16


class Found(NamedTuple):
    """A plug-in; `name` is without folders, `origin` is for people, `load` executes it and may raise anything.

    What `load` executes are the bytes that `digest` is over.
    """

    name: str
    origin: str
    digest: str
    load: Callable[[], object]

    def has_content(self, recorded: str) -> bool:
        """Whether the digest is the recorded one: of older records the first 16 digits are all there is."""
        return len(recorded) in (_DIGITS, _DIGITS_BEFORE) and self.digest.startswith(recorded)


def digest_of(source: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(source).hexdigest()


def version_with(version: str, digest: str) -> str:
    """A declared version with the content's hash, as records have it: `1+sha256:` and 64 hexadecimal digits."""
    return f"{version}{_MARK}{digest}"


def digest_in(version: str) -> str:
    """The content's hash in a recorded version; empty where there is none, so that it is no plug-in's."""
    return version.partition(_MARK)[2]
