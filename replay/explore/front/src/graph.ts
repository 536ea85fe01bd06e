// The grounds of a decision as a graph: the decision on the left, what it rests on to the right, down to inputs and rules.

import dagre from "@dagrejs/dagre";
import type { GroundGraph, GroundNode } from "./api";
import { h, svg } from "./dom";
import { family } from "./log";
import { change } from "./state";
import { spaced, timeOf } from "./words";

const WIDE = 204;
const HIGH = 48;

function clipped(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

function path(points: { x: number; y: number }[]): string {
  const [first, ...rest] = points;
  if (!first) return "";
  const last = rest.at(-1) ?? first;
  const bend = Math.max(24, Math.abs(last.x - first.x) / 2);
  return `M${first.x},${first.y} C${first.x + bend},${first.y} ${last.x - bend},${last.y} ${last.x},${last.y}`;
}

function node(one: GroundNode, x: number, y: number, asked: boolean): SVGElement {
  const kind = one.end ?? "decided";
  const go = (): void => change({ seq: one.seq, event: one.seq, panel: "event" }, true);
  const group = svg("g", {
    class: `ground ${kind} ${family(one.type)}${asked ? " asked" : ""}`, transform: `translate(${x - WIDE / 2},${y - HIGH / 2})`,
    tabindex: 0, role: "button", "aria-label": `${one.type} ${one.seq}: ${one.text}`, onclick: go,
    onkeydown: (event: KeyboardEvent) => { if (event.key === "Enter") go(); },
  }, svg("title", {}, `${one.seq} ${one.at} ${one.type}\n${one.text}`),
    svg("rect", { width: WIDE, height: HIGH, rx: 6 }), svg("rect", { class: "edge", width: 3, height: HIGH, rx: 1 }),
    svg("svg", { width: WIDE - 6, height: HIGH },
      svg("text", { x: 11, y: 14, class: "ground-head" }, clipped(spaced(one.type), 22)),
      svg("text", { x: 11, y: 28 }, clipped(one.text, 40)),
      svg("text", { x: 11, y: 41, class: "ground-seq" }, `${one.seq.toLocaleString("en")} · ${timeOf(one.at)}${kind === "cut" ? " · goes on" : kind === "decided" ? "" : ` · ${kind}`}`)));
  return group;
}

export function drawn(graph: GroundGraph): HTMLElement {
  const layout = new dagre.graphlib.Graph({ multigraph: true });
  layout.setGraph({ rankdir: "LR", nodesep: 8, ranksep: 46, marginx: 8, marginy: 8 });
  layout.setDefaultEdgeLabel(() => ({}));
  for (const one of graph.nodes) layout.setNode(String(one.seq), { width: WIDE, height: HIGH });
  for (const one of graph.nodes) for (const edge of one.rests_on) layout.setEdge(String(one.seq), String(edge.seq), { sets: edge.sets });
  dagre.layout(layout);
  const { width = 100, height = 100 } = layout.graph();
  const picture = svg("svg", { width: Math.ceil(width), height: Math.ceil(height), class: "grounds", role: "group", "aria-label": "Grounds of the decision" });
  for (const edge of layout.edges()) {
    const from = layout.node(edge.v);
    const to = layout.node(edge.w);
    const ends = [{ x: from.x + WIDE / 2, y: from.y }, { x: to.x - WIDE / 2, y: to.y }];
    const line = svg("path", { d: path(ends), class: "rests" }, svg("title", {}, String((layout.edge(edge) as { sets?: string }).sets ?? "")));
    picture.append(line);
  }
  for (const one of graph.nodes) {
    const place = layout.node(String(one.seq));
    picture.append(node(one, place.x, place.y, one.seq === graph.seq));
  }
  const host = h("div.graph", { tabindex: 0, "aria-label": "Graph of grounds" }, picture as unknown as Node);
  const root = layout.node(String(graph.seq));
  requestAnimationFrame(() => { host.scrollTop = root.y - host.clientHeight / 2; });
  return host;
}
