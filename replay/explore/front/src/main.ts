// The page: where it stands is in state.ts; here each part is told when that changes, and keys are read.

import { Account } from "./account";
import { Accounts } from "./accounts";
import { ask, Latest, type Curves, type Growth, type Instant, type Overview } from "./api";
import { byId, fill, h } from "./dom";
import { EventPanel } from "./event";
import { Fork } from "./fork";
import { Log } from "./log";
import { Markets } from "./markets";
import { Search } from "./search";
import { begin, change, current, onChange, type Panel } from "./state";
import { Timeline } from "./timeline";
import { clock, day, startAt } from "./words";

const POLL_MS = 1000;
const PANELS: [Panel, string, string][] = [["accounts", "Accounts", "a"], ["account", "Account", "l"], ["event", "Event", "e"], ["fork", "Fork", "f"]];
const KEYS: [string, string][] = [
  ["← →", "the event before, the next"], ["shift ← →", "the instant before, the next"], ["n p", "the next, the last event of those listed"],
  ["PageUp PageDown", "a hundredth of the record"], ["Home End", "its start, its end"], ["/", "search"],
  ["a l e f", "accounts, an account's life, an event, a fork"], ["t", "dark or light"], ["?", "this"], ["Esc", "close"],
];

class Page {
  private instant: Instant | null = null;
  private readonly timeline: Timeline;
  private readonly markets = new Markets();
  private readonly log = new Log();
  private readonly accounts = new Accounts();
  private readonly account: Account;
  private readonly event = new EventPanel();
  private readonly fork: Fork;
  private readonly search = new Search();
  private readonly panel = h("div.panel-host");
  private readonly tabs = h("div.tabs", { role: "tablist" });
  private readonly where = h("div.where", { "aria-live": "polite" });
  private readonly notice = h("span.notice");
  private readonly help = h("dialog.help", { "aria-label": "Keys" }) as HTMLDialogElement;
  private readonly states = new Latest<Instant>((found) => this.show(found), (error) => fill(this.where, h("p.fault", {}, error.message)));

  constructor(private overview: Overview) {
    const jump = (sinceUs: number): void => this.jump(sinceUs);
    this.timeline = new Timeline(overview, jump);
    this.account = new Account(jump);
    this.fork = new Fork(overview.forkable, () => this.timeline.market);
    this.head();
    fill(byId("page"), this.timeline.element, h("div.columns", {},
      h("div.left", {}, this.markets.element, this.markets.waterfall),
      h("section.centre", { "aria-label": "Panel" }, this.tabs, this.panel), this.log.element), this.help);
    fill(this.help, h("h2", {}, "Keys"), h("dl", {}, KEYS.map(([keys, what]) => [h("dt", {}, keys.split(" ").map((key) => h("kbd", {}, key))), h("dd", {}, what)])),
      h("button.quiet", { type: "button", onclick: () => this.help.close() }, "close"));
  }

  start(): void {
    onChange((now, before) => {
      if (now.seq !== before.seq || !this.instant) this.want();
      else this.parts(now.market !== before.market);
      if (now.market !== before.market) {
        this.timeline.redraw();
        this.fork.redraw();
      }
    });
    addEventListener("keydown", (event) => this.key(event));
    this.want();
    void this.survey();
    if (this.overview.torn) setTimeout(() => void this.grow(), POLL_MS);
  }

  private want(): void {
    const seq = current().seq;
    this.states.want(() => ask<Instant>("instant", { seq }));
  }

  private jump(sinceUs: number): void {
    this.states.want(() => ask<Instant>("instant", { since_us: Math.round(sinceUs) }));
  }

  private show(found: Instant): void {
    this.instant = found;
    this.fork.hereUs = found.since_us;
    if (current().seq !== found.seq) {
      const follows = current().panel === "event" ? { event: found.seq } : {};
      change({ seq: found.seq, ...follows });
    } else this.parts(true);
  }

  private parts(all: boolean): void {
    const found = this.instant;
    const now = current();
    if (!found || found.seq !== now.seq) return;
    fill(this.where, h("b.clock", {}, clock(found.since_us, true)), h("span.date", {}, day(found.since_us)),
      h("span.faint", {}, `after event ${found.seq.toLocaleString("en")}`));
    this.timeline.stand(found.since_us);
    this.markets.show(found, this.timeline.market);
    fill(this.tabs, PANELS.map(([panel, name, key]) => h("button.tab", {
      type: "button", role: "tab", "aria-selected": String(panel === now.panel), title: `key ${key}`, onclick: () => change({ panel }, true),
    }, name)));
    if (all || !this.log.element.isConnected) this.log.stand(found.seq);
    else this.log.stand(found.seq);
    const shown = { accounts: this.accounts, account: this.account, event: this.event, fork: this.fork }[now.panel];
    if (this.panel.firstChild !== shown.element) fill(this.panel, shown.element);
    if (now.panel === "accounts") this.accounts.stand(found.seq);
    else if (now.panel === "account") this.account.stand(found.seq, found.since_us);
    else if (now.panel === "event") this.event.stand();
    else this.fork.stand(found.seq, found);
  }

