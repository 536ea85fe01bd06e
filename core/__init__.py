"""The optional C core: the same answers as the Python beside each use of it, sooner. Nothing in it decides.

1. `native` is the extension, or None where it was not built (there was no compiler) or is not wanted: a value in the
   environment's `DELEVERAGE_PLAIN` leaves all to Python. Chosen here, once, as the package is imported.
2. Each C function has the plain Python beside its one caller: the fallback, and the oracle that tests hold it against.
3. A C function that meets what it was not made for (a figure beyond 128 bits, another shape) says so and does nothing;
   the plain Python does it. So nothing depends on what C can hold.
4. A file a concern: `pages.c` (with `sha256.c`) hashes pages, `draws.c` draws, `decimals.c` reads numbers of files,
   `ticks.c` prices that lie ahead. `module.c` offers them, `_core.pyi` has their types.
"""

from __future__ import annotations

import os

__all__ = ["PLAIN", "hashing", "native", "spoken"]

PLAIN = "DELEVERAGE_PLAIN"
"""The variable of the environment that leaves all to Python."""

try:
    from . import _core as native
except ImportError:
    native = None  # type: ignore[assignment]
if os.environ.get(PLAIN):
    native = None  # type: ignore[assignment]

hashing = native
"""The same for whoever hashes pages: None also where the processor has no instructions for SHA-256."""
if native is not None and not native.hashes:
    hashing = None  # type: ignore[assignment]


def spoken() -> str:
    """Which of the two does the work, for people."""
    if native is not None:
        return "core in C"
    return f"core in Python, as {PLAIN} is set" if os.environ.get(PLAIN) else "core in Python, as none in C was built"
