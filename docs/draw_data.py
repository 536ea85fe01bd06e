"""Draws docs/data-in.md from the modules that read data: python docs/draw_data.py > docs/data-in.md.

What a source or an importer reads stands at the top of its module, and the keys of a scenario in its settings. This
page is those, so that it cannot say anything else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any, get_args

import msgspec

from deleverage.replay.importers.adl_table import rows
from deleverage.sim.chains.settings import ChainSettings, HoldersSettings, SmileSettings, SurfaceSettings
from deleverage.sim.populations.csv_file import CsvPopulationSettings
from deleverage.sim.populations.groups import GroupSettings, GroupsSettings
from deleverage.sim.populations.seeded import SeededSettings
from deleverage.sim.settings import (
    AssetSettings,
    InstrumentSettings,
    ScenarioSettings,
    TierSettings,
)
from deleverage.sim.sources.bookdepth import BookDepthSettings
from deleverage.sim.sources.generator import GeneratorSettings
from deleverage.sim.sources.klines import KLINES_COLUMNS, KlinesSettings
from deleverage.sim.sources.phases import Phase
from deleverage.sim.sources.profile import DepthStep, ProfileSettings
from deleverage.sim.sources.tardis import TardisSettings
from deleverage.sim.sources.ticks import TicksSettings

Settings = type[msgspec.Struct]

BEGINNING = """\
Every source, importer and stream, with its columns and keys. Drawn from the code by `python docs/draw_data.py`; a test
compares the two. [Data in and out](data.md) says how files are packed, and what comes out."""
SCENARIOS = """\
A scenario is a TOML file; [Write a scenario](how-to/scenario.md) has a whole one. A key that ends in `_ns` takes
nanoseconds or a text with a unit (`10s`). The slots (`mark` to `funding`) are tables with a `policy` and its
parameters: [Rulebooks and policies](rulebooks.md)."""
IMPORTS = """\
`deleverage import FORMAT FILES... -o RUN`; [Import a venue's files](how-to/import.md) says how to go about it."""

STREAMS = """\
`deleverage tap VENUE -o RUN`; [Record a venue's streams](how-to/tap.md) says how to go about it, and what they cannot
tell."""

SCENARIO: tuple[tuple[str, str, Settings], ...] = (
    ("The whole file", "", ScenarioSettings),
    ("`[[assets]]`", "assets", AssetSettings),
    ("`[[instruments]]`", "instruments", InstrumentSettings),
    ("`tiers` of an instrument", "tiers", TierSettings),
    ("`[[options]]`", "options", ChainSettings),
    ("`[[volatility]]`", "volatility", SurfaceSettings),
    ("`smiles` of a surface", "smiles", SmileSettings),
    ("`[[option_holders]]`", "option_holders", HoldersSettings),
)
SOURCES: tuple[tuple[str, tuple[tuple[str, Settings], ...]], ...] = (
    ("Prices", (("prices", GeneratorSettings), ("prices.phases", Phase))),
    ("Prices", (("prices", TardisSettings),)),
    ("Prices", (("prices", KlinesSettings),)),
    ("Prices", (("prices", TicksSettings),)),
    ("Depth", (("depth", ProfileSettings), ("depth.steps", DepthStep))),
    ("Depth", (("depth", BookDepthSettings),)),
    ("Population", (("population", SeededSettings),)),
    ("Population", (("population", GroupsSettings), ("population.groups", GroupSettings))),
    ("Population", (("population", CsvPopulationSettings),)),
)
FORMATS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "hyperliquid",
        (
            "hyperliquid.layouts",
            "hyperliquid.fills",
            "hyperliquid.misc",
            "hyperliquid.deltas",
            "hyperliquid.snapshot",
        ),
    ),
    ("binance", ("binance.layouts",)),
    ("tardis", ("tardis.layouts",)),
    ("bybit, okx, bitmex, deribit, gate", ("venues.layouts", "venues.opening")),
    ("adl-table", ("adl_table.rows",)),
)
OF_ALL_SOURCES = (
    ("Rows that are left out, and those that stop the reading", "reading.rows"),
    ("Rows out of order", "reading.order"),
    ("Bars", "sources.bars"),
    ("Bands of depth", "sources.bands"),
    ("Other instruments, which follow", "sources.follow"),
    ("What a file is of", "sources.symbols"),
)
OF_ALL_FORMATS = (("Times and their order", "feed.placing"), ("What a contract is", "feed.contracts"))


