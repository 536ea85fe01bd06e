// The record as a strip: the mark and the index of a market, what was forced of traders, and the instant.

import uPlot from "uplot";
import { ask, Latest, type Curves, type Overview } from "./api";
import { axisX, axisY, carried, Chart, colour, level, overlay, summed, times } from "./charts";
import { fill, h, vary } from "./dom";
import { change, current } from "./state";
import { clock, plain, seconds, sinceUs } from "./words";

const bars = uPlot.paths.bars!({ size: [0.9, 24], align: 1 });

export class Timeline {
  private whole: Curves | null = null;
  private shown: Curves | null = null;
  private charts: Chart[] = [];
  private at: number | null = null;
  private readonly chips = h("div.chips", { role: "group", "aria-label": "Market" });
  private readonly legend = h("div.legend");
  private readonly zoom = h("button.quiet", { type: "button", hidden: true, onclick: () => this.back() }, "whole record");
  private readonly price = h("div.chart.price");
  private readonly forced = h("div.chart");
  private readonly slider = h("input", {
    type: "range", min: 0, max: 1, step: 1, value: 0, "aria-label": "Instant", class: "instant-slider",
  }) as HTMLInputElement;
  private readonly windows = new Latest<Curves>((found) => this.show(found), () => undefined);
  readonly element: HTMLElement;

  constructor(private overview: Overview, private readonly go: (sinceUs: number) => void) {
    this.element = h("section.timeline", { "aria-label": "Timeline" },
      h("div.strip-head", {}, this.chips, this.legend, this.zoom), this.price, this.forced, this.slider);
    this.slider.addEventListener("input", () => this.go(Number(this.slider.value)));
    this.slider.addEventListener("keydown", (event) => event.preventDefault());
    this.grown(overview);
  }

  get market(): string {
    const wanted = current().market;
    return this.overview.instruments.includes(wanted) ? wanted : (this.overview.instruments[0] ?? "");
  }

  grown(overview: Overview): void {
    this.overview = overview;
    this.slider.max = String(Math.max(overview.end_us, 1));
    fill(this.chips, overview.instruments.map((name) =>
      h("button.chip", { type: "button", "aria-pressed": String(name === this.market), onclick: () => change({ market: name }) }, name)));
  }

  survey(curves: Curves): void {
    this.whole = curves;
    if (this.zoom.hidden) this.show(curves);
  }

  stand(atUs: number): void {
    this.at = seconds(atUs);
    this.slider.value = String(atUs);
    this.slider.setAttribute("aria-valuetext", clock(atUs, true));
    for (const chart of this.charts) chart.plot.redraw(false);
  }

  redraw(): void {
    this.grown(this.overview);
    if (this.shown) this.show(this.shown);
  }

  private back(): void {
    this.zoom.hidden = true;
    if (this.whole) this.show(this.whole);
  }

  private window(from: number, until: number): void {
    this.zoom.hidden = false;
    const asked = { first_us: sinceUs(from), stop_us: Math.max(sinceUs(until), sinceUs(from) + 1) };
    this.windows.want(() => ask<Curves>("window", asked));
  }

