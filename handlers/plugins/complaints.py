"""Calling into a plug-in: whatever it raises is a HandlerError with its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ...events.errors import HandlerError

__all__ = ["called", "complaint", "shown"]

T = TypeVar("T")

_SHOWN_MOST = 80


def called(plugin: str, what: str, call: Callable[[], T]) -> T:
    """The call's result. Raises HandlerError naming the plug-in, what was called, and what it raised."""
    try:
        return call()
    except (Exception, SystemExit) as error:
        raise complaint(plugin, f"{what} raised {type(error).__name__}: {error}") from error


def complaint(plugin: str, text: str) -> HandlerError:
    """An error that names the plug-in."""
    return HandlerError(f"plug-in {plugin}: {text}")


def shown(value: object) -> str:
    """A value in an error: its text, cut where it is too long to read, and its type."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a plug-in's own class
        text = "something that cannot be shown"
    return f"{text if len(text) <= _SHOWN_MOST else text[:_SHOWN_MOST] + '...'} ({type(value).__name__})"
