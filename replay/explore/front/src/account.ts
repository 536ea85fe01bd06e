// An account's life: its equity against its requirement, what befell it, and how it stands at the instant.

import { ask, Latest, type AccountView, type Life, type Position } from "./api";
import { axisX, axisY, Chart, colour, overlay } from "./charts";
import { lamps } from "./accounts";
import { fill, h } from "./dom";
import { line } from "./log";
import { change, current } from "./state";
import { clock, plain, seconds, sinceUs } from "./words";

export class Account {
  private readonly head = h("div.subject");
  private readonly chart = h("div.chart.life");
  private readonly now = h("div.now-table");
  private readonly events = h("div.list.short", { tabindex: 0, role: "region", "aria-label": "Events of the account" });
  private life: Life | null = null;
  private plot: Chart | null = null;
  private at: number | null = null;
  private wanted: number | null = null;
  private readonly lives = new Latest<Life>((life) => this.show(life), (error) => fill(this.head, h("p.fault", {}, error.message)));
  private readonly views = new Latest<AccountView>((view) => this.standing(view), () => fill(this.now, h("p.faint", {}, "Not open yet at this instant.")));
  readonly element = h("div.panel-body", {}, this.head, this.chart, this.now, h("h3", {}, "What befell it"), this.events);

  constructor(private readonly go: (sinceUs: number) => void) {}

  stand(seq: number, atUs: number): void {
    const account = current().account;
    this.at = seconds(atUs);
    if (account === null) {
      fill(this.head, h("p.faint", {}, "Choose an account in the table, or search for one with /."));
      return;
    }
    if (account !== this.wanted) {
      this.wanted = account;
      this.clear();
      fill(this.head, h("p.faint.working", {}, "Reading its life from the record …"));
      this.lives.want(() => ask<Life>("life", { account }));
    }
    this.views.want(() => ask<AccountView>("account", { seq, account }));
    this.plot?.plot.redraw(false);
    this.mark(seq);
  }

  again(): void {
    this.wanted = null;
  }

  redraw(): void {
    if (this.life && current().panel === "account") this.show(this.life);
  }

  private clear(): void {
    this.plot?.close();
    this.plot = this.life = null;
    fill(this.events);
    fill(this.now);
  }

  private show(life: Life): void {
    this.life = life;
    this.plot?.close();
    const legend = h("span.legend", {}, h("span", {}, h("i.dot.equity"), "equity"), h("span", {}, h("i.dot.requirement"), "requirement"), h("b.at"));
    fill(this.head, h("h3.name", {}, life.name), h("span.faint", {}, `number ${life.account}, ${life.kind}, in ${life.asset}`), legend);
    const told = legend.querySelector(".at");
    this.plot = new Chart(this.chart, {
      height: 230,
      legend: { show: false },
      scales: { x: { time: true } },
      cursor: { drag: { x: true, y: false }, y: false, points: { show: false } },
      plugins: [overlay(() => this.at)],
      axes: [axisX(), axisY("y")],
      series: [
        {},
        { stroke: () => colour("--equity"), width: 1.6, fill: () => colour("--equity-below") },
        { stroke: () => colour("--requirement"), width: 1.4, paths: undefined },
      ],
      hooks: {
        setCursor: [(u) => {
          const place = u.cursor.idx;
          if (!told || place === null || place === undefined || (u.cursor.left ?? -1) < 0) return;
          const values = [1, 2].map((one) => { const value = u.data[one]?.[place]; return typeof value === "number" ? plain(value) : "?"; });
          fill(told, `${clock(sinceUs(u.data[0][place] ?? 0))}: ${values.join(" against ")}`);
        }],
        ready: [(u) => u.over.addEventListener("click", () => {
          if (u.cursor.left !== undefined && u.cursor.left >= 0) this.go(sinceUs(u.posToVal(u.cursor.left, "x")));
        })],
      },
    }, [life.since_us.map(seconds), life.equity, life.requirement]);
    fill(this.events, life.events.map((one) => {
      const shown = line(one.line);
      shown.append(h("span.after", {}, one.status));
      return shown;
    }), life.more_events ? h("p.faint", {}, "More follow; `deleverage history` has them all.") : null);
    this.mark(current().seq ?? -1);
  }

  private mark(seq: number): void {
    const rows = [...this.events.querySelectorAll<HTMLElement>(".event")];
    const last = rows.filter((row) => Number(row.dataset["seq"]) <= seq).at(-1);
    for (const row of rows) row.classList.toggle("chosen", row === last);
    if (last) this.events.scrollTop = last.offsetTop - this.events.clientHeight / 2;
  }

  private standing(view: AccountView): void {
    const cells = (one: Position): HTMLElement => h("tr", {}, h("td.text", {}, one.name), h("td.num", {}, one.size), h("td.num", {}, one.entry_price),
      h("td.num", {}, one.mark ?? "-"), h("td.num", {}, one.liquidation_price ?? "-"), h("td.num", {}, one.bankruptcy_price ?? "-"),
      h("td", {}, one.adl_queue?.lights ? lamps(one.adl_queue.lights, `rank ${one.adl_queue.rank} of ${one.adl_queue.of}`) : "-"));
    const names = ["position", "size", "entry", "mark", "liquidated at", "bankrupt at", "ADL"];
    fill(this.now, view.positions.length
      ? h("table", {}, h("thead", {}, h("tr", {}, names.map((name, place) => h(`th.${place ? "num" : "text"}`, { scope: "col" }, name)))), h("tbody", {}, view.positions.slice(0, 12).map(cells)))
      : h("p.faint", {}, "It holds nothing at this instant."), h("p.status", {}, `status: ${view.status.replaceAll("_", " ")}`));
  }
}

export function openAccount(number: number): void {
  change({ account: number, panel: "account" }, true);
}
