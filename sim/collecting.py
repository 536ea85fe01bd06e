"""The garbage collector, held back where much is made that lasts and hardly any of it is part of a cycle."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["seldom_collected"]

_NEW_OBJECTS = 100_000


@contextmanager
def seldom_collected(new_objects: int = _NEW_OBJECTS) -> Iterator[None]:
    """Look for cycles only after so many new objects, and not at all among what there is already.

    What is made meanwhile is of the oldest generation afterwards: otherwise the next object has all of it walked.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(new_objects)
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()
        gc.set_threshold(*before)
