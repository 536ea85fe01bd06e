"use strict";
(async () => {
  const $ = (id) => document.getElementById(id);
  const bytes = Uint8Array.from(atob($("data").textContent.trim()), (c) => c.charCodeAt(0));
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const data = JSON.parse(await new Response(unpacked).text());
  const names = data.accounts;
  const events = new Map(data.events.map((one) => [one[0], one]));
  const rounds = new Map(data.rounds.map((one) => [one[0], one]));
  const view = $("view"), overview = $("overview"), heading = document.title;

  const make = (tag, attributes, ...children) => {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes || {})) if (value !== null && value !== false) node.setAttribute(key, value);
    node.append(...children.filter((one) => one !== null && one !== undefined));
    return node;
  };
  const link = (to, text) => make("a", { href: "#" + to }, String(text));
  const event = (seq) => (seq === null || seq === undefined ? "" : link("e" + seq, seq.toLocaleString("en")));
  const account = (place) => (place === null ? "" : link("account-" + encodeURIComponent(names[place]), names[place]));
  const round = (number) => link("round-" + number, number.toLocaleString("en"));
  const number = (value) => (value === null ? "" : value.toLocaleString("en"));
  const key = (value) => {
    if (typeof value !== "string") return value === null ? -Infinity : value;
    const plain = value.replace(/,/g, "").match(/^[+-]?\d+(\.\d+)?(?=$| )/);
    return plain ? parseFloat(plain[0]) : value;
  };
  const order = (a, b) => (typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1);
  const plain = (value) => make("span", {}, String(value ?? ""));

  // A column: its title, the place or function of its value, how it is shown, whether it is a number.
  const column = (title, of, shown = plain, n = false) => ({ title, of: typeof of === "function" ? of : (row) => row[of], shown, n });
  const tables = {
    liquidations: { title: "Liquidations", rows: data.liquidations, columns: [
      column("liquidation", 0, number, true), column("event", 1, event, true), column("at", 2), column("account", 3, account),
      column("generation", 4, number, true), column("forced through", 5), column("last forced order of", 6, account),
      column("its fill", 7, event, true), column("closed, " + data.asset, 8, plain, true), column("came to", 9), column("ended in", 10, event, true)] },
    rounds: { title: "Rounds of auto-deleveraging", rows: data.rounds, columns: [
      column("round", 0, round, true), column("event", 1, event, true), column("at", 2), column("loss of", 3, account), column("instrument", 4),
      column("to close", 5, plain, true), column("value", 6, plain, true), column("price", 7, plain, true), column("candidates", 8, number, true),
      column("trigger", 9), column("left", 10, plain, true), column("shortfall", 11, event, true)] },
    reductions: { title: "Positions reduced", rows: data.reductions, columns: [
      column("event", 0, event, true), column("at", 1), column("round", 2, round, true), column("account", 3, account), column("instrument", 4),
      column("traded", 5, plain, true), column("price", 6, plain, true), column("value", 7, plain, true), column("mark", 8, plain, true),
      column("against the mark", 9, plain, true), column("rank", 10, number, true), column("of", 11, number, true),
      column("score", 12, plain, true), column("loss of", 13, account)] },
    events: { title: "Events in this file", rows: data.events, columns: [
      column("event", 0, event, true), column("at", 1), column("type", 2), column("what happened", 3)] },
  };
  const people = new Map();
  const person = (place) => people.get(place) || people.set(place, [place, 0, 0, 0, 0]).get(place);
  for (const row of data.liquidations) { person(row[3])[1]++; if (row[9] === "bankrupt") person(row[3])[2]++; if (row[6] !== null) person(row[6])[4]++; }
  for (const row of data.reductions) person(row[3])[3]++;
  tables.accounts = { title: "Accounts", rows: [...people.values()], columns: [
    column("account", 0, account), column("liquidations", 1, number, true), column("of them bankrupt", 2, number, true),
    column("reductions by ADL", 3, number, true), column("liquidations its orders forced last", 4, number, true)] };
  const text = (value, col) => (col.shown === account && value !== null ? names[value] : value);

  const grid = (table, rows, most, name) => {
    let shown = rows, sorted = -1, down = false, page = 0;
    const body = make("tbody"), told = make("span", { role: "status", class: "small soft" });
    const back = make("button", { type: "button" }, "Previous"), on = make("button", { type: "button" }, "Next");
    const heads = table.columns.map((col, place) => {
      const button = make("button", { type: "button" }, col.title);
      button.addEventListener("click", () => { down = sorted === place ? !down : false; sorted = place; page = 0; draw(); });
      return make("th", { scope: "col", class: col.n ? "n" : null }, button);
    });
    const draw = () => {
      heads.forEach((head, place) => (place === sorted ? head.setAttribute("aria-sort", down ? "descending" : "ascending") : head.removeAttribute("aria-sort")));
      let found = shown;
      if (sorted >= 0) {
        const col = table.columns[sorted];
        found = shown.map((row) => [key(text(col.of(row), col)), row]).sort((a, b) => (down ? -1 : 1) * order(a[0], b[0])).map((pair) => pair[1]);
      }
      const part = found.slice(page * most, (page + 1) * most);
      body.replaceChildren(...part.map((row) => make("tr", {}, ...table.columns.map((col) => make("td", { class: col.n ? "n" : String(col.of(row)).length > 40 ? "w" : null }, col.shown(col.of(row)))))));
      told.textContent = found.length ? `${(page * most + 1).toLocaleString("en")} to ${(page * most + part.length).toLocaleString("en")} of ${found.length.toLocaleString("en")}` : "nothing found";
      back.disabled = page === 0; on.disabled = (page + 1) * most >= found.length;
    };
    back.addEventListener("click", () => { page--; draw(); });
    on.addEventListener("click", () => { page++; draw(); });
    const filter = make("input", { type: "search", autocomplete: "off" });
    filter.addEventListener("input", () => {
      const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      const told = (row) => table.columns.map((col) => String(text(col.of(row), col) ?? "")).join(" ").toLowerCase();
      shown = words.length ? rows.filter((row) => { const line = told(row); return words.every((word) => line.includes(word)); }) : rows;
      page = 0; draw();
    });
    draw();
    const tools = make("div", { class: "tools" }, make("label", {}, `Find in ${name}`, filter), told, back, on);
    const within = make("div", { class: "wide-table", tabindex: "0", role: "region", "aria-label": name }, make("table", {}, make("caption", {}, name), make("thead", {}, make("tr", {}, ...heads)), body));
    return make("div", {}, tools, within);
  };

  const sentence = (words) => words.charAt(0).toUpperCase() + words.slice(1) + ".";
  const command = (seq) => make("pre", { tabindex: "0" }, make("code", {}, `deleverage why ${data.record} ${seq}`));
  const list = (...pairs) => make("dl", { class: "fields" }, ...pairs.filter(([, value]) => value !== "" && value !== null).flatMap(([name, ...values]) => [make("dt", {}, name), make("dd", {}, ...values)]));
  const linked = (all, to = event) => (all.length ? all.flatMap((one, place) => (place ? [", ", to(one)] : [to(one)])) : [""]);
  const pages = {
    e(seq) {
      const one = events.get(Number(seq));
      if (!one) return [`Event ${Number(seq).toLocaleString("en")}`, [make("p", {}, "This file keeps the events that decided something in the incident, and those that these rest on. This one is in the record:"), command(seq)]];
      const [, at, type, says, figures, cause, links, who, grounds] = one;
      const parts = [make("p", { class: "lead" }, sentence(says)), list(["type", type], ["at", at], ["accounts", ...linked(who, account)], ["caused by", cause === null ? "nothing: it came from outside, or is the run's own" : event(cause)], ["links", ...linked(links)])];
      if (grounds.length) parts.push(make("h3", {}, "What it rests on"), make("ul", { class: "tree" }, ...grounds.map(([ground, sets]) => make("li", {}, `${sets}: event `, event(ground), events.has(ground) ? `, ${events.get(ground)[3]}` : ""))));
      if (figures) parts.push(make("h3", {}, "As recorded"), make("pre", { tabindex: "0" }, make("code", {}, figures)));
      parts.push(make("h3", {}, "The whole reason, from the record"), command(seq));
      return [`Event ${Number(seq).toLocaleString("en")}`, parts];
    },
    round(value) {
      const one = rounds.get(Number(value));
      if (!one) return [`Round ${value}`, [make("p", {}, "There is no such round in this file.")]];
      const [, seq, at, loser, instrument, size, worth, price, candidates, trigger, left, shortfall] = one;
      const reduced = data.reductions.filter((row) => row[2] === one[0]);
      return [`Round ${one[0].toLocaleString("en")}`, [
        make("p", { class: "lead" }, events.has(seq) ? sentence(events.get(seq)[3]) : ""),
        list(["event", event(seq)], ["at", at], ["loss of", account(loser)], ["to be closed", `${size} ${instrument}, ${worth} in all, at ${price}`], ["candidates", number(candidates)], ["trigger", trigger], ["left over", left], ["decided after", event(shortfall)]),
        make("h3", {}, "Who was reduced, in the order of the ranking"), grid(tables.reductions, reduced, 50, "reductions of this round"),
        make("h3", {}, "The whole ranking, and why each stood where it did"), command(seq)]];
    },
    account(name) {
      const place = names.indexOf(decodeURIComponent(name));
      if (place < 0) return [decodeURIComponent(name), [make("p", {}, "Nothing was forced of an account of that name in this file.")]];
      const parts = [];
      const add = (title, table, rows) => rows.length && parts.push(make("h3", {}, title), grid(tables[table], rows, 25, title.toLowerCase()));
      add("Its liquidations", "liquidations", data.liquidations.filter((row) => row[3] === place));
      add("What was closed of it by auto-deleveraging", "reductions", data.reductions.filter((row) => row[3] === place));
      add("Rounds for its loss", "rounds", data.rounds.filter((row) => row[3] === place));
      add("Liquidations that its forced orders led to last", "liquidations", data.liquidations.filter((row) => row[6] === place));
      add("Events of this file that name it", "events", data.events.filter((row) => row[7].includes(place)));
      parts.push(make("h3", {}, "From the record"), make("pre", { tabindex: "0" }, make("code", {}, `deleverage why ${data.record} ${names[place]}\ndeleverage history ${data.record} --account ${names[place]}`)));
      return [names[place], parts];
    },
  };
  for (const [name, table] of Object.entries(tables)) pages[name] = () => [table.title, [grid(table, table.rows, 100, table.title.toLowerCase())]];

  const show = () => {
    const [, kind, value] = location.hash.match(/^#(e|round-|account-|liquidations|reductions|rounds|accounts|events)(.*)$/) || [];
    const page = kind && pages[kind.replace(/-$/, "")];
    const is = page && (kind === "e" ? /^\d+$/.test(value) : kind.endsWith("-") || !value);
    view.hidden = !is; overview.hidden = Boolean(is);
    if (is) document.body.dataset.view = kind; else delete document.body.dataset.view;
    if (!is) {
      document.title = heading;
      const target = location.hash.length > 1 && $(location.hash.slice(1));
      if (target) target.scrollIntoView();
      return;
    }
    const [title, parts] = page(value);
    document.title = `${title} - ${heading}`;
    const head = make("h2", { id: "view-title", tabindex: "-1" }, title);
    view.replaceChildren(make("p", { class: "back small" }, make("a", { href: "#overview" }, "\u2190 The report")), head, ...parts);
    window.scrollTo(0, 0);
    head.focus({ preventScroll: true });
  };
  addEventListener("hashchange", show);
  for (const node of document.querySelectorAll(".script")) node.hidden = false;
  document.documentElement.dataset.ready = "yes";
  show();
})();
