"""A record in one file: with the records that it was forked from, to be sent, and read as it is.

1. A pack is a zip whose members are stored as they are: `pack.json`, which names the record and its head, then of each
   record its manifest and its segments. Any unzip gives the records back. What is derived is left out.
2. The same record gives the same bytes, whenever and wherever it is packed.
3. A pack is read by unpacking it once, into the reader's own folder for what can be made again (`known.py`). Its place
   there is its SHA-256, so a pack that was altered is never taken for another; what it holds must lead to its head, as
   that of any record. Only the names below are taken from a pack, and nothing of it is executed.
"""

from __future__ import annotations

import atexit
import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path, PurePosixPath
from shutil import copyfileobj, rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from ..errors import RecordDamagedError, RecordExistsError, RecordNotFoundError
from ..regular import kind_of, new_whole_file, open_new, open_regular, whole_folder
from .files import readable, regular
from .known import own_folder
from .manifest import MANIFEST_NAME

if TYPE_CHECKING:
    from .reader import RecordReader

__all__ = ["PACK_NAME", "is_pack", "pack", "unpacked"]

PACK_NAME = "pack.json"
"""The first member of a pack."""

_MAGIC = b"PK\x03\x04"
_FORMAT = 1
_MEMBER = re.compile(rf"([^/\\\x00]{{1,255}})/({re.escape(MANIFEST_NAME)}|[0-9]{{8}}\.seg)")
_WHEN = (1980, 1, 1, 0, 0, 0)
_FIRST_BYTES_MOST = 1 << 16
_CHUNK_BYTES = 1 << 20
_PACKS_MOST = 16
"""Above so many unpacked ones the older half is deleted."""


class _First(msgspec.Struct, frozen=True):
    """What `pack.json` says: the format of packs, the folder of the record, its head as hex."""

    format: int
    run: str
    head: str


def is_pack(path: Path) -> bool:
    """Whether a path leads to a zip file. Never waits, and never raises."""
    if kind_of(path) != "file":
        return False
    try:
        with open_regular(path, follow=True) as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def pack(reader: RecordReader, path: Path) -> int:
    """Write a sealed record and its parents as one file, and give its size in bytes.

    Raises RecordExistsError where something has that name, QueryError where it cannot be written, RecordNotFoundError
    where a part of the record cannot be read, RecordDamagedError where two of its parents have one name.
    """
    folders = _folders(reader)
    with new_whole_file(path) as file, readable(path):
        _write(file, reader, folders)
        return file.tell()


def unpacked(path: Path) -> Path:
    """The directory of the record in a pack, unpacked where it was not before. Costs a hash of the file.

    Raises RecordDamagedError for what is no pack or does not hold what it says, RecordNotFoundError where it cannot be
    read or unpacked.
    """
    with readable(path), open_regular(path, follow=True) as file:
        digest = _digest_of(file)
        folder = _kept(digest)
        if not folder.is_dir():
            file.seek(0)
            with suppress(RecordExistsError), _opened(path, file) as archive, whole_folder(folder) as beside:
                _unpack(path, archive, beside)  # another process may be quicker: then its folder stands
        first = _first(path, (folder / PACK_NAME).read_bytes())
    os.utime(folder)
    return folder / first.run


def _digest_of(file: BinaryIO) -> str:
    digest = sha256()
    while piece := file.read(_CHUNK_BYTES):
        digest.update(piece)
    return digest.hexdigest()


def _folders(reader: RecordReader) -> list[tuple[str, RecordReader]]:
    """Each record with the name of its folder: a parent's is the one that its child looks for beside itself."""
    lineage = reader.lineage
    names = [
        PurePosixPath(child.manifest.parent.path).name for child in lineage[1:] if child.manifest.parent is not None
    ]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        message = f"{reader.path}: two of the records that it was forked from are called {twice}; rename one, fork anew"
        raise RecordDamagedError(message)
    own = reader.path.resolve().name
    while own in names:
        own = f"fork-{own}"
    return list(zip([*names, own], lineage, strict=True))


