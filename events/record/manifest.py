"""manifest.json: what a record is, who wrote it, how far it goes and how it ended.

Rules:
1. It is written when a run begins, with status "recording", and replaced once, when the record is sealed.
2. Its own hash is SHA-256 over the canonical JSON (ASCII, sorted keys, no spaces) of every other field.
3. A wall clock, a host and versions may stand here and nowhere else: none of it is part of a record's identity.
"""

from __future__ import annotations

import json
import platform
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import msgspec

from ..errors import RecordNotFoundError
from ..vocabulary import SCHEMA
from .disk import DISK, Disk
from .files import damaged, readable
from .fingerprint import code_sha256, package_version, schema_sha256
from .pages import PAGE_EVENTS
from .settings import RecordSettings

__all__ = [
    "FORMAT",
    "MANIFEST_NAME",
    "ForkPoint",
    "Manifest",
    "RunStatus",
    "SealedStatus",
    "SegmentFigures",
    "manifest_digest",
    "new_manifest",
    "read_manifest",
    "utc_now",
    "write_manifest",
]

FORMAT = 1
"""Raised when the files are laid out differently. The manifest's own hash stays as it is in every format."""

MANIFEST_NAME = "manifest.json"

SealedStatus = Literal["complete", "failed", "interrupted", "recovered"]
RunStatus = Literal["recording", "complete", "failed", "interrupted", "recovered"]


class ForkPoint(msgspec.Struct, frozen=True):
    """Where a fork left its parent: the parent's head as hex, the number of events it shares, where the parent is.

    `path` leads from the fork's directory to the parent's, with slashes; empty where the fork holds all events itself.
    """

    head: str
    at_seq: int
    path: str = ""

    @property
    def first_seq(self) -> int:
        """The first event that the fork's own files hold: pages that are the parent's alone stay with the parent."""
        return self.at_seq - self.at_seq % PAGE_EVENTS if self.path else 0


class SegmentFigures(msgspec.Struct, frozen=True):
    """One segment file: its first event, its blocks, its size."""

    first_seq: int
    blocks: int
    size_bytes: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of manifest.json but its own hash. From `error` to `segments` they are filled in at sealing.

    `forks` are the numbers of the run's `RunForked` events, those that a fork shares with its parent included.
    """

    format: int
    schema: int
    schema_sha256: str
    deleverage: str
    code_sha256: str
    python: str
    platform: str
    host: str
    scenario: str
    seed: int | None
    parent: ForkPoint | None
    settings: RecordSettings
    started: str
    status: RunStatus
    error: str | None = None
    sealed: str | None = None
    count: int = 0
    head: str | None = None
    first_at_ns: int | None = None
    last_at_ns: int | None = None
    blocks: int = 0
    segments: tuple[SegmentFigures, ...] = ()
    forks: tuple[int, ...] = ()


def utc_now() -> str:
    """The wall clock, for a person to read."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def new_manifest(
    settings: RecordSettings, scenario: str, seed: int | None, parent: ForkPoint | None, forks: tuple[int, ...] = ()
) -> Manifest:
    """The manifest of a record that begins now, here."""
    return Manifest(
        format=FORMAT,
        schema=SCHEMA,
        schema_sha256=schema_sha256(),
        deleverage=package_version(),
        code_sha256=code_sha256(),
        python=platform.python_version(),
        platform=f"{sys.platform} {platform.machine()}",
        host=platform.node(),
        scenario=scenario,
        seed=seed,
        parent=parent,
        forks=forks,
        settings=settings,
        started=utc_now(),
        status="recording",
    )


def write_manifest(directory: Path, manifest: Manifest, disk: Disk = DISK) -> None:
    """Put a manifest in place of the one that is there. It is certain when this returns."""
    fields = msgspec.to_builtins(manifest)
    fields["sha256"] = _own_hash(fields)
    disk.replace(directory / MANIFEST_NAME, json.dumps(fields, indent=2).encode() + b"\n")


def manifest_digest(manifest: Manifest) -> bytes:
    """What stands for a manifest among what is known of a record."""
    return sha256(f"manifest {_own_hash(msgspec.to_builtins(manifest))}".encode()).digest()


def _own_hash(fields: dict[str, Any]) -> str:
    """The hash over the canonical JSON of the fields without the hash itself."""
    others = {name: value for name, value in fields.items() if name != "sha256"}
    return sha256(json.dumps(others, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read_manifest(directory: Path) -> Manifest:
    """The manifest of a record.

    Raises RecordNotFoundError if there is none or if a later version wrote it, RecordDamagedError if it is not what was
    written.
    """
    path = directory / MANIFEST_NAME
    fields = _parse(path)
    if fields.get("sha256") != _own_hash(fields):
        raise damaged(path, 0, "the hash it holds is not the hash of its fields")
    _refuse_newer(path, fields)
    try:
        return msgspec.convert(fields, Manifest)
    except msgspec.ValidationError as error:
        raise damaged(path, 0, f"not a manifest of format {FORMAT}: {error}") from error


def _parse(path: Path) -> dict[str, Any]:
    """The fields as they stand in the file."""
    if not path.exists():
        message = f"{path.parent}: no record there ({MANIFEST_NAME} is missing); give the directory that a run wrote"
        raise RecordNotFoundError(message)
    with readable(path):
        data = path.read_bytes()
    try:
        fields = json.loads(data.decode())
    except UnicodeDecodeError as error:
        raise damaged(path, error.start, "not UTF-8") from error
    except json.JSONDecodeError as error:
        raise damaged(path, len(error.doc[: error.pos].encode()), f"not JSON ({error.msg})") from error
    if not isinstance(fields, dict):
        raise damaged(path, 0, "not a JSON object")
    return fields


def _refuse_newer(path: Path, fields: dict[str, Any]) -> None:
    """A record of a later layout or schema was not damaged; it needs the version that wrote it."""
    for name, known in (("format", FORMAT), ("schema", SCHEMA)):
        if isinstance(fields.get(name), int) and fields[name] > known:
            message = (
                f"{path.parent}: {name} {fields[name]}, and this version reads up to {known}; "
                f"read it with the version that wrote it (deleverage {fields.get('deleverage')}) or a later one"
            )
            raise RecordNotFoundError(message)
