// A future from here with a changed rule, and the one that was, side by side.

import { ask, post, type Curves, type Future, type Gain, type Instant, type Rule } from "./api";
import uPlot from "uplot";
import { axisX, axisY, carried, Chart, colour, level, overlay, summed, times } from "./charts";
import { fill, h, vary } from "./dom";
import { current } from "./state";
import { clock, plain, seconds, short } from "./words";

const POLL_MS = 400;
const bars = uPlot.paths.bars!({ size: [0.9, 20], align: 1 });

export class Fork {
  private rules: Rule[] = [];
  private seq = 0;
  private changes: string[] = [];
  private charts: Chart[] = [];
  private future: Future | null = null;
  private timer: number | undefined;
  private readonly slot = h("select", { "aria-label": "Which rule" }) as HTMLSelectElement;
  private readonly what = h("select", { "aria-label": "What of it" }) as HTMLSelectElement;
  private readonly value = h("input", { type: "text", "aria-label": "New value", list: "values", autocomplete: "off", spellcheck: "false" }) as HTMLInputElement;
  private readonly values = h("datalist", { id: "values" });
  private readonly chosen = h("div.chips.changes-made");
  private readonly from = h("span.from");
  private readonly run = h("button.run", { type: "button", onclick: () => void this.begin() }, "Run the other future");
  private readonly result = h("div.result");
  readonly element: HTMLElement;

  constructor(private readonly forkable: boolean, private readonly market: () => string) {
    const add = h("button.quiet", { type: "submit" }, "add");
    const form = h("form.change", { onsubmit: (event: Event) => { event.preventDefault(); this.add(); } },
      this.slot, this.what, h("span.is", {}, "="), this.value, this.values, add);
    this.slot.addEventListener("change", () => this.choose());
    this.what.addEventListener("change", () => this.offer());
    this.element = h("div.panel-body.fork", {}, h("div.subject", {}, h("h3.name", {}, "Another rule from here on"), this.from),
      forkable ? [form, this.chosen, h("div.tools", {}, this.run)] : h("p.faint", {}, "Nothing can be decided otherwise in this record: it was taken in from a venue's files, or is not sealed yet."),
      this.result);
  }

  stand(seq: number, instant: Instant): void {
    if (!this.forkable) return;
    fill(this.from, `after event ${seq.toLocaleString("en")}, ${clock(instant.since_us, true)}`);
    if (seq !== this.seq || !this.rules.length) {
      this.seq = seq;
      void ask<Rule[]>("rules", { seq }).then((rules) => this.offered(rules), () => undefined);
    }
    if (!this.future) void this.poll();
  }

  redraw(): void {
    if (this.future?.state === "done") this.show(this.future);
  }

  private offered(rules: Rule[]): void {
    const before = this.slot.value;
    this.rules = rules;
    fill(this.slot, rules.map((rule) => h("option", { value: rule.slot }, rule.slot)), h("option", { value: "insurance_fund" }, "insurance_fund"));
    this.slot.value = before || (rules.some((rule) => rule.slot === "adl") ? "adl" : (rules[0]?.slot ?? ""));
    if (!before) this.choose();
    this.told();
  }

  private choose(): void {
    const rule = this.rules.find((one) => one.slot === this.slot.value);
    const keys = rule ? ["policy", ...rule.settings.map((one) => one.key)] : ["balance"];
    fill(this.what, keys.map((key) => h("option", { value: key }, key)));
    this.offer();
  }

  private offer(): void {
    const rule = this.rules.find((one) => one.slot === this.slot.value);
    const key = this.what.value;
    const now = !rule ? "" : key === "policy" ? rule.policy : (rule.settings.find((one) => one.key === key)?.value ?? "");
    fill(this.values, rule && key === "policy" ? rule.policies.filter((name) => name !== rule.policy).map((name) => h("option", { value: name })) : null);
    this.value.value = "";
    this.value.placeholder = now ? `now ${now}` : "2_000_000";
  }

  private add(): void {
    const value = this.value.value.trim();
    if (!value) return this.value.focus();
    const key = `${this.slot.value}.${this.what.value}`;
    this.changes = [...this.changes.filter((one) => !one.startsWith(`${key}=`)), `${key}=${value}`];
    this.value.value = "";
    this.told();
  }

