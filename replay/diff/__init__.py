"""What two runs have in common and where they part: `deleverage diff`. `diff(a, b)` is the way in."""

from .difference import Difference, diff

__all__ = ["Difference", "diff"]
