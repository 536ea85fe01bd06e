// Markets at the instant, each with its book and its forced part, and the waterfall as it stands.

import type { Band, Instant, Market } from "./api";
import { fill, h, vary } from "./dom";
import { change } from "./state";
import { trimmed } from "./words";

const NARROW = 40;

function depth(bands: Band[], most: number, side: string): HTMLElement {
  return h(`div.depth.${side}`, {}, bands.map((band) => {
    const bar = h("i.band", { title: `${side === "bids" ? "-" : "+"}${band.bps} bps: ${band.left} left` }, h("i.left"));
    vary(bar, "--whole", String(band.lots / most));
    vary(bar, "--left", String(band.lots ? band.left_lots / band.lots : 0));
    return bar;
  }));
}

function card(market: Market, chosen: boolean): HTMLElement {
  const most = Math.max(1, ...[...market.bids, ...market.asks].map((band) => band.lots));
  const share = Number.parseFloat(market.forced_share);
  const forced = h("i.forced");
  vary(forced, "--part", String(Math.min(1, Math.abs(share) / 3)));
  forced.className = `forced ${share < 0 ? "fall" : "rise"}`;
  const furthest = (bands: Band[]): string => (bands.length ? `${bands[bands.length - 1]?.bps} bps` : "");
  return h(`button.market${chosen ? ".chosen" : ""}`, { type: "button", onclick: () => change({ market: market.name }) },
    h("span.market-head", {}, h("b", {}, market.name), market.halted ? h("em.halted", { title: market.halted }, "halted") : null,
      h("span.mark", {}, market.mark || "no mark")),
    h("span.row", {}, h("span", {}, "index"), h("span.num", {}, market.index || "-")),
    h("span.row", { title: "What of the mark forced orders had moved it by" }, h("span", {}, "forced part"), h("span.gauge", {}, forced),
      h("span.num", {}, market.forced ? `${market.forced} (${market.forced_share})` : "-")),
    market.bids.length || market.asks.length
      ? h("span.book", { title: `Depth that is left of bids to ${furthest(market.bids)} and asks to ${furthest(market.asks)}, the nearest in the middle` }, depth([...market.bids].reverse(), most, "bids"), depth(market.asks, most, "asks"))
      : null,
  );
}

export class Markets {
  readonly element = h("section.markets", { "aria-label": "Markets" });
  readonly waterfall = h("section.waterfall", { "aria-label": "The waterfall" });

  show(instant: Instant, market: string): void {
    const many = instant.markets.length > NARROW;
    const shown = many ? instant.markets.filter((one) => one.mark).slice(0, NARROW) : instant.markets;
    fill(this.element, h("h2", {}, "Markets"), shown.map((one) => card(one, one.name === market)));
    const steps = instant.waterfall.map((one) => h(`li${one.active ? ".active" : ""}`, {}, h("b", {}, one.step),
      one.figures.map(([name, value]) => h("span.row", {}, h("span", {}, name), h("span.num", { title: value }, trimmed(value))))));
    const census = instant.census.map(([status, number]) => h("span", {}, `${number.toLocaleString("en")} ${status.replaceAll("_", " ")}`));
    fill(this.waterfall, h("h2", {}, "Waterfall"), h("ol.steps", {}, steps),
      h("p.census", {}, census), instant.faults.map((fault) => h("p.fault", {}, `fault ${fault}`)));
  }
}
