"""Which plug-ins may be executed: those that the reader named or installed, or whose folder he gave.

1. What somebody names himself (in a scenario that he runs, in a --set, in Python) is taken as it is, and is at hand
   from then on.
2. What a record names is taken from an installed entry point, or from the folders that the reader gives (`--plugins`),
   and only with the recorded content. Nothing of it is executed before that is sure.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ...events.errors import ScenarioError
from .files import file_named, files_in, find_file, is_plain
from .folders import Folders, folders_in
from .found import GROUP, Found, classes_told, digest_in
from .modules import find_entry_point, find_module, installed

__all__ = ["Plugins"]

_SHOWN_DIGITS = 16


class Plugins:
    """The plug-ins of one reader; by default nobody named any."""

    def __init__(self, folders: Folders = ()) -> None:
        """Take recorded plug-ins from these folders. Raises QueryError for one that is not there."""
        self.folders = folders_in(folders)
        self._found: list[Found] = []

    def add(self, others: Plugins) -> None:
        """Have what somebody named elsewhere at hand, too."""
        self._found += others._found

    def named(self, slot: str, policy: str, folder: Path | None = None) -> Found | None:
        """What the reader means by a text, which is at hand from now on; None where it means nothing.

        A file is looked for from `folder`, from the working directory, and in the folders given. Raises ScenarioError
        for a file that no record could name or that is named without a class, and where two distributions offer one
        of that name.
        """
        path, folders = file_named(policy), (folder or Path(), Path(), *self.folders)
        if path is not None:
            found = find_file(policy, path, folders)
        else:
            found = find_module(policy) if ":" in policy else find_entry_point(slot, policy)
        if found is None and ":" not in policy:
            _refuse_whole(policy, folders)
        if found is not None:
            if path is not None and not is_plain(found.name):
                message = f"plug-in {found.name!r}: a record cannot name it; use letters, digits, `_` and `-`"
                raise ScenarioError(message)
            self._found.append(found)
        return found

    def recorded(self, slot: str, policy: str, version: str) -> Found:
        """The plug-in that a record names, with the recorded content.

        Raises ScenarioError that says why it is not taken and what to do.
        """
        if file_named(policy) is not None and not is_plain(policy):
            message = (
                f"plug-in {slot}:{policy!r} is not executed: a record may name no more than a plain file, without a "
                f"folder, a drive or `~`; whoever trusts the code names it himself, by --set {slot}.policy=FILE:CLASS "
                "for a fork"
            )
            raise ScenarioError(message)
        digest = digest_in(version)
        if not digest:
            message = f"policy {slot}:{policy} is not installed; install what the record was made with"
            raise ScenarioError(message)
        known = (found for found in self._found if found.name == policy and found.has_content(digest))
        return next(known, None) or self._with_content(slot, policy, digest)

    def _with_content(self, slot: str, policy: str, digest: str) -> Found:
        """From the folders, or from an entry point."""
        others = []
        for found in files_in(policy, self.folders) if file_named(policy) is not None else installed(slot, policy):
            if found.has_content(digest):
                self._found.append(found)
                return found
            others.append(found)
        content = f"sha256:{digest[:_SHOWN_DIGITS]}"
        if others:
            there = " and ".join(f"{one.origin} has sha256:{one.digest[:_SHOWN_DIGITS]}" for one in others)
            message = f"plug-in {slot}:{policy} was recorded with the content {content}, and {there}; bring that back"
        else:
            message = f"plug-in {slot}:{policy} ({content}) is not at hand; {_how_to_bring(policy)}"
        raise ScenarioError(message)


def _refuse_whole(policy: str, folders: Iterable[Path]) -> None:
    """Refuse a file or a module that is named without its class. Raises ScenarioError with the classes that it has."""
    if policy.endswith(".py"):
        found = find_file(policy, policy, folders)
    else:
        found = find_module(f"{policy}:") if all(map(str.isidentifier, policy.split("."))) and "." in policy else None
    if found is not None:
        message = f"plug-in {policy}: name a class of it, {policy}:CLASS; {classes_told(found.source)}"
        raise ScenarioError(message)


def _how_to_bring(policy: str) -> str:
    """What to do about a plug-in that a record names and that is not there."""
    path = file_named(policy)
    if path is not None:
        return f"give --plugins DIR, a folder that holds {path}"
    if ":" in policy:
        return f"a record cannot have a module imported: install it with an entry point of the group {GROUP}"
    return "install what the record was made with"
