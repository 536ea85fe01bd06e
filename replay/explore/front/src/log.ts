// The events around the instant, in the order of the record.

import { ask, Latest, type EventLine } from "./api";
import { fill, h } from "./dom";
import { change, current } from "./state";
import { spaced, timeOf } from "./words";

const BEFORE = 60;
const AFTER = 60;
const FAMILIES: [string, string][] = [
  ["", "all"],
  ["MarginCalled,LiquidationStarted,BankruptcyDeclared,LiquidationEnded", "liquidations"],
  ["ShortfallDeclared,DeleveragingStarted,PositionDeleveraged,DeleveragingEnded", "ADL"],
  ["InsuranceFundCredited,InsuranceFundDebited,PositionTakenOver", "fund"],
  ["TradingHalted,TradingResumed", "halts"],
];

export function family(type: string): string {
  if (/Deleverag|Shortfall|Socialized|WrittenOff|ProfitCap/.test(type)) return "adl";
  if (/Liquidation|Bankrupt|MarginCalled|OrdersCancelled/.test(type)) return "liquidated";
  if (/InsuranceFund|TakenOver|Vault/.test(type)) return "fund";
  if (/Marked|MarkPriced|Index|BookPriced/.test(type)) return "mark";
  if (/Halted|Resumed|Fault/.test(type)) return "halt";
  return "plain";
}

/** An event in a line, which leads to it. */
export function line(one: EventLine, chosen = false): HTMLElement {
  const go = (): void => change({ seq: one.seq, event: one.seq, panel: "event" }, true);
  return h(`button.event.${family(one.type)}${chosen ? ".chosen" : ""}`, { type: "button", onclick: go, "data-seq": one.seq },
    h("span.seq", {}, one.seq.toLocaleString("en")), h("span.when", {}, timeOf(one.at)), h("span.type", {}, spaced(one.type)),
    h("span.text", {}, one.text));
}

export class Log {
  private readonly list = h("div.list", { tabindex: 0, role: "region", "aria-label": "Events around the instant" });
  private readonly filters = h("div.chips.small");
  private readonly found = new Latest<EventLine[]>((lines) => this.show(lines), (error) => fill(this.list, h("p.fault", {}, error.message)));
  private lines: EventLine[] = [];
  readonly element = h("section.log", { "aria-label": "Events" }, h("div.log-head", {}, h("h2", {}, "Events"), this.filters), this.list);

  stand(seq: number): void {
    const types = current().types;
    fill(this.filters, FAMILIES.map(([value, name]) =>
      h("button.chip", { type: "button", "aria-pressed": String(value === types), onclick: () => change({ types: value }) }, name)));
    this.found.want(async () => {
      const [before, after] = await Promise.all([
        ask<EventLine[]>("events", { seq, count: BEFORE, back: true, types }),
        ask<EventLine[]>("events", { seq: seq + 1, count: AFTER, types }).catch(() => []),
      ]);
      return [...before.reverse(), ...after];
    });
  }

  /** The nearest event of those that are listed, before or after one. */
  beside(seq: number, step: 1 | -1): number | null {
    const others = this.lines.map((one) => one.seq).filter((one) => (step > 0 ? one > seq : one < seq));
    return others.length ? (step > 0 ? Math.min(...others) : Math.max(...others)) : null;
  }

  private show(lines: EventLine[]): void {
    this.lines = lines;
    const at = current().seq ?? -1;
    let divided = false;
    const rows: HTMLElement[] = [];
    for (const one of lines) {
      if (!divided && one.seq > at) {
        rows.push(h("div.now", { role: "separator", "aria-label": "The instant" }));
        divided = true;
      }
      rows.push(line(one, one.seq === at));
    }
    if (!divided) rows.push(h("div.now"));
    fill(this.list, rows.length > 1 ? rows : h("p.faint", {}, "No such event among the nearest."));
    const now = this.list.querySelector<HTMLElement>(".now");
    if (now) this.list.scrollTop = now.offsetTop - this.list.clientHeight * 0.55;
  }
}
