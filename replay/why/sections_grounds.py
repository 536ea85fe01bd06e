"""The sections on what a decision rests on: its grounds and theirs, and the whole graph below them."""

from __future__ import annotations

from collections.abc import Iterator

from ...sim.figures import count
from .answer import Answer
from .blocks import Node, Prose, Section, Tree
from .grounds import DEFINITION, Ground, GroundGraph, RestsOn

__all__ = ["grounds_sections"]


def grounds_sections(answer: Answer) -> Iterator[Section]:
    """The grounds, and the graph below them where that was asked for."""
    if answer.grounds:
        proved = any(ground.proof is not None for ground in answer.grounds)
        yield Section("What its figures rest on", (*((Prose(DEFINITION),) if proved else ()), _grounds(answer.grounds)))
    if answer.graph is not None:
        yield Section("All that it rests on", (_graph(answer.graph),))


def _grounds(grounds: tuple[Ground, ...]) -> Tree:
    """The events that set the figures, and what those rest on; one that was told already by its number only."""
    told = {ground.step.seq: True for ground in grounds}
    nodes = tuple(_ground(ground, told, whole=True) for ground in grounds)
    return Tree(f"{count(len(grounds), 'event')}, each with the figures that it set and what it rests on itself", nodes)


def _ground(ground: Ground, told: dict[int, bool], *, whole: bool) -> Node:
    """A ground, in full where `whole` or not told yet; `told` says of each event whether its verdict was told too."""
    step, proof = ground.step, ground.proof
    verdict = () if proof is None else (Node(f"{proof.verdict.upper()}: {proof.text}"),)
    if step.seq in told and not whole:
        return Node(f"{ground.sets}: event {step.seq}", () if told[step.seq] else verdict)
    told[step.seq] = whole or proof is not None
    below = tuple(_ground(one, told, whole=False) for one in ground.rests_on)
    return Node(f"{ground.sets}: {step.seq} {step.at}: {step.text}", (*verdict, *below))


def _graph(graph: GroundGraph) -> Tree:
    """Every event of the graph once, with the numbers of those that it rests on."""
    nodes = tuple(
        Node(f"{one.seq} {one.at}: {one.text}{_END.get(one.end or '', '')}", tuple(map(_edge, one.rests_on)))
        for one in graph.nodes
    )
    more = "" if graph.whole else "; where it says so, what lies deeper was left out"
    return Tree(f"{count(len(nodes), 'event')}, the last one first, each with what it rests on{more}", nodes)


_END = {"input": " [from outside]", "rule": " [declares the rules]", "cut": " [its grounds are left out]"}


def _edge(edge: RestsOn) -> Node:
    return Node(f"{edge.sets}: event {edge.seq}")
