"""One reader for every packing: what comes out, in steps that are bounded whatever a file holds or says of itself."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from contextlib import suppress
from pathlib import Path
from struct import pack_into
from typing import Any

import lz4.frame
import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from deleverage.events.bodies.run import RunEnded, RunStarted, SourceOpened
from deleverage.events.errors import ScenarioError
from deleverage.events.record import MemoryRecord
from deleverage.replay.importers import reading
from deleverage.replay.importers.reading import open_sources, read_rows
from deleverage.sim.reading.limits import PIECE_BYTES, WINDOW_BYTES_MOST, CutOffError, UnpackingError
from deleverage.sim.reading.lines import read_lines
from deleverage.sim.reading.rows import LINE_BYTES_MOST
from deleverage.sim.reading.unpacked import unpacked
from deleverage.sim.runner import Simulation
from deleverage.sim.scenario import Scenario

from .support.command_line import ENVIRONMENT, call
from .support.packings import PACKERS, STREAMED, zipped, zstd_frame

KINDS = st.sampled_from(sorted(PACKERS))
SKIPPABLE = b"\x5a\x2a\x4d\x18\x05\0\0\0hello"
PIECE = b"x" * 65_535 + b"\n"
TEXTS = st.lists(st.sampled_from([b"", b"\n", b"a,b\n", b"\r\n", b"0123456789", b"x" * 200_000, b"\xff"])).map(b"".join)


def pieces(packed: bytes) -> list[bytes]:
    """What a file of these bytes gives, piece by piece."""
    return list(unpacked(io.BytesIO(packed)))


def refusal(packed: bytes) -> UnpackingError:
    """Why a file of these bytes is not read to its end."""
    with pytest.raises(UnpackingError) as caught:
        pieces(packed)
    return caught.value


@given(KINDS, TEXTS)
def test_what_was_packed_comes_out(kind: str, data: bytes) -> None:
    """Every packing gives the bytes that went in, no piece being larger than a step may give."""
    got = pieces(PACKERS[kind](data))
    assert b"".join(got) == data
    assert all(0 < len(piece) <= PIECE_BYTES for piece in got)


@given(st.sampled_from(sorted(STREAMED)), st.lists(TEXTS, max_size=4), st.integers(0, 9))
def test_streams_behind_one_another_are_one_file(kind: str, parts: list[bytes], padding: int) -> None:
    """However many, empty ones and zeros between them included."""
    packed = b"".join(STREAMED[kind](part) + bytes(padding) for part in parts)
    assert b"".join(pieces(packed)) == b"".join(parts)


@pytest.mark.parametrize("kind", ["zstd", "lz4"])
def test_skippable_frames_are_passed_over(kind: str) -> None:
    """Before, between and behind the frames that count; one that is cut off is refused."""
    pack = STREAMED[kind]
    packed = SKIPPABLE * 3 + pack(b"one\n") + SKIPPABLE + pack(b"two\n") + SKIPPABLE
    assert b"".join(pieces(packed)) == b"one\ntwo\n"
    assert "ends within" in str(refusal(SKIPPABLE[:-1]))


def test_a_file_of_many_small_streams_is_read() -> None:
    """Ten thousand members, each of its own, are ten thousand lines."""
    assert b"".join(pieces(STREAMED["gzip"](b"a\n") * 10_000)) == b"a\n" * 10_000


@pytest.mark.parametrize("kind", sorted(PACKERS))
def test_a_bomb_is_unpacked_in_small_pieces(kind: str) -> None:
    """64 MB that pack to next to nothing come out as what they are, and no step gives more than any other."""
    packed = PACKERS[kind](PIECE * 1_000)
    sizes = [len(piece) for piece in unpacked(io.BytesIO(packed))]
    assert (sum(sizes), max(sizes)) == (1_000 * len(PIECE), PIECE_BYTES)


def test_a_run_of_zstd_is_a_small_step() -> None:
    """Four bytes that unpack to 128 KiB are one step, forty thousand of them in 160 KB are as many."""
    packed = zstd_frame(*[(1 << 17, b"\n")] * 40_000)
    sizes = [len(piece) for piece in unpacked(io.BytesIO(packed))]
    assert (len(packed), len(sizes), set(sizes)) == (160_006, 40_000, {1 << 17})


PEAK = """
import resource, sys
from pathlib import Path
from deleverage.sim.reading.lines import read_lines

def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

for path in sorted(Path(sys.argv[1]).glob("*.small")):
    list(read_lines(path, 1 << 20))
