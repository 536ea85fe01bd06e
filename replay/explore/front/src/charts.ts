// Charts by uPlot: colours from the style sheet, times in UTC, the instant as a line across.

import uPlot from "uplot";
import { vary } from "./dom";
import { clock, seconds, short, sinceUs } from "./words";
import type { Curve, Curves } from "./api";

export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "#888";
}

const FONT = '11px ui-sans-serif, system-ui, "Segoe UI", sans-serif';

export function axisX(show = true): uPlot.Axis {
  return {
    show, stroke: () => colour("--muted"), font: FONT, size: 26, gap: 4,
    grid: { stroke: () => colour("--line"), width: 1 }, ticks: { show: false },
    values: (_u, splits) => splits.map((at) => clock(sinceUs(at)).replace(/:00$/, "")),
  };
}

export function axisY(scale: string, side: 1 | 3 = 3, grid = true): uPlot.Axis {
  return {
    scale, side, stroke: () => colour("--muted"), font: FONT, size: 58, gap: 4, ticks: { show: false },
    grid: { show: grid, stroke: () => colour("--line"), width: 1 },
    values: (_u, splits) => splits.map((value) => (Math.abs(value) >= 1e5 ? short(value) : value.toLocaleString("en"))),
  };
}

/** The columns of a level by step, what it was carried on: the last, the least and the greatest value. */
export function carried(curves: Curves, curve: Curve | undefined): { last: (number | null)[]; low: (number | null)[]; high: (number | null)[] } {
  const last = new Array<number | null>(curves.steps).fill(null);
  const low = [...last];
  const high = [...last];
  if (!curve) return { last, low, high };
  let place = 0;
  let held = curve.before;
  for (let step = 0; step < curves.steps; step += 1) {
    low[step] = high[step] = held;
    if (curve.steps[place] === step) {
      held = curve.values[place] ?? null;
      low[step] = curve.lows[place] ?? held;
      high[step] = curve.highs[place] ?? held;
      place += 1;
    }
    last[step] = held;
  }
  return { last, low, high };
}

export function summed(curves: Curves, chosen: Curve[]): (number | null)[] {
  const found = new Array<number | null>(curves.steps).fill(null);
  for (const curve of chosen) {
    curve.steps.forEach((step, place) => {
      if (step < curves.steps) found[step] = (found[step] ?? 0) + (curve.values[place] ?? 0);
    });
  }
  return found;
}

export function times(curves: Curves): number[] {
  return Array.from({ length: curves.steps }, (_, step) => seconds(curves.first_us + step * curves.step_us));
}

export function level(curves: Curves, name: string, of: string): Curve | undefined {
  return curves.levels.find((one) => one.name === name && one.of === of);
}

/** Draws the instant, spans behind the curves, and what was looked at as marks. */
export function overlay(instant: () => number | null, spans: () => { from: number; until: number }[] = () => []): uPlot.Plugin {
  return {
    hooks: {
      drawClear: (u: uPlot) => {
        u.ctx.save();
        u.ctx.fillStyle = colour("--halt");
        for (const span of spans()) {
          const left = Math.max(u.valToPos(span.from, "x", true), u.bbox.left);
          const right = Math.min(u.valToPos(span.until, "x", true), u.bbox.left + u.bbox.width);
          if (right > left) u.ctx.fillRect(left, u.bbox.top, Math.max(right - left, 1), u.bbox.height);
        }
        u.ctx.restore();
      },
      draw: (u: uPlot) => {
        const at = instant();
        if (at === null) return;
        const x = Math.round(u.valToPos(at, "x", true));
        if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) return;
        u.ctx.save();
        u.ctx.fillStyle = colour("--instant");
        u.ctx.fillRect(x - 1, u.bbox.top, 2, u.bbox.height);
        u.ctx.restore();
      },
    },
  };
}

/** A chart that is as wide as what it stands in. */
export class Chart {
  readonly plot: uPlot;
  private readonly watcher: ResizeObserver;
  constructor(host: HTMLElement, options: Omit<uPlot.Options, "width">, data: uPlot.AlignedData) {
    vary(host, "min-height", `${options.height}px`);
    this.plot = new uPlot({ ...options, width: Math.max(host.clientWidth, 120) }, data, host);
    this.watcher = new ResizeObserver(() => {
      if (host.clientWidth > 0) this.plot.setSize({ width: host.clientWidth, height: options.height });
    });
    this.watcher.observe(host);
  }

  close(): void {
    this.watcher.disconnect();
    this.plot.destroy();
  }
}
