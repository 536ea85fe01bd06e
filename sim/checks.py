"""Checks that settings share. Each raises ValueError, which msgspec turns into an error with the path of the key."""

from __future__ import annotations

from decimal import Decimal

import msgspec

__all__ = ["FEW", "check_name", "check_range", "require"]

FEW = msgspec.Meta(max_length=1_000)
"""Of lists that are gone through again and again: phases, bands, steps, tiers, groups."""


def require(condition: bool, message: str) -> None:  # noqa: FBT001
    """Refuse a setting with `message` unless the condition holds."""
    if not condition:
        raise ValueError(message)


def check_name(name: str) -> None:
    """Refuse a name that could not be read or written in a command, or that a venue's could not stand behind."""
    readable = bool(name.strip()) and name.isprintable()
    require(readable and "@" not in name, f"name {name!r} must be printable, not empty, and without an @")


def check_range(name: str, value: Decimal | int, least: Decimal | int, most: Decimal | int) -> None:
    """Refuse a number that is not finite or does not lie between `least` and `most`, both included."""
    finite = isinstance(value, int) or value.is_finite()
    require(finite and least <= value <= most, f"{name} must lie between {least} and {most}, not {value}")
