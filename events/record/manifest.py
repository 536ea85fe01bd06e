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
from typing import Annotated, Any, Literal, NoReturn

import msgspec

from ..errors import RecordError, RecordNotFoundError
from ..vocabulary import SCHEMA
from .disk import DISK, Disk
from .files import damaged, readable, whole
from .fingerprint import code_sha256, package_version, schema_sha256
from .pages import PAGE_EVENTS
from .settings import RecordSettings

__all__ = [
    "FORMAT",
    "MANIFEST_NAME",
    "RESERVE_NAME",
    "ForkPoint",
    "Manifest",
    "RunStatus",
    "SealedStatus",
    "SegmentFigures",
    "is_never_begun",
    "manifest_digest",
    "new_manifest",
    "read_manifest",
    "utc_now",
    "write_manifest",
]

FORMAT = 1
"""Raised when the files are laid out differently. The manifest's own hash stays as it is in every format."""

MANIFEST_NAME = "manifest.json"

RESERVE_NAME = "seal.reserve"
"""Holds room for sealing while a record is written; it is there before the manifest is."""

_BYTES_MOST = 1 << 24
"""The longest manifest: of 200,000 segments."""

_Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Head = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]

SealedStatus = Literal["complete", "failed", "interrupted", "recovered"]
RunStatus = Literal["recording", "complete", "failed", "interrupted", "recovered"]


class ForkPoint(msgspec.Struct, frozen=True):
    """Where a fork left its parent: the parent's head as hex, the number of events it shares, where the parent is.

    `path` leads from the fork's directory to the parent's, with slashes; empty where the fork holds all events itself.
    """

    head: _Head
    at_seq: _Number
    path: str = ""

    @property
    def first_seq(self) -> int:
        """The first event that the fork's own files hold: pages that are the parent's alone stay with the parent."""
        return self.at_seq - self.at_seq % PAGE_EVENTS if self.path else 0


class SegmentFigures(msgspec.Struct, frozen=True):
    """One segment file: its first event, its blocks, its size."""

    first_seq: _Number
    blocks: _Number
    size_bytes: _Number


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
    count: _Number = 0
    head: _Head | None = None
    first_at_ns: int | None = None
    last_at_ns: int | None = None
    blocks: _Number = 0
    segments: tuple[SegmentFigures, ...] = ()
    forks: tuple[_Number, ...] = ()


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
    _refuse_newer(path, fields)
    try:
        manifest = msgspec.convert(fields, Manifest)
    except (msgspec.ValidationError, RecordError, UnicodeError) as error:
        raise damaged(path, 0, f"not a manifest of format {FORMAT}: {error}") from error
    if manifest.head is None and manifest.status != "recording":
        raise damaged(path, 0, f"it says {manifest.status!r} and has no head")
    return manifest


def _parse(path: Path) -> dict[str, Any]:
    """The fields as they stand in the file, which holds their hash."""
    with readable(path):
        try:
            data = whole(path, _BYTES_MOST)
        except (FileNotFoundError, NotADirectoryError):
            raise RecordNotFoundError(_no_record(path.parent)) from None
    try:
        fields = json.loads(data.decode(), parse_float=_no_number, parse_constant=_no_number)
        own = isinstance(fields, dict) and fields.get("sha256") == _own_hash(fields)
    except UnicodeDecodeError as error:
        raise damaged(path, error.start, "not UTF-8") from error
    except json.JSONDecodeError as error:
        raise damaged(path, len(error.doc[: error.pos].encode()), f"not JSON ({error.msg})") from error
    except (ValueError, RecursionError) as error:
        raise damaged(path, 0, f"not the JSON of a manifest ({error})") from error
    if not isinstance(fields, dict):
        raise damaged(path, 0, "not a JSON object")
    if not own:
        raise damaged(path, 0, "the hash it holds is not the hash of its fields")
    return fields


def _no_number(text: str) -> NoReturn:
    """A manifest holds whole numbers only."""
    message = f"{text[:20]} is no whole number"
    raise ValueError(message)


def is_never_begun(directory: Path) -> bool:
    """Whether a directory is what a writer leaves that was stopped before it wrote a manifest: room for the seal."""
    try:
        names = {path.name for path in directory.iterdir()}
    except OSError:
        return False
    return RESERVE_NAME in names and names <= {RESERVE_NAME, f"{MANIFEST_NAME}.tmp"}


def _no_record(directory: Path) -> str:
    """Why there is none, and what to do."""
    if is_never_begun(directory):
        return f"{directory}: what began a record here was stopped before it wrote anything; run the same command again"
    return f"{directory}: no record there ({MANIFEST_NAME} is missing); give the directory that a run wrote"


def _refuse_newer(path: Path, fields: dict[str, Any]) -> None:
    """A record of a later layout or schema was not damaged; it needs the version that wrote it."""
    for name, known in (("format", FORMAT), ("schema", SCHEMA)):
        if isinstance(fields.get(name), int) and fields[name] > known:
            message = (
                f"{path.parent}: {name} {fields[name]}, and this version reads up to {known}; "
                f"read it with the version that wrote it (deleverage {fields.get('deleverage')}) or a later one"
            )
            raise RecordNotFoundError(message)
