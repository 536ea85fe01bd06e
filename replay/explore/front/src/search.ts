// The search field: an event's number, a time, an account, a market or a type of event.

import { ask, Latest, type Hit } from "./api";
import { fill, h } from "./dom";
import { change } from "./state";

export class Search {
  readonly field = h("input.search", {
    type: "search", placeholder: "search an account, a time, an event  ( / )", "aria-label": "Search", autocomplete: "off",
    role: "combobox", "aria-expanded": "false", "aria-controls": "hits", spellcheck: "false",
  }) as HTMLInputElement;
  private readonly list = h("ul.hits", { id: "hits", role: "listbox", hidden: true });
  private hits: Hit[] = [];
  private place = 0;
  private readonly found = new Latest<Hit[]>((hits) => this.show(hits), () => this.show([]));
  readonly element = h("div.search-box", { role: "search" }, this.field, this.list);

  constructor() {
    this.field.addEventListener("input", () => {
      const text = this.field.value.trim();
      if (text) this.found.want(() => ask<Hit[]>("search", { text: text.slice(0, 200) }));
      else this.close();
    });
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        this.place = Math.max(0, Math.min(this.hits.length - 1, this.place + (event.key === "ArrowDown" ? 1 : -1)));
        this.mark();
        event.preventDefault();
      } else if (event.key === "Enter") {
        const hit = this.hits[this.place];
        if (hit) this.take(hit);
      } else if (event.key === "Escape") {
        this.close();
        this.field.blur();
      }
      event.stopPropagation();
    });
    this.field.addEventListener("blur", () => setTimeout(() => this.close(), 150));
  }

  focus(): void {
    this.field.focus();
    this.field.select();
  }

  private close(): void {
    this.hits = [];
    this.list.hidden = true;
    this.field.setAttribute("aria-expanded", "false");
  }

  private show(hits: Hit[]): void {
    this.hits = hits;
    this.place = 0;
    fill(this.list, hits.length ? hits.map((hit, place) => h("li", { role: "option", id: `hit-${place}`, onmousedown: () => this.take(hit) },
      h("b", {}, hit.label), h("span", {}, hit.told))) : h("li.faint", { role: "option" }, "nothing of that name"));
    this.list.hidden = false;
    this.field.setAttribute("aria-expanded", "true");
    this.mark();
  }

  private mark(): void {
    [...this.list.children].forEach((one, place) => one.setAttribute("aria-selected", String(place === this.place)));
    if (this.hits.length) this.field.setAttribute("aria-activedescendant", `hit-${this.place}`);
  }

  private take(hit: Hit): void {
    this.close();
    this.field.value = "";
    this.field.blur();
    if (hit.kind === "account") change({ account: hit.number, panel: "account" }, true);
    else if (hit.kind === "event") change({ seq: hit.number, event: hit.number, panel: "event" }, true);
    else if (hit.kind === "instant") change({ seq: hit.number, event: null }, true);
    else if (hit.kind === "market") change({ market: hit.label }, true);
    else change({ types: hit.label }, true);
  }
}
