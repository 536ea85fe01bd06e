// The answers of the server, by the names of its structs, and how they are asked for.

export interface Overview {
  name: string; scenario: string; seed: number; prices: string; ending: string; warning: string; head: string;
  count: number; start_ms: number; start: string; end: string; end_us: number; instruments: string[];
  assets: string[]; traders: number; forks: number[]; torn: boolean; forkable: boolean;
}
export interface EventLine { seq: number; at: string; since_us: number; type: string; text: string; cause: number | null }
export interface Band { bps: number; left_lots: number; lots: number; left: string }
export interface Market {
  name: string; mark: string; index: string; forced: string; forced_share: string; funding: string; halted: string;
  bids: Band[]; asks: Band[];
}
export interface Standing { step: string; figures: [string, string][]; active: boolean }
export interface Instant {
  seq: number; at: string; since_us: number; ended: boolean; event: EventLine; markets: Market[];
  waterfall: Standing[]; census: [string, number][]; faults: string[];
}
export interface AccountRow {
  account: number; name: string; status: string; equity: string; requirement: string; ratio_bps: number | null;
  leverage: string; notional: string; profit: string; in_profit: boolean; holds: string;
}
export interface AccountPage { seq: number; of: number; first: number; rows: AccountRow[] }
export interface Light { instrument: string; lights: number; rank: number; of: number }
export interface AccountLights { account: number; places: Light[] }
export interface Position {
  name: string; size: string; entry_price: string; mark: string | null; liquidation_price: string | null;
  bankruptcy_price: string | null; adl_queue: { rank: number | null; of: number | null; lights?: number } | null;
}
export interface AccountView { account: number; name: string; kind: string; status: string; asset: string; positions: Position[] }
export interface AccountChange { account: number; name: string; opened: boolean; changed: [string, string, string][] }
export interface EventDetail {
  line: EventLine; origin: string; decided_by: string | null; fields: Record<string, unknown>; chain: EventLine[];
  followed: EventLine[]; accounts: AccountChange[]; more_accounts: number; explained: boolean;
}
export interface TreeNode { text: string; children: TreeNode[] }
export type Block =
  | { kind: "prose"; text: string }
  | { kind: "table"; header: string[]; rows: string[][]; [more: string]: unknown }
  | { kind: "tree"; root: string; nodes: TreeNode[] }
  | { kind: string; [more: string]: unknown };
export interface EventAnswer { seq: number; sections: { title: string; blocks: Block[] }[]; unknown: string }
export interface GroundNode {
  seq: number; at: string; type: string; text: string; level: number; end: "input" | "rule" | "cut" | null;
  rests_on: { seq: number; kinds: string[]; sets: string }[];
}
export interface GroundGraph { seq: number; whole: boolean; nodes: GroundNode[] }
export interface Life {
  account: number; name: string; asset: string; kind: string; since_us: number[]; equity: (number | null)[];
  requirement: (number | null)[]; events: { line: EventLine; status: string }[]; more_events: boolean;
}
export interface Hit { kind: "event" | "instant" | "account" | "market" | "type"; label: string; told: string; number: number | null }
export interface Curve {
  name: string; of: string; unit: string; before: number | null; steps: number[]; values: number[]; lows: number[];
  highs: number[]; seqs: number[];
}
export interface Curves {
  first_us: number; step_us: number; steps: number; surveyed: number; count: number; instruments: string[];
  levels: Curve[]; totals: Curve[]; spans: { name: string; of: string; from_us: number; until_us: number }[];
}
export interface Growth { count: number; torn: boolean; surveyed: number }
export interface Rule { slot: string; policy: string; policies: string[]; settings: { key: string; value: string }[] }
export interface TotalPair { name: string; a: number | null; b: number | null; unit: string }
export interface Gain {
  name: string; gain: number; asset: string; bankrupt_a: boolean; bankrupt_b: boolean; deleveraged_a: number;
  deleveraged_b: number;
}
export interface Future {
  state: "none" | "working" | "done" | "failed"; asked: { seq: number; settings: string[] } | null; share: number;
  fault: string; boundary: number; events: [number, number]; head: string; identical: boolean; totals: TotalPair[];
  gained: Gain[]; lost: Gain[]; was: Curves | null; would_be: Curves | null;
}

type Parameters = Record<string, string | number | boolean | null | undefined>;

async function answer<T>(response: Response): Promise<T> {
  if (!response.ok) throw new Error((await response.text()) || `the server answered ${response.status}`);
  return (await response.json()) as T;
}

export async function ask<T>(name: string, parameters: Parameters = {}, signal?: AbortSignal): Promise<T> {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") query.set(key, String(value));
  }
  const text = query.toString();
  return answer<T>(await fetch(`api/${name}${text ? `?${text}` : ""}`, signal ? { signal } : {}));
}

export async function post<T>(name: string, body: unknown): Promise<T> {
  const headers = { "content-type": "application/json" };
  return answer<T>(await fetch(`api/${name}`, { method: "POST", headers, body: JSON.stringify(body) }));
}

/** Asks for what was wanted last: while one question is under way only the newest of the others is kept. */
export class Latest<T> {
  private busy = false;
  private next: (() => Promise<T>) | null = null;
  constructor(private readonly show: (found: T) => void, private readonly fail: (error: Error) => void) {}

  want(question: () => Promise<T>): void {
    this.next = question;
    if (!this.busy) void this.work();
  }

  private async work(): Promise<void> {
    this.busy = true;
    while (this.next) {
      const question = this.next;
      this.next = null;
      try {
        const found = await question();
        if (!this.next) this.show(found);
      } catch (error) {
        if (!this.next) this.fail(error as Error);
      }
    }
    this.busy = false;
  }
}
