// An event: what it changed, which causes led to it, what it rests on, and why, as `deleverage why` says it.

import { ask, Latest, type Block, type EventAnswer, type EventDetail, type GroundGraph, type TreeNode } from "./api";
import { openAccount } from "./account";
import { fill, h, type Child } from "./dom";
import { drawn } from "./graph";
import { line } from "./log";
import { change, current } from "./state";
import { spaced } from "./words";

const NUMBERED = /\b(?:event|events) (\d{1,12})\b/g;

/** Text in which the numbers of events lead to them. */
function linked(text: string): Child[] {
  const parts: Child[] = [];
  let from = 0;
  for (const found of text.matchAll(NUMBERED)) {
    const seq = Number(found[1]);
    const start = (found.index ?? 0) + found[0].length - (found[1] ?? "").length;
    parts.push(text.slice(from, start), h("button.link", { type: "button", onclick: () => change({ seq, event: seq, panel: "event" }, true) }, String(seq)));
    from = start + (found[1] ?? "").length;
  }
  return [...parts, text.slice(from)];
}

function tree(nodes: TreeNode[]): HTMLElement {
  return h("ul", {}, nodes.map((one) => h("li", {}, linked(one.text), one.children.length ? tree(one.children) : null)));
}

function block(one: Block): HTMLElement | null {
  const part = one as Record<string, unknown>;
  if (one.kind === "prose") return h("p.prose", {}, linked(String(part["text"])));
  if (one.kind === "tree") return h("div.tree", {}, part["root"] ? h("p", {}, linked(String(part["root"]))) : null, tree((part["nodes"] as TreeNode[]) ?? []));
  const rows = part["rows"];
  if (Array.isArray(rows)) {
    const header = (part["header"] as string[] | undefined) ?? [];
    const cells = (row: unknown): Child[] => (Array.isArray(row) ? row : [row]).map((cell) => h("td", {}, String(cell ?? "")));
    return h("div.scroll.why-table", { tabindex: 0 }, h("table", {}, header.length ? h("thead", {}, h("tr", {}, header.map((name) => h("th", { scope: "col" }, name)))) : null, h("tbody", {}, rows.map((row) => h("tr", {}, cells(row))))));
  }
  const texts = Object.entries(part).filter(([name, value]) => name !== "kind" && Array.isArray(value)).flatMap(([, value]) => value as unknown[]);
  return h("pre.commands", {}, texts.map((text) => (Array.isArray(text) ? text.join("  ") : String(text))).join("\n"));
}

export class EventPanel {
  private readonly head = h("div.subject");
  private readonly changes = h("div.changes");
  private readonly chain = h("div.chain");
  private readonly grounds = h("div.grounds-part");
  private readonly answer = h("div.answer");
  private wanted: number | null = null;
  private readonly details = new Latest<EventDetail>((found) => this.show(found), (error) => this.failed(error));
  private readonly graphs = new Latest<GroundGraph | null>((found) => this.graph(found), (error) => fill(this.grounds, h("p.faint", {}, error.message)));
  private readonly answers = new Latest<EventAnswer | null>((found) => this.why(found), (error) => fill(this.answer, h("p.fault", {}, error.message)));
  readonly element = h("div.panel-body.event-panel", {}, this.head, this.answer, this.changes, this.grounds, this.chain);

  stand(): void {
    const seq = current().event ?? current().seq;
    if (seq === null || seq === this.wanted) return;
    this.wanted = seq;
    this.details.want(() => ask<EventDetail>("event", { seq }));
  }

  private failed(error: Error): void {
    for (const part of [this.changes, this.chain, this.grounds, this.answer]) fill(part);
    fill(this.head, h("p.fault", {}, error.message));
  }

  private show(found: EventDetail): void {
    const seq = found.line.seq;
    fill(this.head, h("h3.name", {}, spaced(found.line.type)), h("span.faint", {}, `event ${seq.toLocaleString("en")} · ${found.line.at} · ${found.decided_by ?? found.origin}`));
    fill(this.changes, found.accounts.length ? h("h4", {}, "Before and after") : null, found.accounts.map((one) => h("div.account-change", {},
      h("button.link", { type: "button", onclick: () => openAccount(one.account) }, one.name),
      one.changed.length
        ? h("table.delta", {}, h("tbody", {}, one.changed.map(([name, before, after]) => h("tr", {}, h("th", { scope: "row" }, name), h("td.num.was", {}, before), h("td.arrow", {}, "→"), h("td.num.is", {}, after)))))
        : h("span.faint", {}, one.opened ? "opened here" : "named, not changed"))),
      found.more_accounts ? h("p.faint", {}, `and ${found.more_accounts} more accounts`) : null);
    fill(this.chain, h("h4", {}, "What led to it"), found.chain.map((one) => line(one, one.seq === seq)),
      found.followed.length ? [h("h4", {}, "What followed from it"), found.followed.map((one) => line(one))] : null,
      h("details", {}, h("summary", {}, "Fields as recorded"), h("pre.fields", {}, JSON.stringify(found.fields, null, 1))));
    if (!found.explained) {
      fill(this.answer, h("p.prose", {}, linked(found.line.text)), h("p.faint", {}, "It came from outside: nothing here decided it."));
      fill(this.grounds);
      return;
    }
    fill(this.answer, h("p.prose", {}, linked(found.line.text)), h("p.faint.working", {}, "Working out why …"));
    fill(this.grounds, h("h4", {}, "What it rests on"), h("p.faint.working", {}, "Looking for its grounds …"));
    this.answers.want(() => (this.wanted === seq ? ask<EventAnswer>("why", { seq }) : Promise.resolve(null)));
    this.graphs.want(() => (this.wanted === seq ? ask<GroundGraph>("grounds", { seq }) : Promise.resolve(null)));
  }

  private graph(found: GroundGraph | null): void {
    if (!found || found.seq !== this.wanted) return;
    fill(this.grounds, h("h4", {}, "What it rests on"), found.nodes.length > 1 ? drawn(found) : h("p.faint", {}, "Nothing before it set a figure that it compared."),
      found.whole || found.nodes.length < 2 ? null : h("p.faint", {}, "Cut here: the nearest grounds only."));
  }

  private why(found: EventAnswer | null): void {
    if (!found || found.seq !== this.wanted) return;
    if (found.unknown) return fill(this.answer, h("p.faint", {}, found.unknown));
    const [first, ...rest] = found.sections;
    fill(this.answer, (first?.blocks ?? []).map(block), rest.length
      ? h("div.more-why", {}, rest.map((one) => h("details", {}, h("summary", {}, one.title || "More"), one.blocks.map(block))))
      : null);
  }
}
