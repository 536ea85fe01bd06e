"""A plug-in that was found: what records call it, where it is, the hash of its source, and how to get its class."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["GROUP", "Found", "classes_told", "digest_in", "digest_of", "version_with"]

GROUP = "deleverage.policies"
"""The group of the entry points."""

_MARK = "+sha256:"
_DIGITS, _DIGITS_BEFORE = 64, 16


class Found(NamedTuple):
    """A plug-in; `name` is without folders, `origin` is for people, `load` executes it and may raise anything.

    What `load` executes are the bytes of `source`, which `digest` is over.
    """

    name: str
    origin: str
    source: bytes
    digest: str
    load: Callable[[], object]

    def has_content(self, recorded: str) -> bool:
        """Whether the digest is the recorded one: of older records the first 16 digits are all there is."""
        return len(recorded) in (_DIGITS, _DIGITS_BEFORE) and self.digest.startswith(recorded)


def classes_told(source: bytes) -> str:
    """The classes of a source in words, told without executing it."""
    try:
        names = [node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    except (SyntaxError, ValueError):
        return "what it holds cannot be read as Python"
    return f"it has {', '.join(names)}" if names else "it has no class"


def digest_of(source: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(source).hexdigest()


def version_with(version: str, digest: str) -> str:
    """A declared version with the content's hash, as records have it: `1+sha256:` and 64 hexadecimal digits."""
    return f"{version}{_MARK}{digest}"


def digest_in(version: str) -> str:
    """The content's hash in a recorded version; empty where there is none, so that it is no plug-in's."""
    return version.partition(_MARK)[2]