before = peak_mb()
for path in sorted(Path(sys.argv[1]).glob("*.bomb")):
    rows = sum(1 for _ in read_lines(path, 1 << 20))
    print(path.stem, rows, peak_mb() - before)
"""


def test_memory_stays_flat(tmp_path: Path) -> None:
    """A process that has read small files of every packing needs no more than 24 MB more for bombs of 64 MB."""
    kinds = sorted(set(PACKERS) - {"plain", "zip stored", "lzma", "zip lzma", "zip xz"})  # xz is slow to pack
    for kind in kinds:
        (tmp_path / f"{kind}.small").write_bytes(PACKERS[kind](PIECE))
        (tmp_path / f"{kind}.bomb").write_bytes(PACKERS[kind](PIECE * 1_000))
    command = [sys.executable, "-c", PEAK, str(tmp_path)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    told = {" ".join(kind): (int(rows), int(mb)) for *kind, rows, mb in map(str.split, done.stdout.splitlines())}
    assert {kind: rows for kind, (rows, _) in told.items()} == dict.fromkeys(kinds, 1_000)
    assert max(mb for _, mb in told.values()) <= 24


@pytest.mark.parametrize("kind", sorted(STREAMED))
@pytest.mark.parametrize("cut_bytes", [1, 9])
def test_a_cut_stream_is_refused(kind: str, cut_bytes: int) -> None:
    """A file that lacks its last bytes gives what stands before the cut, and then says that it is cut off."""
    data = b"".join(b"%d\n" % (number * number) for number in range(40_000))
    read: list[bytes] = []
    with pytest.raises(CutOffError, match=r"reading stops here .*cut off or damaged"):
        read.extend(unpacked(io.BytesIO(STREAMED[kind](data)[:-cut_bytes])))
    assert data.startswith(b"".join(read))


@given(KINDS, st.data())
def test_damage_is_an_error_and_nothing_else(kind: str, draw: st.DataObject) -> None:
    """Whatever bytes are altered, cut or added: pieces that are bounded, then the end or an error of ours."""
    packed = bytearray(PACKERS[kind](b"first\nsecond\n" * 400))
    for _ in range(draw.draw(st.integers(1, 4))):
        place = draw.draw(st.integers(0, max(len(packed) - 1, 0)))
        packed[place : place + draw.draw(st.integers(0, 9))] = draw.draw(st.binary(max_size=9))
    sizes: list[int] = []
    with suppress(UnpackingError):
        sizes.extend(len(piece) for piece in unpacked(io.BytesIO(packed)))
    assert max(sizes, default=0) <= PIECE_BYTES


def test_a_zstd_window_that_is_too_large_is_refused_at_once() -> None:
    """4 GiB of window are not allocated; 128 MiB, the most that zstd's own tool takes unasked, are read."""
    assert WINDOW_BYTES_MOST == 1 << 27
    assert b"".join(pieces(zstd_frame((1 << 17, b"\n"), window_log=27))) == b"\n" * (1 << 17)
    for window_log in (28, 32, 41):
        assert "its zstd window has" in str(refusal(zstd_frame((1, b"\n"), window_log=window_log)))
    one_segment = b"\x28\xb5\x2f\xfd" + bytes([0b11100000]) + (100 * 10**9).to_bytes(8, "little")
    assert "its zstd window has 100,000,000,000 bytes" in str(refusal(one_segment))


def test_a_zstd_dictionary_is_named() -> None:
    """A frame that was packed with a dictionary cannot be read without."""
    dictionary = zstandard.train_dictionary(1_000, [b"%d,%d,price" % (n, n * n) for n in range(2_000)])
    packed = zstandard.ZstdCompressor(dict_data=dictionary).compress(b"1,1,price\n")
    assert f"it needs the zstd dictionary {dictionary.dict_id()}" in str(refusal(packed))


def test_a_zstd_block_that_is_too_long_is_damage() -> None:
    """No block unpacks to more than 128 KiB, whatever its header says."""
    assert "a block of 2,000,000 bytes" in str(refusal(zstd_frame((2_000_000, b"\n"))))


@pytest.mark.parametrize("kind", ["lzma", "zip lzma"])
def test_an_lzma_dictionary_that_is_too_large_is_refused_at_once(kind: str) -> None:
    """1 GiB of dictionary are not allocated."""
    packed = bytearray(PACKERS[kind](b"first\n"))
    at = packed.index(b"\x5d\0\0")
    pack_into("<L", packed, at + 1, 1 << 30)
    assert "its dictionary is larger than the 134,217,728 bytes that are taken" in str(refusal(bytes(packed)))


