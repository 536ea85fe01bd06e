// Every trader at the instant, sorted by the server, a page at a time; the lights of auto-deleveraging come after.

import { ask, Latest, type AccountLights, type AccountPage, type AccountRow } from "./api";
import { fill, h, vary } from "./dom";
import { change, current } from "./state";
import { trimmed } from "./words";

const ROWS = 50;
const COLUMNS: [string, string, string][] = [
  ["name", "account", "text"], ["", "status", "text"], ["loss", "profit or loss", "num"], ["leverage", "leverage", "num"],
  ["ratio", "equity / req.", "num"], ["equity", "equity", "num"], ["notional", "notional", "num"], ["lights", "ADL", "lights"],
  ["", "holds", "text"],
];

export function lamps(count: number, title: string): HTMLElement {
  return h("span.lamps", { title, role: "img", "aria-label": title },
    Array.from({ length: 5 }, (_, place) => h(`i${place < count ? ".on" : ""}`)));
}

export class Accounts {
  private readonly body = h("tbody");
  private readonly heads = h("tr");
  private readonly foot = h("div.foot");
  private readonly filter = h("input.filter", { type: "search", placeholder: "filter by name", "aria-label": "Filter accounts by name" }) as HTMLInputElement;
  private first = 0;
  private readonly pages = new Latest<AccountPage>((page) => this.show(page), (error) => fill(this.foot, h("p.fault", {}, error.message)));
  private readonly lights = new Latest<AccountLights[]>((found) => this.lit(found), () => undefined);
  readonly element = h("div.panel-body", {},
    h("div.tools", {}, this.filter), h("div.scroll", { tabindex: 0 }, h("table.accounts", {}, h("thead", {}, this.heads), this.body)), this.foot);

  constructor() {
    this.filter.addEventListener("input", () => { this.first = 0; change({ named: this.filter.value }); });
  }

  stand(seq: number): void {
    const { sort, down, named } = current();
    if (document.activeElement !== this.filter) this.filter.value = named;
    fill(this.heads, COLUMNS.map(([key, name, kind]) => h(`th.${kind}`, {
      scope: "col", "aria-sort": key && key === sort ? (down ? "descending" : "ascending") : null,
    }, key ? h("button", { type: "button", onclick: () => this.order(key) }, name, key === sort ? h("i.order", {}, down ? "▼" : "▲") : null) : name)));
    this.pages.want(() => ask<AccountPage>("accounts", { seq, sort, down, named, first: this.first, count: ROWS }));
  }

  private order(key: string): void {
    const { sort, down } = current();
    this.first = 0;
    change({ sort: key, down: key === sort ? !down : true });
  }

  private row(one: AccountRow): HTMLElement {
    const ratio = one.ratio_bps;
    const gauge = h("i.ratio");
    if (ratio !== null) {
      vary(gauge, "--part", String(Math.max(0, Math.min(1, ratio / 30000))));
      gauge.className = `ratio ${ratio < 10000 ? "under" : ratio < 12500 ? "near" : "safe"}`;
    }
    const go = (): void => change({ account: one.account, panel: "account" }, true);
    const cell = (text: string): HTMLElement => h("td.num", { title: text }, trimmed(text));
    const row = h(`tr${one.account === current().account ? ".chosen" : ""}`, { "data-account": one.account, onclick: go },
      h("td.text", {}, h("button.name", { type: "button" }, one.name)), h(`td.text.status.${one.status.replaceAll(" ", "-")}`, {}, one.status),
      h(`td.num.${one.in_profit ? "gain" : one.profit.startsWith("-") ? "loss" : "even"}`, { title: one.profit }, trimmed(one.profit)),
      cell(one.leverage), h("td.num", {}, ratio === null ? "" : `${(ratio / 10000).toFixed(2)}×`, gauge), cell(one.equity), cell(one.notional),
      h("td.lights", {}, h("span.lamps.waiting")), h("td.text.holds", { title: one.holds }, one.holds));
    return row;
  }

  private show(page: AccountPage): void {
    fill(this.body, page.rows.map((one) => this.row(one)));
    const last = page.first + page.rows.length;
    const move = (first: number) => (): void => { this.first = Math.max(0, first); this.stand(current().seq ?? page.seq); };
    fill(this.foot, h("span", {}, `${page.rows.length ? page.first + 1 : 0}–${last} of ${page.of.toLocaleString("en")}`),
      h("button.quiet", { type: "button", disabled: page.first === 0, onclick: move(page.first - ROWS) }, "previous"),
      h("button.quiet", { type: "button", disabled: last >= page.of, onclick: move(last) }, "next"));
    const numbers = page.rows.map((one) => one.account).join(",");
    if (numbers) this.lights.want(() => ask<AccountLights[]>("lights", { seq: page.seq, accounts: numbers }));
  }

  private lit(found: AccountLights[]): void {
    for (const one of found) {
      const cell = this.body.querySelector(`tr[data-account="${one.account}"] td.lights`);
      const best = [...one.places].sort((a, b) => b.lights - a.lights || a.rank / a.of - b.rank / b.of)[0];
      if (cell) fill(cell, best ? lamps(best.lights, `${best.instrument}: rank ${best.rank} of ${best.of}`) : null);
    }
  }
}
