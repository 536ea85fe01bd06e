"""What an answer is made of when it is shown: sections of a few kinds of blocks, which each renderer can draw."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Block", "Commands", "Node", "Prose", "Section", "Sums", "Table", "Tree"]


class Prose(NamedTuple):
    """A paragraph."""

    text: str


class Node(NamedTuple):
    """A line of a tree, with the lines below it."""

    text: str
    children: tuple[Node, ...] = ()


class Tree(NamedTuple):
    """Lines in order under a root, some with lines below them."""

    root: str
    nodes: tuple[Node, ...]


class Sums(NamedTuple):
    """Amounts and what they are; the last is their sum."""

    rows: tuple[tuple[str, str], ...]


class Table(NamedTuple):
    """Columns under a header; the row numbered `marked` is the one that is asked about."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: int | None = None


class Commands(NamedTuple):
    """Commands to be copied: one a line, never folded."""

    lines: tuple[str, ...]


Block = Prose | Tree | Sums | Table | Commands


class Section(NamedTuple):
    """Blocks under a title; the first section of a page has none."""

    title: str
    blocks: tuple[Block, ...]
