// Figures and times as text. Exact ones come from the server; these are for axes and sums.

let startMs = 0;

export function startAt(ms: number): void {
  startMs = ms;
}

export function clock(sinceUs: number, fine = false): string {
  const text = new Date(startMs + sinceUs / 1000).toISOString();
  return fine ? text.slice(11, 23) : text.slice(11, 19);
}

export function day(sinceUs: number): string {
  return new Date(startMs + sinceUs / 1000).toISOString().slice(0, 10);
}

export function seconds(sinceUs: number): number {
  return (startMs + sinceUs / 1000) / 1000;
}

export function sinceUs(atSeconds: number): number {
  return Math.max(0, Math.round((atSeconds * 1000 - startMs) * 1000));
}

const PLAIN = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export function plain(value: number): string {
  return PLAIN.format(value);
}

export function short(value: number): string {
  return SHORT.format(value);
}

/** The time of day of an ISO time, as far as it is fine. */
export function timeOf(at: string): string {
  return at.slice(11).replace("Z", "");
}

export function spaced(type: string): string {
  return type.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
}

/** An exact figure without decimals that say nothing. */
export function trimmed(text: string): string {
  return text.includes(".") ? text.replace(/(\.\d\d)\d+$/, "$1") : text;
}