def test_lz4_is_not_believed_its_size() -> None:
    """A frame that claims 2^60 bytes and has three gives three or an error, and allocates nothing."""
    packed = bytearray(lz4.frame.compress(b"one", store_size=True, content_checksum=False))
    pack_into("<Q", packed, 6, 1 << 60)
    assert isinstance(refusal(bytes(packed)), CutOffError)


def _archive_that_says(data: bytes, **told: int) -> bytes:
    """An archive whose directory lies about `size`, `crc`, `packed`, `offset`, `method` or `flags`."""
    archive = bytearray(zipped(data))
    directory = archive.rindex(b"PK\x01\x02")
    places = {"flags": ("<H", 8), "method": ("<H", 10), "crc": ("<L", 16), "packed": ("<L", 20), "size": ("<L", 24)}
    for name, value in told.items():
        layout, at = (places | {"offset": ("<L", 42)})[name]
        pack_into(layout, archive, directory + at, value)
    return bytes(archive)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"size": 3}, "it unpacks to more than the 3 bytes that the archive's directory says"),
        ({"size": 4_000_000_000}, "its 60,000 bytes or their CRC-32 are not what the archive's directory says"),
        ({"crc": 1}, "its 60,000 bytes or their CRC-32 are not"),
        ({"packed": 5}, "it ends within a packed stream"),
        ({"packed": 0}, "its 0 bytes or their CRC-32 are not"),
        ({"offset": 7}, "no file begins where the archive's directory says"),
        ({"method": 98}, "packed by zip's method 98, which is not read here"),
        ({"flags": 1}, "its file is encrypted; unpack it first"),
    ],
)
def test_an_archive_that_lies_is_refused(told: dict[str, int], why: str) -> None:
    """What a zip's directory says must come out, or be something that is read here."""
    assert why in str(refusal(_archive_that_says(b"first\n" * 10_000, **told)))


def test_an_archive_of_many_files_is_refused_without_reading_its_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two are counted; of twenty thousand the directory is not even taken into memory."""
    assert "a zip archive of 2 files; unpack it" in str(refusal(zipped(b"x", names=("one", "two"))))
    packed = zipped(b"", zipfile.ZIP_STORED, names=map(str, range(20_000)))
    monkeypatch.setattr(zipfile, "ZipInfo", None)
    assert "a zip archive of many files; unpack it" in str(refusal(packed))


@given(KINDS, TEXTS, st.integers(1, 300_000))
@example("plain", b"a\nbb\nccc", 2)
@example("plain", b"bb\nccc", 2)
@example("plain", b"bb\n" + b"x" * 200_000 + b"\na", 199_999)
def test_lines_are_those_of_the_text_up_to_one_that_is_too_long(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: bytes, most: int
) -> None:
    """Lines as `split` has them; the first that is longer than allowed stops it, wherever in a piece it ends."""
    path = tmp_path_factory.mktemp("lines") / "fills"
    path.write_bytes(PACKERS[kind](data))
    lines = data.split(b"\n")
    expected = list(enumerate(lines if lines[-1] else lines[:-1], 1))
    long = next((number for number, line in expected if len(line) > most), None)
    cut: list[tuple[int, str]] = []
    seen: list[int] = []
    got = list(read_lines(path, most, seen.append, lambda *told: cut.append(told)))
    assert got == (expected if long is None else expected[: long - 1])
    assert [number for number, _ in cut] == ([] if long is None else [long])
    if long is None:
        assert sum(seen) == path.stat().st_size
        return
    with pytest.raises(ScenarioError) as caught:
        list(read_lines(path, most))
    assert str(caught.value).startswith(f"{path}:{long}: reading stops here (a line of more than {most:,} bytes)")


@pytest.mark.parametrize("kind", sorted(PACKERS))
def test_a_line_over_the_limit_is_named_by_a_scenario(kind: str, tmp_path: Path) -> None:
    """A row of market data has a mebibyte at most, in a file of any packing that `run` reads."""
    path = tmp_path / "trades"
    path.write_bytes(PACKERS[kind](b"first\n" + b"9" * (LINE_BYTES_MOST + 1) + b"\nthird\n"))
    with pytest.raises(ScenarioError, match=r"trades:2: reading stops here \(a line of more than 1,048,576 bytes\)"):
        list(read_lines(path, LINE_BYTES_MOST))


def test_a_line_over_the_limit_is_named_by_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that ends within the piece that it begins in."""
    monkeypatch.setattr(reading, "LINE_BYTES_MOST", 30)
    path = tmp_path / "fills.zst"
    path.write_bytes(STREAMED["zstd"](b"first\n" + b"9" * 31 + b"\nthird\n"))
    rows = read_rows(open_sources(((str(path), "lines"),))[0])
    assert next(rows) == (1, b"first")
    with pytest.raises(ScenarioError, match=r"fills.zst:2: reading stops here \(a line of more than 30 bytes\)"):
        next(rows)