  private show(curves: Curves): void {
    this.shown = curves;
    for (const chart of this.charts) chart.close();
    const market = this.market;
    const x = times(curves);
    const mark = carried(curves, level(curves, "mark", market));
    const index = carried(curves, level(curves, "index", market));
    const of = (name: string): (number | null)[] => summed(curves, curves.totals.filter((one) => one.name === name && one.of === market));
    const liquidated = of("liquidated");
    const taken = of("taken over");
    const adl = of("deleveraged");
    const fund = carried(curves, curves.levels.find((one) => one.name === "capacity"));
    const whole = this.zoom.hidden;
    const stop = curves.first_us + curves.steps * curves.step_us;
    const bounds = { min: seconds(whole ? 0 : curves.first_us), max: seconds(whole ? Math.max(this.overview.end_us, 1) : stop) };
    const common = (height: number): Omit<uPlot.Options, "width" | "series"> => ({
      height,
      legend: { show: false },
      cursor: { sync: { key: "strip" }, drag: { x: true, y: false, setScale: false }, points: { show: false }, y: false },
      padding: [6, 0, 0, 0],
      plugins: [overlay(() => this.at, () => this.halts(curves, market))],
      hooks: {
        setSelect: [(u) => {
          if (u.select.width > 4) this.window(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"));
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        }],
        setCursor: [(u) => this.tell(u, mark.last, index.last, liquidated, adl, fund.last)],
        ready: [(u) => u.over.addEventListener("click", () => {
          if (u.cursor.left !== undefined && u.cursor.left >= 0) this.go(sinceUs(u.posToVal(u.cursor.left, "x")));
        })],
      },
    });
    const priced = new Chart(this.price, {
      ...common(136),
      padding: [6, 0, 9, 0],
      scales: { x: { time: true, range: [bounds.min, bounds.max] } },
      axes: [axisX(false), axisY("y"), axisY("fund", 1, false)],
      series: [
        {},
        { stroke: () => colour("--index"), width: 1 },
        { stroke: () => colour("--mark"), width: 0 },
        { stroke: () => colour("--mark"), width: 0 },
        { stroke: () => colour("--mark"), width: 1.5 },
        { scale: "fund", stroke: () => colour("--fund"), width: 1, dash: [5, 3] },
      ],
      bands: [{ series: [3, 2], fill: () => colour("--mark-range") }],
    }, [x, index.last, mark.low, mark.high, mark.last, fund.last]);
    const stacked = x.map((_, step) => sum(liquidated[step], taken[step], adl[step]));
    const middle = x.map((_, step) => sum(taken[step], adl[step]));
    const forced = new Chart(this.forced, {
      ...common(84),
      scales: { x: { time: true, range: [bounds.min, bounds.max] } },
      axes: [axisX(), axisY("y"), { ...axisY("y", 1, false), values: (_u, splits) => splits.map(() => "") }],
      series: [
        {},
        { fill: () => colour("--liquidated"), width: 0, paths: bars, points: { show: false } },
        { fill: () => colour("--taken"), width: 0, paths: bars, points: { show: false } },
        { fill: () => colour("--adl"), width: 0, paths: bars, points: { show: false } },
      ],
    }, [x, stacked, middle, adl]);
    this.charts = [priced, forced];
    this.plainLegend();
  }

  private halts(curves: Curves, market: string): { from: number; until: number }[] {
    return curves.spans
      .filter((span) => !span.of || span.of === market)
      .map((span) => ({ from: seconds(span.from_us), until: seconds(span.until_us) }));
  }

  private plainLegend(values: Record<string, string> = {}): void {
    const entry = (name: string, key: string): HTMLElement => {
      const dot = h("i.dot");
      vary(dot, "--dot", `var(--${key})`);
      return h("span", {}, dot, name, values[key] ? h("b", {}, values[key]) : null);
    };
    fill(this.legend, values["time"] ? h("b.at", {}, values["time"]) : null, entry("mark", "mark"), entry("index", "index"),
      entry("fund", "fund"), entry("liquidated", "liquidated"), entry("taken over", "taken"), entry("deleveraged", "adl"),
      entry("halted", "halt"));
  }

  private tell(u: uPlot, ...columns: (number | null)[][]): void {
    const place = u.cursor.idx;
    if (place === null || place === undefined || u.cursor.left === undefined || u.cursor.left < 0) return this.plainLegend();
    const text = (column: (number | null)[] | undefined): string => {
      const value = column?.[place];
      return value === null || value === undefined ? "" : plain(value);
    };
    const [mark, index, liquidated, adl, fund] = columns;
    this.plainLegend({
      time: clock(sinceUs(u.data[0][place] ?? 0)), mark: text(mark), index: text(index), liquidated: text(liquidated),
      adl: text(adl), fund: text(fund),
    });
  }
}

function sum(...parts: (number | null | undefined)[]): number | null {
  const known = parts.filter((one): one is number => typeof one === "number");
  return known.length ? known.reduce((total, one) => total + one, 0) : null;
}
