"""Which sources there are: what a scenario may choose from, and how each is opened.

`PriceSettings` and `DepthSettings` are tagged unions on the key `source`, ready for a strict schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..toml_tree import at_path
from ..units import INT64_MAX, parse_time_ns
from .base import InstrumentScale, PriceSource, Source, scale_named
from .bookdepth import BookDepthSettings, BookDepthSource
from .clipped import clipped
from .generator import GeneratorSettings, GeneratorSource
from .klines import KlinesSettings, open_klines
from .own import Own, OwnPrices, OwnSettings
from .profile import ProfileSettings, ProfileSource
from .tardis import TardisSettings, TardisSource
from .ticks import TicksSettings, TicksSource

__all__ = ["DepthSettings", "PriceSettings", "open_depth", "open_prices"]

PriceSettings = GeneratorSettings | TardisSettings | KlinesSettings | TicksSettings | OwnSettings
DepthSettings = ProfileSettings | BookDepthSettings | OwnSettings


def open_prices(
    settings: PriceSettings,
    scales: Sequence[InstrumentScale],
    *,
    start_ns: int,
    seed: int,
    folder: Path | None = None,
    where: str = "$.prices",
    own: Own | None = None,
    most: int = INT64_MAX,
) -> tuple[PriceSource, ...]:
    """The sources of prices, in order of time; the first says when and at which prices the run starts.

    `start_ns` and `seed` matter to the generator only: files bring their own times. `folder` is the scenario's, for
    relative paths; `where` the path of the settings, for errors. `own` is the plug-in, where the settings name one, and
    `most` how many inputs it may give. Raises ScenarioError.
    """
    if own is not None:
        return (OwnPrices(own, scales, start_ns=start_ns, seed=seed, most=most),)
    assert not isinstance(settings, OwnSettings), "who names a plug-in gives it"
    if isinstance(settings, GeneratorSettings):
        return (GeneratorSource(settings, scales, start_ns=start_ns, seed=seed, where=where),)
    sources: tuple[PriceSource, ...]
    for name in () if isinstance(settings, TicksSettings) else settings.betas:
        scale_named(scales, name, f"{where}.betas")
    if isinstance(settings, TicksSettings):
        sources = (TicksSource(settings, scales, folder=folder, where=where),)
    elif isinstance(settings, TardisSettings):
        sources = (TardisSource(settings, scales, folder=folder, where=where),)
    else:
        sources = open_klines(settings, scales, folder=folder, where=where)
    if settings.since is None:
        return sources
    since_ns = at_path(f"{where}.since", parse_time_ns, settings.since)
    return at_path(f"{where}.since", clipped, sources, since_ns)


def open_depth(
    settings: DepthSettings,
    scales: Sequence[InstrumentScale],
    *,
    start_ns: int,
    opening: Sequence[tuple[int, int]],
    folder: Path | None = None,
    where: str = "$.depth",
) -> Source:
    """The source of depth. `start_ns` and `opening` are those of the first source of prices. Raises ScenarioError."""
    assert not isinstance(settings, OwnSettings), "a plug-in's is made without it"
    if isinstance(settings, ProfileSettings):
        return ProfileSource(settings, scales, start_ns=start_ns, opening=opening, where=where)
    return BookDepthSource(settings, scales, start_ns=start_ns, folder=folder, where=where)