  private told(): void {
    fill(this.chosen, this.changes.map((one) => h("button.chip", { type: "button", title: "take it away", onclick: () => { this.changes = this.changes.filter((other) => other !== one); this.told(); } }, `${one} ×`)));
    (this.run as HTMLButtonElement).disabled = !this.changes.length;
  }

  private async begin(): Promise<void> {
    if (this.value.value.trim()) this.add();
    if (!this.changes.length) return;
    try {
      this.working(await post<Future>("fork", { seq: current().seq ?? this.seq, settings: this.changes }));
      this.later();
    } catch (error) {
      fill(this.result, h("p.fault", {}, (error as Error).message));
    }
  }

  private later(): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.poll(), POLL_MS);
  }

  private async poll(): Promise<void> {
    let found: Future;
    try {
      found = await ask<Future>("future");
    } catch {
      return;
    }
    if (found.state === "working") {
      this.working(found);
      this.later();
    } else if (found.state === "failed") {
      this.future = found;
      fill(this.result, h("p.fault", { role: "alert" }, found.fault));
    } else if (found.state === "done") {
      this.show(found);
    }
  }

  private working(found: Future): void {
    this.future = found;
    const bar = h("i.progress");
    vary(bar, "--part", String(found.share));
    fill(this.result, h("div.working-bar", { role: "status" }, h("span", {}, `executing the rest of the record, ${Math.round(found.share * 100)}%`), bar,
      h("button.quiet", { type: "button", onclick: () => void post<Future>("fork/stop", {}).then(() => { clearTimeout(this.timer); fill(this.result); }) }, "give up")));
  }

  private show(found: Future): void {
    this.future = found;
    for (const chart of this.charts) chart.close();
    this.charts = [];
    const asked = found.asked;
    if (!asked || !found.was || !found.would_be) return;
    const sides = h("div.sides");
    fill(this.result, h("p.asked", {}, "With ", asked.settings.map((one) => h("code", {}, one)), ` after event ${asked.seq.toLocaleString("en")}: `,
      found.identical ? "nothing is different." : `${found.events[0].toLocaleString("en")} events as it was, ${found.events[1].toLocaleString("en")} as it would be.`),
      sides, this.totals(found), h("div.sides", {}, this.gains("Who would have gained", found.gained), this.gains("Who would have lost", found.lost)));
    const market = this.market();
    const range = this.range(market, found.was, found.would_be);
    const at = this.forkedAt(found);
    for (const [name, curves] of [["as it was", found.was], ["as it would be", found.would_be]] as const) {
      const price = h("div.chart");
      const forced = h("div.chart");
      sides.append(h("section.side", {}, h("h4", {}, name, h("span.faint", {}, ` ${market}`)), price, forced));
      this.draw(curves, market, price, forced, range, at);
    }
  }

  private forkedAt(found: Future): number | null {
    const at = found.was?.first_us;
    return at === undefined || this.future?.asked?.seq !== current().seq ? null : this.here;
  }

  private get here(): number | null {
    return this.hereUs === null ? null : seconds(this.hereUs);
  }

  hereUs: number | null = null;

  private range(market: string, ...both: Curves[]): { price: [number, number]; forced: number; fund: [number, number]; x: [number, number] } {
    const marks = both.flatMap((one) => [level(one, "mark", market)?.lows ?? [], level(one, "mark", market)?.highs ?? []].flat());
    const funds = both.flatMap((one) => one.levels.find((curve) => curve.name === "capacity")?.values ?? []);
    const sums = both.map((one) => Math.max(1, ...this.forcedOf(one, market).map((value) => value ?? 0)));
    const first = Math.min(...both.map((one) => one.first_us));
    const last = Math.max(...both.map((one) => one.first_us + one.steps * one.step_us));
    return { price: [Math.min(...marks), Math.max(...marks)], forced: Math.max(...sums), fund: [Math.min(0, ...funds), Math.max(1, ...funds)], x: [seconds(first), seconds(last)] };
  }

  private forcedOf(curves: Curves, market: string, only?: string): (number | null)[] {
    const names = only ? [only] : ["liquidated", "taken over", "deleveraged"];
    return summed(curves, curves.totals.filter((one) => names.includes(one.name) && one.of === market));
  }

  private draw(curves: Curves, market: string, price: HTMLElement, forced: HTMLElement, range: ReturnType<Fork["range"]>, at: number | null): void {
    const x = times(curves);
    const mark = carried(curves, level(curves, "mark", market)).last;
    const fund = carried(curves, curves.levels.find((one) => one.name === "capacity")).last;
    const plugins = (): uPlot.Plugin[] => [overlay(() => at)];
    const cursor: uPlot.Cursor = { sync: { key: "futures" }, y: false, points: { show: false }, drag: { x: false, y: false } };
    this.charts.push(new Chart(price, {
      height: 150, legend: { show: false }, cursor, plugins: plugins(),
      scales: { x: { time: true, range: range.x }, y: { range: range.price }, fund: { range: range.fund } },
      axes: [axisX(false), axisY("y"), { ...axisY("fund", 1, false), values: (_u, splits) => splits.map((value) => short(value)) }],
      series: [{}, { stroke: () => colour("--mark"), width: 1.5 }, { scale: "fund", stroke: () => colour("--fund"), width: 1.2, dash: [5, 3] }],
    }, [x, mark, fund]), new Chart(forced, {
      height: 86, legend: { show: false }, cursor, plugins: plugins(),
      scales: { x: { time: true, range: range.x }, y: { range: [0, range.forced] } },
      axes: [axisX(), axisY("y"), { ...axisY("y", 1, false), values: (_u, splits) => splits.map(() => "") }],
      series: [{}, { fill: () => colour("--liquidated"), width: 0, paths: bars, points: { show: false } }, { fill: () => colour("--adl"), width: 0, paths: bars, points: { show: false } }],
    }, [x, this.forcedOf(curves, market), this.forcedOf(curves, market, "deleveraged")]));
  }

  private totals(found: Future): HTMLElement {
    const told = (value: number | null): string => (value === null ? "unknown" : plain(value));
    const rows = found.totals.filter((one) => one.a || one.b).map((one) => {
      const by = one.a === null || one.b === null ? null : one.b - one.a;
      return h("tr", {}, h("th.text", { scope: "row" }, one.name), h("td.num", {}, told(one.a)), h("td.num", {}, told(one.b)),
        h(`td.num.by${by ? ".other" : ""}`, {}, by === null ? "" : `${by > 0 ? "+" : ""}${plain(by)}`), h("td.text.faint", {}, one.unit));
    });
    return h("table.totals", {}, h("thead", {}, h("tr", {}, ["", "as it was", "as it would be", "difference", ""].map((name, place) => h(`th.${place && place < 4 ? "num" : "text"}`, { scope: "col" }, name)))), h("tbody", {}, rows));
  }

  private gains(title: string, gains: Gain[]): HTMLElement {
    const ends = (one: Gain, side: "a" | "b"): string => {
      const bankrupt = side === "a" ? one.bankrupt_a : one.bankrupt_b;
      const reduced = side === "a" ? one.deleveraged_a : one.deleveraged_b;
      return [bankrupt ? "bankrupt" : "", reduced ? `deleveraged ${reduced}×` : ""].filter(Boolean).join(", ") || "-";
    };
    return h("section.side", {}, h("h4", {}, title), gains.length
      ? h("table", {}, h("thead", {}, h("tr", {}, ["account", "by", "was", "would be"].map((name, place) => h(`th.${place === 1 ? "num" : "text"}`, { scope: "col" }, name)))),
        h("tbody", {}, gains.map((one) => h("tr", {}, h("td.text", {}, one.name), h(`td.num.${one.gain > 0 ? "gain" : "loss"}`, {}, `${one.gain > 0 ? "+" : ""}${plain(one.gain)} ${one.asset}`), h("td.text", {}, ends(one, "a")), h("td.text", {}, ends(one, "b"))))))
      : h("p.faint", {}, "nobody"));
  }
}
