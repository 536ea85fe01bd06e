"""A receipt that went through another program's JSON still checks, and one that says anything else does not."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import open_run, receipt_of
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.errors import DeleverageError, RecordDamagedError
from deleverage.replay.receipt.check import check_receipt
from deleverage.replay.receipt.file import encode_receipt
from deleverage.replay.receipt.values import read_json
from deleverage.replay.receipt.view import checked_view
from deleverage.replay.run import Run

from .support.command_line import call, small_record


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash, recorded and opened."""
    return open_run(small_record(tmp_path_factory.mktemp("records")))


@pytest.fixture(scope="module")
def receipt(run: Run) -> bytes:
    """Of a reduction, with a ranking."""
    seq = next(event.seq for event in run.events() if isinstance(event.body, PositionDeleveraged))
    return encode_receipt(receipt_of(run, seq))


def backwards(value: Any) -> Any:
    """The same values with the keys of each object in the reverse order."""
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in reversed(value)}
    return [backwards(one) for one in value] if isinstance(value, list) else value


def in_floats(value: Any) -> Any:
    """The same values with numbers as a program has them that knows only floating-point ones."""
    if isinstance(value, dict):
        return {key: in_floats(one) for key, one in value.items()}
    if isinstance(value, list):
        return [in_floats(one) for one in value]
    return float(value) if type(value) is int else value


def escaped(document: Any) -> bytes:
    """Every character of every text as an escape, slashes too."""
    text = json.dumps(document)
    parts = text.split('"')
    for place in range(1, len(parts), 2):
        parts[place] = "".join(f"\\u{ord(one):04x}" for one in parts[place])
    return '"'.join(parts).encode()


SPELLINGS: dict[str, Callable[[Any], bytes]] = {
    "indented": lambda it: json.dumps(it, indent=4).encode(),
    "with tabs and other line ends": lambda it: json.dumps(it, indent="\t").replace("\n", "\r\n").encode(),
    "sorted keys": lambda it: json.dumps(it, sort_keys=True).encode(),
    "reversed keys": lambda it: json.dumps(backwards(it)).encode(),
    "compact": lambda it: json.dumps(it, separators=(",", ":")).encode(),
    "escapes": escaped,
    "escaped slashes": lambda it: json.dumps(it).replace("/", "\\/").encode(),
    "floating-point numbers": lambda it: json.dumps(in_floats(it)).encode(),
    "exponents": lambda it: json.dumps(it).replace('"version": 1', '"version": 10e-1').encode(),
    "a byte order mark": lambda it: b"\xef\xbb\xbf" + json.dumps(it).encode(),
    "UTF-16": lambda it: json.dumps(it).encode("utf-16"),
    "UTF-16 without a mark": lambda it: json.dumps(it).encode("utf-16-le"),
    "UTF-32": lambda it: json.dumps(it).encode("utf-32"),
    "no newline": lambda it: json.dumps(it).encode(),
    "newlines around": lambda it: b"\n\n" + json.dumps(it).encode() + b"\n\n\n",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_any_spelling_of_the_same_values_checks(receipt: bytes, run: Run, spelling: str) -> None:
    """And says what the file as it was written says; another value in that spelling is refused."""
    document, head = json.loads(receipt), bytes.fromhex(run.head)
    found, due = (check_receipt(data, head) for data in (SPELLINGS[spelling](document), receipt))
    assert checked_view(Path("r"), found) == checked_view(Path("r"), due)
    document["account"] += 1
    with pytest.raises(RecordDamagedError, match="its values do not give its own hash"):
        check_receipt(SPELLINGS[spelling](document), head)


FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value that is no list and no object."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        yield path
        return
    for key, one in items:
        yield from leaves(one, (*path, key))


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_other_value_is_refused(receipt: bytes, run: Run, data: st.DataObject) -> None:
    """A number, a text or a hash that is another, however the whole is spelled."""
    document = json.loads(receipt)
    *way, last = data.draw(st.sampled_from(list(leaves(document))))
    place = document
    for key in way:
        place = place[key]
    old = place[last]
    new = data.draw(st.integers(0, 2**70) | st.text(max_size=60) | st.none() | st.booleans() | FLOATS)
    place[last] = new
    if json.dumps(new) == json.dumps(old) or (type(old) is int and type(new) is float and new == old):
        return
    with pytest.raises(DeleverageError):  # of a document that breaks off in escapes not even its kind can be told
        check_receipt(SPELLINGS[data.draw(st.sampled_from(sorted(SPELLINGS)))](document), bytes.fromhex(run.head))


def test_no_number_is_too_large_for_a_program_of_floats(receipt: bytes) -> None:
    """Amounts and times are in the base64 of the events; what stands as a number counts something."""
    document = json.loads(receipt)
    for way in leaves(document):
        value = document
        for key in way:
            value = value[key]
        assert not isinstance(value, int) or abs(value) < 2**53


TOOLS = {
    "jq": ["jq", "."],
    "jq, sorted": ["jq", "-S", "-c", "."],
    "node": ["node", "-e", "process.stdout.write(JSON.stringify(JSON.parse(require('fs').readFileSync(0)),null,1))"],
}


@pytest.mark.parametrize("tool", [tool for tool, command in TOOLS.items() if shutil.which(command[0])])
def test_other_programs_leave_it_whole(tmp_path: Path, receipt: bytes, run: Run, tool: str) -> None:
    """Those that are installed here write it anew, and `check` takes it."""
    written = subprocess.run(TOOLS[tool], input=receipt, capture_output=True, check=True).stdout
    assert written != receipt
    path = tmp_path / "r.json"
    path.write_bytes(written)
    assert call("check", path, "--head", run.head).exit_code == 0
    path.write_bytes(written.replace(b'"events": 1', b'"events": 2', 1).replace(b'"events":1', b'"events":2', 1))
    assert call("check", path, "--head", run.head).exit_code == 1


@pytest.mark.parametrize("text", ["9" * 20, "-" + "9" * 20, "9.9e19", "0.1e20", "0"])
def test_a_number_of_twenty_digits_is_read(text: str) -> None:
    """However it is spelled, a whole number below 10^20 is its value."""
    assert read_json(f'{{"a":{text}}}'.encode()) == {"a": int(Decimal(text))}


@pytest.mark.parametrize("text", ["1" + "0" * 20, "1e20", "-1e20", "0.1e21", "0.5", "1e-1"])
def test_a_number_of_one_digit_more_is_refused(text: str) -> None:
    """From 10^20 on, or with a fraction, it is no number of a receipt."""
    with pytest.raises(ValueError, match=f"{text[:20]} is no whole number, or too large"):
        read_json(f'{{"a":{text}}}'.encode())


@pytest.mark.parametrize(("document", "name"), [('{"a":1,"b":2,"b":3}', "b"), ('{"c":{"a":1,"d":2,"a":1}}', "a")])
def test_a_name_that_is_there_twice_is_told(document: str, name: str) -> None:
    """It is the one that is repeated, wherever it stands, and not another beside it."""
    with pytest.raises(ValueError, match=f"^'{name}' is there twice$"):
        read_json(document.encode())
