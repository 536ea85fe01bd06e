"""An answer as Markdown: whatever a name is made of, it is read as that name, by a parser of Markdown."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from deleverage.replay.why.page.blocks import Commands, Node, Prose, Section, Sums, Table, Tree
from deleverage.replay.why.page.pages import markdown_of
from deleverage.sim.terminal import printable

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
NAMES = st.text(max_size=30) | st.from_regex(
    r"(?: |[-+=*_`~|<>\[\]()!#&;:$@.\\0-9a-z\n]|www\.|https?://|&lt;|```|\]\(http://x\)){1,12}", fullmatch=True
)
HOSTILE = [
    "<script>alert(1)</script>",
    "[x](http://evil.example)",
    "![x](http://evil.example/x.png)",
    "http://evil.example",
    "www.evil.example",
    "a|b|c",
    "**bold** _x_ `code` ~~y~~",
    "&lt;b&gt;",
    "x\n\n# heading",
    "x\n```\n<b>",
    "- item",
    "+ item",
    "1. item",
    "1) item",
    "---",
    "===",
    "    indented",
    "> quoted",
    "$x$",
    "\\",
    "@someone",
    "#1",
]


def shown(tokens: list[Token]) -> list[tuple[str, str]]:
    """Every block of a page as (type, text); raises where there is more than text in it."""
    found = []
    for token in tokens:
        if token.type == "inline":
            kinds = {child.type for child in token.children or ()}
            assert kinds <= {"text", "text_special", "strong_open", "strong_close"}, (token.content, kinds)
            found.append(("text", "".join(child.content for child in token.children or ())))
        elif token.type == "fence":
            found.append(("fence", token.content))
        else:
            assert token.type not in {"html_block", "code_block", "hr"}, token.type
    return found


def page_of(name: str) -> list[tuple[str, str]]:
    """What a reader sees of a page with this name everywhere, up to the line at its end."""
    sections = [
        Section(
            name,
            (
                Prose(name),
                Tree(name, (Node(name, (Node(name),)),)),
                Sums((("1", name), ("2", name))),
                Commands((f"deleverage why {name}",)),
                Table((name, "b"), ((name, name), (name, name)), marked=1),
            ),
        )
    ]
    text = markdown_of(name, sections, "The end.")
    body, end = text[: text.rindex("---")], text[text.rindex("---") :]
    assert end == "---\n\nThe end.\n"
    return shown(PARSER.parse(body))


@given(NAMES)
@example("\x1b[31m<b>\u202e")
def test_a_name_is_read_as_itself(name: str) -> None:
    """In a heading, a paragraph, a list, a table and a command: the same text, and no markup that is not ours."""
    name = name if name.strip() else "x"
    plain, told = printable(name).strip(" "), page_of(name)
    texts = [text for kind, text in told if kind == "text"]
    assert texts == [
        plain, plain, plain, f"{plain}:", plain, plain,
        "amount", "what", "1", plain, "2", plain,
        plain, "b", plain, plain, plain, plain,
    ]  # fmt: skip
    assert [text for kind, text in told if kind == "fence"] == [f"deleverage why {printable(name)}\n"]


@pytest.mark.parametrize("name", HOSTILE)
def test_what_only_github_acts_on_is_escaped_as_well(name: str) -> None:
    """Bare links, mentions and formulas are no CommonMark; none of them is left as it was typed."""
    text = markdown_of("title", [Section("", (Prose(f"of {name}"),))], "")
    assert not re.search(r"(?<!\\)[<\[`*$@|]|(?<!\\)://|www\.", text.split("\n---")[0])
    page_of(name)
