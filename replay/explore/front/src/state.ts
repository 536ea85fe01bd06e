// Where the page stands. All of it is in the address behind the #, so that an address leads back to it.

export type Panel = "accounts" | "account" | "event" | "fork";
export interface View {
  seq: number | null; panel: Panel; account: number | null; event: number | null; market: string; sort: string;
  down: boolean; named: string; types: string;
}

const PANELS: Panel[] = ["accounts", "account", "event", "fork"];
const START: View = {
  seq: null, panel: "accounts", account: null, event: null, market: "", sort: "loss", down: true, named: "", types: "",
};

let view: View = { ...START };
const listeners: ((now: View, before: View) => void)[] = [];

function whole(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

function read(): View {
  const parts = new URLSearchParams(location.hash.slice(1));
  const panel = parts.get("panel") as Panel | null;
  return {
    seq: whole(parts.get("at")),
    panel: panel && PANELS.includes(panel) ? panel : START.panel,
    account: whole(parts.get("account")),
    event: whole(parts.get("event")),
    market: parts.get("market") ?? "",
    sort: parts.get("sort") ?? START.sort,
    down: parts.get("up") === null,
    named: parts.get("named") ?? "",
    types: parts.get("types") ?? "",
  };
}

function written(now: View): string {
  const parts = new URLSearchParams();
  if (now.seq !== null) parts.set("at", String(now.seq));
  if (now.panel !== START.panel) parts.set("panel", now.panel);
  if (now.account !== null) parts.set("account", String(now.account));
  if (now.event !== null) parts.set("event", String(now.event));
  if (now.market) parts.set("market", now.market);
  if (now.sort !== START.sort) parts.set("sort", now.sort);
  if (!now.down) parts.set("up", "1");
  if (now.named) parts.set("named", now.named);
  if (now.types) parts.set("types", now.types);
  return parts.toString();
}

export function current(): View {
  return view;
}

export function change(part: Partial<View>, record = false): void {
  const before = view;
  view = { ...view, ...part };
  const address = `#${written(view)}`;
  if (address !== location.hash) {
    if (record) history.pushState(null, "", address);
    else history.replaceState(null, "", address);
  }
  for (const listener of listeners) listener(view, before);
}

export function onChange(listener: (now: View, before: View) => void): void {
  listeners.push(listener);
}

export function begin(): void {
  view = read();
  const again = (): void => {
    const before = view;
    view = read();
    for (const listener of listeners) listener(view, before);
  };
  addEventListener("hashchange", again);
  addEventListener("popstate", again);
}