def told(module: str) -> str:
    """What a module says at its top, as Markdown: its rules are a list there already."""
    text = (import_module(module).__doc__ or "").strip()
    return text.replace("is `_COLUMNS`;", "is listed below;")


def in_folder(module: str) -> str:
    """Where the module is."""
    return f"`{module.removeprefix('deleverage.').replace('.', '/')}.py`"


def default_of(field: msgspec.structs.FieldInfo) -> str:
    """What a key is when the file does not have it."""
    if field.required:
        return "required"
    value: Any = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()  # type: ignore[misc]
    if value in (None, "", (), {}) or isinstance(value, msgspec.Struct):
        return "none"
    return f"`{value}`"


def kind_of(annotation: Any) -> str:
    """A type in a reader's words."""
    choices = [one for one in get_args(annotation) if isinstance(one, str)]
    if choices:
        return " or ".join(f"`{one}`" for one in choices)
    text = str(annotation)
    words = (
        ("Decimal", "number"),
        ("bool", "true or false"),
        ("int", "whole number"),
        ("str", "text"),
    )
    listed = "tuple[" in text or "list[" in text
    name = next((word for part, word in words if part in text), "table")
    if "Settings" in text or "Phase" in text or "Step" in text or "tuple[dict[" in text:
        name = "table"
    if text.startswith("dict["):
        return "table of numbers by name" if name == "number" else "table"
    return f"list of {name}s".replace("table of numberss", "tables") if listed else name


def keys(settings: Settings, where: str) -> Iterator[str]:
    """The keys of one table of a scenario."""
    config = settings.__struct_config__
    yield f"| key of `{where}` | holds | without it |" if where else "| key | holds | without it |"
    yield "|---|---|---|"
    if config.tag:
        yield f"| `source` | `{config.tag}` | required |"
    for field in msgspec.structs.fields(settings):
        yield f"| `{field.encode_name}` | {kind_of(field.type)} | {default_of(field)} |"


def scenario() -> Iterator[str]:
    """The keys of a scenario file, and what its sources read."""
    yield "## Scenarios"
    yield ""
    yield SCENARIOS
    for title, where, settings in SCENARIO:
        yield from ("", f"### {title}", "")
        yield from keys(settings, where)
    for kind, tables in SOURCES:
        first = tables[0][1]
        tag = first.__struct_config__.tag
        yield from ("", f"### {kind}: `{tag}`", "", told(first.__module__), "", f"In {in_folder(first.__module__)}.")
        if first is KlinesSettings:
            yield from ("", f"The columns are {', '.join(KLINES_COLUMNS)}.")
        for where, settings in tables:
            yield ""
            yield from keys(settings, where)
    for title, module in OF_ALL_SOURCES:
        whole = f"deleverage.sim.{module}"
        yield from ("", f"### {title}", "", told(whole), "", f"In {in_folder(whole)}.")


def streams() -> Iterator[str]:
    """What a tap listens to, and how it is put in order."""
    yield "## Streams"
    yield ""
    yield STREAMS
    for title, module in (
        ("tap binance", "binance"),
        ("tap hyperliquid", "hyperliquid"),
        ("In which order", "backlog"),
    ):
        whole = f"deleverage.replay.tap.{module}"
        yield from ("", f"### {title}", "", told(whole), "", f"In {in_folder(whole)}.")


def columns_of_tables() -> Iterator[str]:
    """What a table of deleveraged positions has: the columns by what they say."""
    yield "| says | columns, any of them |"
    yield "|---|---|"
    for says, names in vars(rows)["_COLUMNS"].items():
        yield f"| {says} | {', '.join(f'`{name}`' for name in names)} |"


def imports() -> Iterator[str]:
    """What each importer reads."""
    yield "## Imports"
    yield ""
    yield IMPORTS
    for name, modules in FORMATS:
        yield from ("", f"### import {name}")
        for module in modules:
            whole = f"deleverage.replay.importers.{module}"
            yield from ("", told(whole), "", f"In {in_folder(whole)}.")
        if name == "adl-table":
            yield ""
            yield from columns_of_tables()
    for title, module in OF_ALL_FORMATS:
        whole = f"deleverage.replay.importers.{module}"
        yield from ("", f"### {title}", "", told(whole), "", f"In {in_folder(whole)}.")


def page() -> Iterator[str]:
    """The whole page."""
    yield "# What can be read"
    yield ""
    yield BEGINNING
    yield ""
    yield from scenario()
    yield ""
    yield from imports()
    yield ""
    yield from streams()


if __name__ == "__main__":
    sys.stdout.write("\n".join(page()) + "\n")
