"""What a record is, for people: a line each, the rules and sources below."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console

from ...sim.console import print_line, print_rows, print_table
from ...sim.figures import count, duration

__all__ = ["print_info"]

_SHOWN_DIGITS = 16


def print_info(console: Console, told: dict[str, Any]) -> None:
    """The document of `info_view`."""
    print_rows(console, _lines(told))
    print_line(console)
    rules = [(producer["handler"], _rule(producer)) for producer in told["producers"]]
    if rules:
        print_line(console, "decided by", "bold")
        print_rows(console, rules, label_width=max(len(handler) for handler, _ in rules))
        print_line(console)
    if told["sources"]:
        sources = [(one["name"], one["layout"], one["sha256"][:_SHOWN_DIGITS]) for one in told["sources"]]
        print_table(console, ("source", "layout", "sha256"), sources)
        print_line(console)
    if "by_type" in told:
        print_table(console, ("type", "events"), [(name, f"{number:,}") for name, number in told["by_type"].items()])
        print_line(console)
    print_rows(console, [("head", told["head"] or "none, it was never sealed")])


def _lines(told: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "record", f"{told['run']}{' (a pack)' if told['packed'] else ''}"
    yield "ended", _ending(told)
    yield "events", f"{told['events']:,}, {_bytes(sum(one['bytes'] for one in told['lineage']))}"
    yield "from, to", f"{told['start']}, {told['end']} ({duration(told['end_ns'] - told['start_ns'])})"
    yield "scenario", f"{told['scenario']}, rulebook {told['rulebook']}, seed {told['seed']}, prices {told['prices']}"
    yield "assets", ", ".join(f"{one['name']} ({one['decimals']} decimals)" for one in told["assets"])
    yield "instruments", ", ".join(f"{one['name']} in {one['asset']}" for one in told["instruments"])
    yield "accounts", ", ".join(f"{number:,} {kind}" for kind, number in told["accounts"].items())
    for fork in told["forks"]:
        yield "forked", f"before event {fork['seq']:,} at {fork['at']}: {', '.join(fork['changes']) or 'inputs only'}"
    for one in told["lineage"]:
        kept = f"{count(one['states'], 'state')} kept, {_bytes(one['derived_bytes'])} derived"
        yield "files", f"{one['run']}: from event {one['from_seq']:,}, {count(one['segments'], 'segment')}, {kept}"
    written = told["written"]
    yield "written", f"{written['started']} by deleverage {written['deleverage']}, Python {written['python']}"
    for difference in told["differences"]:
        yield "differs", difference
    for study in told["studies"]:
        yield "study", study


def _ending(told: dict[str, Any]) -> str:
    error = told["written"]["error"]
    if told["status"] in (told["ending"], "recording"):
        return str(told["ending"])
    return f"{told['ending']}, sealed as {told['status']}{f': {error}' if error else ''}"


def _rule(producer: dict[str, Any]) -> str:
    """The policy, and what it goes by."""
    figures = {**producer["parameters"], **({"latency_ns": late} if (late := producer["latency_ns"]) else {})}
    told = ", ".join(_figure(key, value) for key, value in figures.items())
    return f"{producer['policy']} {producer['version']}{f': {told}' if told else ''}"


def _figure(key: str, value: Any) -> str:
    whole = type(value) is int and key.endswith("_ns")
    return f"{key.removesuffix('_ns')}={duration(value)}" if whole else f"{key}={value}"


def _bytes(number: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} bytes"
