"""A plug-in that was found: what records call it, where it is, the hash of its source, and how to get its class."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["GROUP", "Found", "digest_in", "digest_of", "version_with"]

GROUP = "deleverage.policies"
"""The group of the entry points."""

_MARK = "+sha256:"
_DIGITS = 16


class Found(NamedTuple):
    """A plug-in; `name` is without folders, `origin` is for people, `load` imports it and may raise anything."""

    name: str
    origin: str
    digest: str
    load: Callable[[], object]


def digest_of(source: bytes) -> str:
    """The first 64 bits of SHA-256, in hex: enough to notice a change, short enough to read."""
    return hashlib.sha256(source).hexdigest()[:_DIGITS]


def version_with(version: str, digest: str) -> str:
    """A declared version with the content's hash, as records have it: `1+sha256:0123456789abcdef`."""
    return f"{version}{_MARK}{digest}"


def digest_in(version: str) -> str:
    """The content's hash in a recorded version; empty where there is none."""
    return version.partition(_MARK)[2]
