"""Records in object storage: a URL in the place of a path (`s3://bucket/crash.run`, `memory://`, `file://`), by fsspec.

1. What is sealed never changes, so it is fetched once: manifest and segments, into the reader's own folder for what can
   be made again, under the SHA-256 of URL and manifest. The record there is read as any other, and leads to its head.
2. Nothing derived is fetched, and nothing is ever written to where the record is. A fork's parents are fetched beside
   it, a folder of shards with all of them, a pack as the one file that it is.
3. What `export -o` writes is put there when it is complete, `export.json` last: a folder without it is not whole.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

from ..events.errors import QueryError, RecordDamagedError, RecordExistsError, RecordNotFoundError
from ..events.record.files import segment_name
from ..events.record.known import own_folder
from ..events.record.manifest import MANIFEST_NAME, Manifest, read_manifest
from ..events.record.shards import SHARDS_NAME, read_shards
from ..events.regular import whole_folder
from .tables.arrow import needed

__all__ = ["fetched", "is_url", "put_whole"]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_CHUNK_BYTES = 1 << 20


def is_url(text: str) -> bool:
    """Whether a text names a place by a URL."""
    return _URL.match(text) is not None


def fetched(url: str) -> Path:
    """Where the record, the shards or the pack of a URL is on this machine, fetched where it was not before.

    Raises QueryError where fsspec, or what it needs for this kind of URL, is not installed, RecordNotFoundError where
    there is no sealed record.
    """
    files, place = _opened(url)
    with _told(url):
        if files.isfile(place):
            return _file(files, place)
        name = SHARDS_NAME if files.exists(posixpath.join(place, SHARDS_NAME)) else MANIFEST_NAME
        with files.open(posixpath.join(place, name), "rb") as file:
            first = file.read()
        key = sha256(b"\n".join((url.encode(), first))).hexdigest()
        folder = _kept(key) / _name_of(url, place)
        if not folder.is_dir():
            if name == SHARDS_NAME:
                _fetch_shards(files, url, place, folder)
            else:
                _fetch_lineage(files, url, place, folder)
    return folder


@contextmanager
def put_whole(url: str, last: str) -> Iterator[Path]:
    """A folder of this machine, put to where a URL says when it is complete, the file called `last` last.

    Raises RecordExistsError where something is there, QueryError where nothing can be put there.
    """
    files, place = _opened(url)
    with _told(url):
        taken = files.exists(place) and (files.isfile(place) or files.ls(place))
    if taken:
        message = f"{url}: it is there and not an empty folder, and nothing is written over; give another folder"
        raise RecordExistsError(message)
    with TemporaryDirectory(prefix="deleverage-") as spare:
        folder = Path(spare) / "whole"
        yield folder
        with _told(url):
            paths = [path for path in folder.rglob("*") if path.is_file()]
            for path in sorted(paths, key=lambda path: (path.name == last, path)):
                to = posixpath.join(place, path.relative_to(folder).as_posix())
                files.makedirs(posixpath.dirname(to), exist_ok=True)
                files.put_file(str(path), to)


def _opened(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the place in it."""
    fsspec = needed("fsspec", "'deleverage[remote]'")
    try:
        files, place = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        message = f"{url}: {error}"
        raise QueryError(message) from error
    return files, place


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Say in one line what is not there, or not given: storages raise errors of their own."""
    try:
        yield
    except FileNotFoundError as error:
        message = f"{url}: no record there; give the URL of a folder that a run wrote, of shards or of a pack"
        raise RecordNotFoundError(message) from error
    except OSError as error:
        message = f"{url}: the storage refuses ({error}); check its address and your credentials"
        raise QueryError(message) from error


def _kept(key: str) -> Path:
    """The folder of this machine for what was fetched under a key. Raises QueryError where there is none."""
    own = own_folder()
    if own is None:
        message = "no folder to fetch a record into; set DELEVERAGE_CACHE to one that only you can write"
        raise QueryError(message)
    folder = own / "remote" / key
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _file(files: Any, place: str) -> Path:
    """A pack: its SHA-256 is known only once it is here, and it is told apart by what the storage says of it before."""
    key = sha256(f"{place} {files.checksum(place)}".encode()).hexdigest()
    folder = _kept(key) / "pack"
    if not folder.is_dir():
        with suppress(RecordExistsError), whole_folder(folder) as beside:
            _fetch(files, place, beside / "record.pack")
    return folder / "record.pack"


def _fetch_shards(files: Any, url: str, place: str, folder: Path) -> None:
    with suppress(RecordExistsError), whole_folder(folder) as beside:
        _fetch(files, posixpath.join(place, SHARDS_NAME), beside / SHARDS_NAME)
        for shard in read_shards(beside).shards:
            (beside / shard.run).mkdir()
            _fetch_record(files, url, posixpath.join(place, shard.run), beside / shard.run)


def _fetch_lineage(files: Any, url: str, place: str, folder: Path) -> None:
    """A record, and beside it whatever it was forked from: there its fork looks for it."""
    with suppress(RecordExistsError), whole_folder(folder) as beside:
        parent = _fetch_record(files, url, place, beside).parent
    if parent is not None and parent.first_seq:
        above = posixpath.normpath(posixpath.join(place, parent.path))
        if not files.exists(above):
            above = posixpath.join(posixpath.dirname(place), posixpath.basename(parent.path))
        to = folder.with_name(_name_of(url, above))
        if not to.is_dir():
            _fetch_lineage(files, url, above, to)


def _fetch_record(files: Any, url: str, place: str, folder: Path) -> Manifest:
    """One record into an empty folder."""
    _fetch(files, posixpath.join(place, MANIFEST_NAME), folder / MANIFEST_NAME)
    manifest = read_manifest(folder)
    if manifest.status == "recording":
        _refuse(url)
    for number in range(len(manifest.segments)):
        _fetch(files, posixpath.join(place, segment_name(number)), folder / segment_name(number))
    return manifest


def _name_of(url: str, place: str) -> str:
    """What a record is called at its place. Raises RecordDamagedError for a name that leads elsewhere."""
    name = posixpath.basename(place.rstrip("/"))
    if name in {"", ".", ".."} or "\\" in name or "\0" in name:
        message = f"{url}: {name!r} is no name of a record's folder; rename it"
        raise RecordDamagedError(message)
    return name


def _refuse(url: str) -> NoReturn:
    message = (
        f"{url}: it is not sealed, so it may still grow; `deleverage recover` it where it is, or fetch it yourself"
    )
    raise RecordNotFoundError(message)


def _fetch(files: Any, place: str, to: Path) -> None:
    with files.open(place, "rb") as source, to.open("xb") as copy:
        copyfileobj(source, copy, _CHUNK_BYTES)
