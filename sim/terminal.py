"""Where text leaves for a terminal, a pipe or a file: nothing that it holds acts on whoever shows it.

1. Names, reasons, paths and messages come from files. In all of them a character that is not printable is shown as its
   escape: controls (ESC, BEL, DEL, the C1 set), marks of direction, line and paragraph separators, lone surrogates.
2. JSON has them as escapes of its own, which any JSON tool reads as the character.
3. Commands print through here and `console.py` and nowhere else; tests/test_tidy.py looks for whoever does not.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable, Sequence

import click

__all__ = [
    "print_columns",
    "print_document",
    "print_json",
    "print_lines",
    "print_text",
    "printable",
    "printable_json",
    "printable_text",
    "shell_word",
    "tell",
]

_MESSAGE_MOST, _END_SHOWN = 4_000, 1_000
_ASCII_END, _SHORT_MOST = 0x80, 0xFFFF
_BYTES = range(0xDC80, 0xDD00)
"""The lone surrogates that stand for bytes of a name which is no UTF-8."""


def printable(text: str) -> str:
    """The text in one line: what is not printable as its escape, line ends included."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def printable_text(text: str) -> str:
    """A text of several lines, each of them printable."""
    return "\n".join(map(printable, text.split("\n")))


def tell(message: str) -> None:
    """One line on stderr, whatever the message holds; of one that is very long, its two ends."""
    told = " ".join(message.split())
    if len(told) > _MESSAGE_MOST:
        told = f"{told[:-_END_SHOWN][: _MESSAGE_MOST - _END_SHOWN]}[...]{told[-_END_SHOWN:]}"
    click.echo(f"deleverage: {printable(told)}", err=True)


def print_text(text: str) -> None:
    """Lines on stdout; the last one is ended."""
    click.echo(printable_text(text.removesuffix("\n")))


def print_lines(lines: Iterable[str]) -> None:
    """Many lines on stdout, each as soon as it is there."""
    write = sys.stdout.write
    for line in lines:
        write(printable(line))
        write("\n")


def print_columns(rows: Iterable[Sequence[str]]) -> None:
    """Rows on stdout with a tab between two cells, each as soon as it is there; a tab in a cell is its escape."""
    write = sys.stdout.write
    for row in rows:
        write("\t".join(map(printable, row)))
        write("\n")


def print_document(document: object) -> None:
    """Plain data as one JSON document, two spaces a level."""
    print_json([json.dumps(document, indent=2).encode()])


def print_json(documents: Iterable[bytes]) -> None:
    """JSON texts in UTF-8, whatever the terminal speaks, each with the end of a line."""
    write = sys.stdout.buffer.write
    for document in documents:
        write(printable_json(document))
        write(b"\n")


def printable_json(data: bytes) -> bytes:
    """The same JSON with what is not printable as escapes; some 50 ns where there is nothing of the kind."""
    if data.isascii() and b"\x7f" not in data:
        return data
    return "".join(one if one.isprintable() or one == "\n" else _json_escape(one) for one in data.decode()).encode()


def shell_word(text: str) -> str:
    """The text as one word of a command that can be copied; what is not printable is in the quotes of bash."""
    if text.isprintable():
        return shlex.quote(text)
    escaped = "".join(map(_shell_escape, text))
    return f"$'{escaped}'"


def _json_escape(character: str) -> str:
    return f"\\u{ord(character):04x}" if character == "\x7f" else json.dumps(character)[1:-1]


def _shell_escape(character: str) -> str:
    """A character between the quotes of bash; a byte of a name that is no UTF-8 stands for itself."""
    code = ord(character)
    if character.isprintable():
        return f"\\{character}" if character in "\\'" else character
    if code in _BYTES:
        return f"\\x{code - _BYTES.start + _ASCII_END:02x}"
    if code < _ASCII_END:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _SHORT_MOST else f"\\U{code:08x}"
