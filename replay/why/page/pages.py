"""A whole page of `why`, about an event or an account: as text, as Markdown, or as JSON; and the index of many pages.

1. Markdown is to be sent to whoever asked: the same sections as the text, with nothing that depends on a width.
2. Names come from files, so whatever Markdown (that of GitHub included) or HTML would act on is escaped: emphasis,
   code, links, also bare ones, mentions, tags, entities, tables, formulas, and what makes a heading, a list or a rule
   at the beginning of a line.
3. JSON has the names of `answer.py`; nothing in it is rounded, drawn together or left out.
4. The index of `why --everyone` has each account, its reductions, what they cost it, and its page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import Literal

import msgspec

from ....sim.figures import count
from ....sim.quantities import Quantity, encoded
from ....sim.terminal import printable, printable_json, printable_text, shell_word
from ...run import Run
from ..accounts import Forced
from ..answer import Answer, Befallen
from .blocks import Block, Commands, Node, Prose, Section, Sums, Table, Tree
from .sections import befallen_sections

__all__ = [
    "Indexed",
    "Layout",
    "account_page",
    "account_title",
    "answer_document",
    "befallen_document",
    "closing_of",
    "escaped",
    "forced_document",
    "index_page",
    "markdown_of",
]

Layout = Literal["text", "md", "json"]

_NAMED = 4
"""So many events of an account stand in the index; its page has all."""

_ACTIVE = re.compile(r"[\\`*_\[\]<>|#&~$@]|:(?=//)|(?<=www)\.", re.IGNORECASE)
_BEGINS_A_BLOCK = re.compile(r"[-+](?= |$)|[-=]+(?= *$)|[0-9]{1,9}[.)](?= |$)", re.ASCII)
_FENCE_LEAST = 3
_INDENT = "  "


def account_title(run: Run, found: Befallen) -> str:
    """The title of the page about an account."""
    return f"What befell {found.name} in {run.started.scenario}"


def account_page(run: Run, found: Befallen, layout: Layout, width: int, *, whole: bool = False) -> bytes:
    """The bytes that the command prints about an account of which something is to be told.

    Text is `width` columns wide. The page names the record by its path.
    """
    if layout == "json":
        return printable_json(befallen_document(found)) + b"\n"
    title, record = account_title(run, found), shell_word(str(run.path))
    sections = befallen_sections(found, record, whole=whole)
    text = markdown_of(title, sections, closing_of(run)) if layout == "md" else _text(title, sections, width)
    return _page(text)


def _page(text: str) -> bytes:
    return (printable_text(text.removesuffix("\n")) + "\n").encode("utf-8", "surrogateescape")


def _text(title: str, sections: Iterable[Section], width: int) -> str:
    from ....sim.console import new_console  # noqa: PLC0415 - rich is only for what a person reads
    from .text import print_sections  # noqa: PLC0415

    buffer = StringIO()
    console = new_console(buffer)
    console.width = width
    print_sections(console, title, sections)
    return buffer.getvalue()


def closing_of(run: Run, command: str = "why") -> str:
    """What stands at the end of a page that is sent, by the command that made it."""
    head = f"whose head is `{run.sealed_head}`" if run.sealed_head else "which was never sealed"
    return (
        f"Worked out by `deleverage {command}` from nothing but the record, {head}. `deleverage verify` checks that "
        "record; whoever holds it can repeat every figure above."
    )


class Indexed(msgspec.Struct, frozen=True):
    """One account: the events in which it was deleveraged, and the file with its page.

    `gained` is what the prices of these were better than the marks of their moments for it, below zero where they
    were worse; null in an import, where the marks are not known.
    """

    account: int
    name: str
    events: tuple[int, ...]
    gained: Quantity | None
    file: str


def index_page(run: Run, accounts: Sequence[Indexed], layout: Layout, width: int) -> bytes:
    """The index as a page of the same layout."""
    if layout == "json":
        document = {"scenario": run.started.scenario, "head": run.sealed_head, "accounts": accounts}
        return printable_json(_encoded(document)) + b"\n"
    title = f"Who was deleveraged in {run.started.scenario}"
    told = (
        f"{count(len(accounts), 'account')}. Gained is what the prices of the reductions were better than the marks of "
        "their moments for the account, below zero where they were worse."
    )
    text = _markdown(run, title, told, accounts) if layout == "md" else _text(title, _index(told, accounts), width)
    return _page(text)


def _row(one: Indexed) -> tuple[str, str, str, str]:
    more = f" and {len(one.events) - _NAMED} more" if one.events[_NAMED:] else ""
    events = ", ".join(map(str, one.events[:_NAMED])) + more
    return one.name, events, str(one.gained or "unknown"), one.file


def _index(told: str, accounts: Sequence[Indexed]) -> list[Section]:
    table = Table(("account", "events", "gained", "page"), tuple(map(_row, accounts)))
    return [Section("", (Prose(told), table))]


def _markdown(run: Run, title: str, told: str, accounts: Sequence[Indexed]) -> str:
    shown = map(_row, accounts)
    rows = [f"| [{escaped(name)}]({file}) | {events} | {gained} |" for name, events, gained, file in shown]
    lines = [f"# {escaped(title)}", "", *_markdown_block(Prose(told)), ""]
    lines += ["| account | events | gained |", "| :--- | ---: | ---: |", *rows, "", "---", "", closing_of(run), ""]
    return "\n".join(lines)


def markdown_of(title: str, sections: Iterable[Section], closing: str) -> str:
    """The whole file; `closing` stands under a line at its end."""
    lines = [f"# {escaped(title)}", ""]
    for section in sections:
        if section.title:
            lines += [f"## {escaped(section.title)}", ""]
        for block in section.blocks:
            lines += [*_markdown_block(block), ""]
    return "\n".join([*lines, "---", "", closing, ""])


def _markdown_block(block: Block) -> Iterator[str]:
    """The lines of one block."""
    if isinstance(block, Prose):
        yield _at_line_start(block.text)
    elif isinstance(block, Tree):
        yield f"{_at_line_start(block.root)}:"
        yield ""
        yield from _listed(block.nodes, "")
    elif isinstance(block, Sums):
        yield from _sums(block)
    elif isinstance(block, Commands):
        yield from _fenced(tuple(map(printable, block.lines)))
    else:
        yield from _marked_table(block)


def _fenced(lines: tuple[str, ...]) -> Iterator[str]:
    """Commands as they are, in a fence that is longer than any run of backticks in them."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(_FENCE_LEAST, longest + 1)
    yield from (f"{fence}console", *lines, fence)