def _write(file: BinaryIO, reader: RecordReader, folders: Sequence[tuple[str, RecordReader]]) -> None:
    first = _First(_FORMAT, folders[-1][0], reader.head.hex())
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_member(PACK_NAME), msgspec.json.encode(first) + b"\n")
        for name, record in folders:
            for part in (record.path / MANIFEST_NAME, *(one.path for one in record.files)):
                with regular(part) as source, archive.open(_member(f"{name}/{part.name}"), "w", force_zip64=True) as to:
                    copyfileobj(source, to, _CHUNK_BYTES)


def _member(name: str) -> zipfile.ZipInfo:
    """A member that says nothing of when or by whom it was packed."""
    told = zipfile.ZipInfo(name, _WHEN)
    told.create_system, told.external_attr = 3, 0o644 << 16
    return told


def _kept(digest: str) -> Path:
    """Where a pack of that content is unpacked: kept for the next reader, or only for this process where nothing is."""
    own = own_folder()
    if own is None:
        return _for_this_process() / digest
    packs = own / "packs"
    packs.mkdir(mode=0o700, exist_ok=True)
    _forget_oldest(packs, digest)
    return packs / digest


def _for_this_process() -> Path:
    folder = mkdtemp(prefix="deleverage-")
    atexit.register(rmtree, folder, ignore_errors=True)
    return Path(folder)


def _forget_oldest(packs: Path, digest: str) -> None:
    found = sorted((path for path in packs.iterdir() if path.name != digest), key=lambda path: path.stat().st_mtime_ns)
    if len(found) >= _PACKS_MOST:
        for path in found[: len(found) // 2]:
            rmtree(path, ignore_errors=True)


@contextmanager
def _opened(path: Path, file: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """The zip, with what is wrong of it said in one line."""
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError) as error:
        raise _no_pack(path, f"its zip is damaged ({error})") from error


def _unpack(path: Path, archive: zipfile.ZipFile, folder: Path) -> None:
    members = archive.infolist()
    if not members or members[0].filename != PACK_NAME or members[0].file_size > _FIRST_BYTES_MOST:
        raise _no_pack(path, f"it does not begin with {PACK_NAME}")
    _check_members(path, members)
    first = _first(path, archive.read(members[0]))
    if f"{first.run}/{MANIFEST_NAME}" not in {member.filename for member in members}:
        raise _no_pack(path, f"the record {first.run!r} that it names is not in it")
    for member in members:
        to = folder / member.filename
        to.parent.mkdir(exist_ok=True)
        with archive.open(member) as source, open_new(to) as copy:
            copyfileobj(source, copy, _CHUNK_BYTES)


def _check_members(path: Path, members: Iterable[zipfile.ZipInfo]) -> None:
    """Refuse whatever is not a file of a record, stored as it is: so nothing leads out of the folder or grows."""
    seen = {PACK_NAME}
    for member in members:
        name = member.filename
        match = _MEMBER.fullmatch(name)
        if name != PACK_NAME and (match is None or match[1] in (".", "..") or name in seen):
            raise _no_pack(path, f"{name!r} in it is no file of a record, or is there twice")
        if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
            raise _no_pack(path, f"{name!r} in it is compressed")
        seen.add(name)


def _first(path: Path, data: bytes) -> _First:
    try:
        first = msgspec.json.decode(data, type=_First)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise _no_pack(path, f"{PACK_NAME}: {error}") from error
    if first.format > _FORMAT:
        message = f"{path}: a pack of format {first.format}, and this version reads up to {_FORMAT}; use a later one"
        raise RecordNotFoundError(message)
    if _MEMBER.fullmatch(f"{first.run}/{MANIFEST_NAME}") is None or first.run in (".", ".."):
        raise _no_pack(path, f"{first.run!r} is no folder's name")
    return first


def _no_pack(path: Path, what: str) -> RecordDamagedError:
    message = f"{path}: no pack of a record: {what}; ask for it again, `deleverage pack RUN -o FILE` makes one"
    return RecordDamagedError(message)
