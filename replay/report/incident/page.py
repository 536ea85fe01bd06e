"""The file itself: what is read without a script, the pictures, and the packed rows for what sorts, filters and opens.

1. Nothing is fetched, and nothing can be: the policy in the head allows the one style and the one script, by their
   hashes, and no connection.
2. The same record gives the same bytes: it holds no time of its making.
3. Without scripts everything but the tables of all rows and the pages of single rounds, accounts and events is there.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from importlib.resources import files

from msgspec.structs import replace

from ....events.bodies.listing import AssetListed
from ....sim.figures import duration, rounded_money
from ...diff.ending import Totals
from ...policies.listing import builtin
from ...timeline import Timeline
from ...why.page.blocks import Block, Prose, Section, Table
from ..sections import report_sections, title_of
from .against import Against
from .blocks_html import section_html, table_html, told
from .chart import Axis
from .panels import Panel, axis_of, flow_of, panels_of
from .payload import packed, payload_of
from .reading import Incident

__all__ = ["page_of"]

_FORCERS_MOST = 12
_TO_EVENT = re.compile(r'href="#e([0-9]+)"')
_RULES = "By which rules"
_MORE = {"Who was deleveraged": "reductions", "Who was liquidated": "liquidations"}
"""Sections that show the first rows of a table which the page has whole."""


def page_of(incident: Incident, against: Against | None = None) -> bytes:
    """The whole page."""
    web = files(__package__) / "web"
    style, script = (_plain((web / name).read_text(encoding="utf-8")) for name in ("page.css", "page.js"))
    policy = (
        f"default-src 'none'; style-src 'sha256-{_hash(style)}'; script-src 'sha256-{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    title = told(title_of(incident.report).replace("Report on", "Incident report:", 1))
    body = "".join((_header(incident), *_overview(incident, against)))
    kept = incident.events | {seq: incident.run.event(seq) for seq in _linked(body) - incident.events.keys()}
    incident = replace(incident, events=dict(sorted(kept.items())))
    header, _, overview = body.partition("</header>")
    parts = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{title}</title><style>{style}</style></head><body>",
        '<a class="skip" href="#overview">To the report</a>',
        header,
        "</header>",
        _navigation(against),
        '<main><section id="view" hidden></section><div id="overview" tabindex="-1">',
        overview,
        "</div></main>",
        _footer(incident),
        f'<script type="application/octet-stream" id="data">{packed(payload_of(incident))}</script>',
        f"<script>{script}</script></body></html>\n",
    )
    return "".join(parts).encode()


def _linked(html: str) -> set[int]:
    """The events that a page links to."""
    return {int(seq) for seq in _TO_EVENT.findall(html)}


def _footer(incident: Incident) -> str:
    made = f"deleverage {told(incident.report.program)}. Read off the record with the head {incident.report.head}."
    return f"<footer><p>{made} No figure here is estimated.</p></footer>"


def _plain(text: str) -> str:
    return text.strip().replace("\r\n", "\n")


def _hash(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()


def _header(incident: Incident) -> str:
    run, report = incident.run, incident.report
    torn = f'<p class="warn">{told(run.warning)}</p>' if run.warning else ""
    length = duration(run.end_ns - run.start_ns)
    return (
        f'<header><p class="kind">Incident report</p><h1>{told(report.scenario)}</h1>'
        f'<p class="lead">{told(report.first_at)} to {told(report.last_at)}, {told(length)}; {report.events:,} events; '
        f"rulebook {told(report.rulebook)}; the record is {told(run.ending)}.</p>{torn}"
        f'<dl class="figures">{"".join(_figures(incident))}</dl></header>'
    )


def _navigation(against: Against | None) -> str:
    places = [("overview", "Overview"), ("timeline", "Timeline"), ("cascade", "Who forced whom")]
    if against is not None:
        places.insert(1, ("against", "Against the parent"))
    places += [("s1", "Rules"), ("s8", "Claims"), ("s10", "Verify")]
    tables = ("rounds", "reductions", "liquidations", "accounts", "events")
    links = [f'<li><a href="#{key}">{name}</a></li>' for key, name in places]
    links += [f'<li class="script" hidden><a href="#{name}">{name.capitalize()}</a></li>' for name in tables]
    return f'<nav aria-label="Contents"><ul>{"".join(links)}</ul></nav>'


def _figures(incident: Incident) -> Iterator[str]:
    """What it came to, in a few numbers."""
    report, timeline = incident.report, incident.timeline
    for asset, totals in report.totals.items():
        if totals.liquidations or totals.reductions or totals.margin_calls:
            yield from _asset_figures(totals, asset, report.decimals[asset])
    halts = [one for one in timeline.spans if one.name == "halt"]
    if halts:
        yield _figure(
            "Trading halted", f"{len(halts):,} times", f'first in <a href="#e{halts[0].from_seq}">{halts[0].of}</a>'
        )
    broken = sum(one.broken for one in report.invariants)
    if report.invariants:
        yield _figure(
            "Claims of the rulebook", f"{broken:,} broken", f'of {len(report.invariants)} <a href="#s8">checked</a>'
        )


def _asset_figures(totals: Totals, asset: str, decimals: int) -> Iterator[str]:
    def amount(atoms: int) -> str:
        return f"{rounded_money(atoms, AssetListed(0, asset, decimals))} {told(asset)}"

    yield _figure("Margin calls", f"{totals.margin_calls:,}", f"to {totals.accounts_called:,} accounts")
    yield _figure(
        "Liquidations",
        f'<a href="#liquidations">{totals.liquidations:,}</a>',
        f"of {totals.accounts_liquidated:,} accounts, {totals.accounts_bankrupt:,} of them bankrupt",
    )
    yield _figure(
        "Deleveraged",
        f'<a href="#reductions">{totals.accounts_deleveraged:,} accounts</a>',
        f'in <a href="#rounds">{totals.rounds:,} rounds</a>, {amount(totals.deleveraged_value_atoms)} of positions',
    )
    if totals.fund_used_atoms is not None:
        left = "" if totals.fund_equity_atoms is None else f"{amount(totals.fund_equity_atoms)} left at the end"
        yield _figure("Insurance fund used", amount(totals.fund_used_atoms), left)
    lost = totals.socialised_loss_atoms + totals.written_off_atoms + totals.deficit_atoms
    yield _figure(
        "Shared or unpaid losses", amount(lost) if lost else "none", "socialised, written off, or beyond the fund"
    )


def _figure(name: str, value: str, more: str) -> str:
    return f'<div><dt>{name}</dt><dd class="big">{value}</dd><dd class="small soft">{more}</dd></div>'


def _overview(incident: Incident, against: Against | None) -> Iterator[str]:
    parent = None if against is None else against.timeline
    if against is not None:
        yield section_html(Section(f"Against the parent, {against.parent}", tuple(against.blocks)), "against")
    yield _timeline(incident, parent)
    yield _cascade(incident)
    for place, section in enumerate(report_sections(incident.run, incident.report, whole=False)):
        titled = section._replace(title=section.title or "The record")
        yield section_html(titled, f"s{place}" if place else "record", _MORE.get(titled.title, ""))
        if titled.title == _RULES:
            yield section_html(
                Section("What the rules are, and where they come from", tuple(_sources(incident))), "rules"
            )


def _sources(incident: Incident) -> Iterator[Block]:
    """What each policy that decided does, as it says itself, and its source."""
    rows, elsewhere = dict[tuple[str, ...], None](), dict[str, None]()
    for one in incident.report.deciding:
        found = builtin(one.handler, one.policy, one.version)
        if found is None:
            elsewhere[f"{one.handler}:{one.policy} {one.version}"] = None
        else:
            does = ". ".join(text.rstrip(".") for text in (found.does, found.formula or found.rule) if text)
            rows[one.handler, one.policy, does, found.source or "of this program"] = None
    if rows:
        yield Table(("handler", "policy", "what it does", "source"), tuple(rows))
    if elsewhere:
        yield Prose(f"Not of this version of the program, so not described: {', '.join(elsewhere)}.")
    if not incident.report.deciding:
        yield Prose("Nobody decided anything in it.")


def _timeline(incident: Incident, parent: Timeline | None) -> str:
    timeline = incident.timeline
    axis = axis_of(timeline)
    panels = "".join(_panel(one, axis) for one in panels_of(incident, parent))
    if not panels:
        panels = "<p>There was no price, so there is nothing to draw.</p>"
    step = duration(timeline.step_ns)
    told_ = (
        f"UTC. A step is {step}; within it the least and the greatest value are kept, and each is linked to its event."
    )
    head = '<section aria-labelledby="timeline"><h2 id="timeline">Timeline</h2>'
    return f'{head}<p class="soft">{told_}</p>{panels}</section>'


def _panel(panel: Panel, axis: Axis) -> str:
    key = "".join(f'<li><i class="k{style.removeprefix("s")}"></i>{told(name)}</li>' for style, name in panel.key)
    notes = "; ".join(f'<a href="#e{seq}">{told(text)}</a>' for text, seq in panel.notes)
    caption = notes or told(panel.chart.says)
    return (
        f'<figure><h3>{told(panel.chart.title)}</h3><ul class="key">{key}</ul>{panel.chart.svg(axis)}'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _cascade(incident: Incident) -> str:
    forcing = incident.forcing
    picture, rows = flow_of(incident)
    head = '<section aria-labelledby="cascade"><h2 id="cascade">Who forced whom</h2>'
    if not picture:
        return f"{head}<p>Nothing was closed by force.</p></section>"
    needed = sum(number for generation, number in forcing.generations.items() if generation)
    whole = sum(forcing.generations.values())
    says = (
        f"{needed:,} of {whole:,} liquidations would not have begun at the marks less what forced orders had moved "
        f"them by since the account took its positions on: they were forced by forced orders, through up to "
        f"{max(forcing.generations, default=0):,} generations. The others were forced by prices from outside, rules, "
        "funding or faults. Thickness is the value at which positions were closed."
    )
    table = table_html(("from", "to", "value"), rows, "Who forced whom, by value")
    scroll = f'<div class="scroll" tabindex="0" role="region" aria-label="Who forced whom, drawn">{picture}</div>'
    figures = f"<details><summary>The same in figures</summary>{table}</details>"
    return f"{head}<p>{says}</p>{scroll}{figures}{_forcers(incident)}</section>"


def _forcers(incident: Incident) -> str:
    """Whose forced orders had moved the mark last under most liquidations."""
    found = incident.forcing.forcers.most_common(_FORCERS_MOST)
    if not found:
        return ""
    rows = [
        (incident.names.account(account), f"{number:,}")
        for account, number in sorted(found, key=lambda one: (-one[1], one[0]))
    ]
    caption = "Whose forced order had moved the mark last, under most liquidations"
    return "<h3>Whose orders</h3>" + table_html(("account", "liquidations"), rows, caption)