@pytest.mark.parametrize("kind", sorted(PACKERS))
def test_a_scenario_reads_every_packing(kind: str, tmp_path: Path) -> None:
    """`run` takes its prices from a file however it is packed, and imports the same."""
    header = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
    rows = "".join(
        f"x,BTC,{1_760_000_000_000_000 + n * 10**6},{1_760_000_000_000_001 + n * 10**6},{n},buy,{117_000 + n},1\n"
        for n in range(50)
    )
    path = tmp_path / "trades"
    path.write_bytes(PACKERS[kind]((header + rows).encode()))
    done = call("run", "calm", "--set", f"prices.file={path}", "--set", "population.accounts=5")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "source       trades (tardis trades): 50 rows" in done.stdout


START_MS = 1_760_054_400_000
"""2025-10-10T00:00:00Z."""

BARS = "\n".join(
    f"{START_MS + 60_000 * n},{117_000 + n},117100,116900,117050,0,{START_MS + 60_000 * n + 59_999},0,1,0,0,0"
    for n in range(5)
)
DEPTH = "timestamp,percentage,depth,notional\n" + "\n".join(
    f"2025-10-10 00:0{minute}:00,{percent},{5 * abs(percent)},100" for minute in range(5) for percent in (-2, -1, 1, 2)
)
ACCOUNTS = "account,balance,instrument,size,entry_price\n" + "\n".join(
    f"a-{n},1000,BTC-PERP,0.01,117000" for n in range(7)
)


@pytest.mark.parametrize("kind", sorted(PACKERS))
def test_every_source_of_a_scenario_reads_every_packing(kind: str, tmp_path: Path) -> None:
    """Bars, depth and accounts, each packed in the same way, give the head that the plain files give."""
    heads = []
    for packing in ("plain", kind):
        (tmp_path / packing).mkdir(exist_ok=True)
        for name, text in (("bars", BARS), ("depth", DEPTH), ("accounts", ACCOUNTS)):
            (tmp_path / packing / name).write_bytes(PACKERS[packing](text.encode()))
        bars, depth, accounts = (tmp_path / packing / name for name in ("bars", "depth", "accounts"))
        overrides = [
            f'prices={{source="klines",file="{bars}",symbol="BTCUSDT"}}',
            f'depth={{source="bookdepth",file="{depth}",instrument="BTC-PERP",symbol="BTCUSDT"}}',
            f'population={{source="csv",file="{accounts}"}}',
        ]
        record = MemoryRecord()
        simulation = Simulation(Scenario.load("calm", overrides).resolve(), record)
        simulation.open()
        simulation.drive()
        heads.append([event.body for event in record.events() if not isinstance(event.body, RunStarted | SourceOpened)])
        ended = heads[-1][-1]
        assert isinstance(ended, RunEnded)
        assert sorted(tally.rows for tally in ended.sources) == [5, 7, 20]
    assert heads[0] == heads[1]


def test_a_missing_lz4_says_so_for_a_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the message says how to get it, and not that the file is damaged."""
    modules: dict[str, Any] = sys.modules
    monkeypatch.setitem(modules, "lz4.frame", None)
    path = tmp_path / "trades"
    path.write_bytes(STREAMED["lz4"](b"a,b\n"))
    with pytest.raises(ScenarioError, match=r"trades:1: it is packed with lz4, which needs `pip install") as caught:
        list(read_lines(path, LINE_BYTES_MOST))
    assert "damaged" not in str(caught.value)


def test_a_line_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    """A mebibyte is a line; it needs no end where the file ends."""
    path = tmp_path / "trades"
    for end in (b"", b"\n", b"\n3\n"):
        path.write_bytes(b"1\n" + b"9" * LINE_BYTES_MOST + end)
        assert [len(line) for _, line in read_lines(path, LINE_BYTES_MOST)][:2] == [1, LINE_BYTES_MOST]