  private head(): void {
    const one = this.overview;
    const theme = h("button.quiet", { type: "button", title: "dark or light (t)", onclick: () => this.theme() }, "◐");
    const keys = h("button.quiet", { type: "button", title: "keys (?)", onclick: () => this.help.showModal() }, "?");
    fill(byId("head"), h("div.title", {}, h("b", {}, one.scenario || one.name), h("span.faint", { title: one.head || "not sealed" },
      `${one.count.toLocaleString("en")} events · ${one.head ? one.head.slice(0, 12) : "no head yet"}${one.ending === "complete" ? "" : ` · ${one.ending}`}`), this.notice),
      this.where, this.search.element, theme, keys);
    document.title = `${one.scenario || one.name} · deleverage explore`;
  }

  private theme(): void {
    const dark = getComputedStyle(document.documentElement).colorScheme.includes("dark");
    document.documentElement.dataset["theme"] = dark ? "light" : "dark";
    this.timeline.redraw();
    this.account.redraw();
    this.fork.redraw();
  }

  private async survey(): Promise<void> {
    try {
      const found = await ask<Curves | null>("timeline");
      if (found) this.timeline.survey(found);
      const done = found !== null && found.surveyed >= found.count;
      fill(this.notice, done ? null : h("i.working", {}, `reading the record${found ? `, ${Math.round((found.surveyed / found.count) * 100)}%` : ""}`));
      if (!done) setTimeout(() => void this.survey(), found ? POLL_MS : POLL_MS / 4);
    } catch (error) {
      fill(this.notice, h("i.fault", {}, (error as Error).message));
    }
  }

  private async grow(): Promise<void> {
    try {
      const found = await ask<Growth>("growth");
      if (found.count !== this.overview.count || found.torn !== this.overview.torn) {
        const atEnd = this.instant !== null && this.instant.seq >= this.overview.count - 1;
        this.overview = await ask<Overview>("overview");
        this.head();
        this.timeline.grown(this.overview);
        if (atEnd) change({ seq: this.overview.count - 1 });
        void this.survey();
      }
      if (found.torn) setTimeout(() => void this.grow(), POLL_MS);
    } catch (error) {
      fill(this.notice, h("i.fault", {}, (error as Error).message));
      setTimeout(() => void this.grow(), POLL_MS * 5);
    }
  }

  private step(by: number): void {
    const seq = current().seq;
    if (seq === null) return;
    const next = Math.max(0, Math.min(this.overview.count - 1, seq + by));
    change(current().panel === "event" ? { seq: next, event: next } : { seq: next });
  }

  private key(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    const typing = target.matches("input:not([type=range]), select, textarea");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const direct: Record<string, () => void> = {
      ArrowLeft: () => (event.shiftKey ? this.turn("previous") : this.step(-1)),
      ArrowRight: () => (event.shiftKey ? this.turn("next") : this.step(1)),
      PageUp: () => this.step(-Math.ceil(this.overview.count / 100)),
      PageDown: () => this.step(Math.ceil(this.overview.count / 100)),
      Home: () => this.step(-this.overview.count),
      End: () => this.step(this.overview.count),
      n: () => this.beside(1),
      p: () => this.beside(-1),
      "/": () => this.search.focus(),
      "?": () => this.help.showModal(),
      t: () => this.theme(),
    };
    const panel = PANELS.find(([, , key]) => key === event.key);
    const act = direct[event.key] ?? (panel ? () => change({ panel: panel[0] }, true) : null);
    if (!act) return;
    event.preventDefault();
    act();
  }

  private turn(step: "next" | "previous"): void {
    const seq = current().seq;
    if (seq !== null) this.states.want(() => ask<Instant>("instant", { seq, step }));
  }

  private beside(step: 1 | -1): void {
    const seq = this.log.beside(current().seq ?? 0, step);
    if (seq !== null) change(current().panel === "event" ? { seq, event: seq } : { seq });
  }
}

begin();
ask<Overview>("overview").then(
  (overview) => {
    startAt(overview.start_ms);
    new Page(overview).start();
  },
  (error: Error) => fill(byId("page"), h("p.fault", { role: "alert" }, error.message)),
);