def _listed(nodes: Iterable[Node], indent: str) -> Iterator[str]:
    for node in nodes:
        yield f"{indent}- {_at_line_start(node.text)}"
        yield from _listed(node.children, indent + _INDENT)


def _sums(block: Sums) -> Iterator[str]:
    """Amounts to the right of their column, the sum in bold."""
    *rows, total = [(amount, escaped(text)) for amount, text in block.rows]
    yield from _table(("amount", "what"), ("---:", ":---"), [*rows, _bold(total)])


def _marked_table(block: Table) -> Iterator[str]:
    """The first column to the left, the others to the right; the row that is asked about in bold."""
    rows = [tuple(map(escaped, row)) for row in block.rows]
    if block.marked is not None:
        rows[block.marked] = _bold(rows[block.marked])
    header = tuple(map(escaped, block.header))
    yield from _table(header, (":---", *["---:"] * (len(header) - 1)), rows)


def _bold(row: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"**{cell}**" for cell in row)


def _table(header: tuple[str, ...], sides: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A table of cells that are escaped already."""
    for row in (header, sides, *rows):
        yield f"| {' | '.join(row)} |"


def escaped(text: str) -> str:
    """The text in one line, nothing in it being markup."""
    return _ACTIVE.sub(r"\\\g<0>", printable(text).strip(" "))


def _at_line_start(text: str) -> str:
    """The same where a line begins: no list, heading or rule."""
    plain = escaped(text)
    begun = _BEGINS_A_BLOCK.match(plain)
    if begun is None:
        return plain
    return f"{plain[: begun.end() - 1]}\\{plain[begun.end() - 1 :]}"


def answer_document(answer: Answer) -> bytes:
    """The keys of `answer.py`, indented."""
    return _encoded(answer)


def befallen_document(found: Befallen) -> bytes:
    """`account, name, instrument, between, befell, others`, then the keys of the answer; null where nothing befell."""
    whole = msgspec.to_builtins(found, enc_hook=encoded)
    answer = whole.pop("answer") or dict.fromkeys(Answer.__struct_encode_fields__)
    return _encoded(whole | answer)


def forced_document(found: Forced) -> bytes:
    """`from_seq, to_seq, order, accounts`: all of them, with the names of `accounts.py`."""
    return _encoded(found)


def _encoded(document: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document, enc_hook=encoded))
