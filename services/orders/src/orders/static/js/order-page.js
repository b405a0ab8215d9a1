// The order page, alive: steppers, sums, search, time left, and what happens to stock and prices while one looks.

import { Announcer } from "./announcer.js";
import { showConnection, showViewers } from "./connection.js";
import { ServerClock, runCountdown } from "./countdown.js";
import { Draft } from "./draft.js";
import { listenToKeys } from "./grid-keys.js";
import { OfferRow, plain } from "./offer-row.js";
import { PriceLimits } from "./price-limits.js";
import { goLive } from "./realtime.js";
import { Shelves } from "./shelves.js";
import { money, readWords, say } from "./words.js";

const CLOSING_MS = 1_000;

const form = document.querySelector("[data-order-page]");
if (form) openPage(form);

function openPage(form) {
  const words = readWords(form);
  const page = {
    form,
    words,
    rows: new Map(),
    news: new Map(),
    pending: {},
    draft: new Draft(form),
    clock: new ServerClock(Number(form.dataset.serverTime)),
    cutoffMs: Number(form.dataset.cutoff),
    announcer: new Announcer(form.querySelector("[data-said]"), words),
    limits: new PriceLimits(form, words),
    changed: () => changed(page),
    replaced: () => replaced(page),
  };
  page.shelves = new Shelves(page);
  document.documentElement.classList.add("live");
  takeRows(page);
  listen(page);
  addSearch(page);
  restore(page);
  runCountdown(form, page.clock, () => page.cutoffMs, words, () => page.announcer.add([words.closedNow], true));
  setInterval(() => closeRows(page), CLOSING_MS);
  watch(page);
}

/** Know the rows that are on the page, and show on new ones what was told of them before they came. */
function takeRows(page) {
  const before = page.rows;
  page.rows = new Map();
  for (const element of page.form.querySelectorAll("[data-offer]")) {
    const known = before.get(element.dataset.offer);
    const row = known?.element === element ? known : new OfferRow(element, page.words);
    page.rows.set(row.id, row);
    const told = row === known ? null : page.news.get(row.id);
    if (told) row.apply(told.data, told.version);
  }
}

function replaced(page) {
  takeRows(page);
  for (const id of Object.keys(page.pending)) if (page.rows.has(id)) delete page.pending[id];
  for (const row of page.rows.values()) if (row.quantity) row.check();
  changed(page);
}

function changed(page) {
  sum(page);
  remember(page);
}

/** Fill in what was typed before a reload; after a refusal the server has filled it in already. */
function restore(page) {
  const refused = document.querySelector(".notice.refusal");
  const draft = refused ? null : page.draft.read();
  if (page.form.dataset.filled !== undefined) page.shelves.keepAddress(page.shelves.shown.dataset.address, "replace");
  if (draft) {
    for (const [id, text] of Object.entries(draft.quantities ?? {})) {
      const row = page.rows.get(id);
      if (row?.input && !row.input.readOnly) row.input.value = text;
      else if (!row && text.trim()) page.pending[id] = text;
    }
    if (draft.note) page.form.elements.note.value = draft.note;
    for (const row of page.rows.values()) if (row.quantity) row.check();
  }
  sum(page);
  page.limits.fill(draft?.limits);
  if (draft || page.form.dataset.filled !== undefined) remember(page);
  if (Object.keys(page.pending).length) page.shelves.turn({});
}

function remember(page) {
  const quantities = { ...page.pending };
  for (const row of page.rows.values()) {
    const saved = row.ordered ? String(row.ordered) : "";
    if (row.input && row.input.value !== saved) quantities[row.id] = row.input.value;
  }
  page.draft.save({ quantities, limits: page.limits.read(), note: page.form.elements.note.value });
}

function listen(page) {
  const { form } = page;
  const rowOf = (target) => page.rows.get(target.closest("[data-offer]")?.dataset.offer);
  const typed = (row) => {
    row?.check();
    changed(page);
  };
  const step = (target, by) => {
    const row = rowOf(target);
    row.step(by);
    typed(row);
  };
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-step]");
    if (button) step(button, Number(button.dataset.step));
  });
  form.addEventListener("input", (event) => event.target.type !== "search" && typed(rowOf(event.target)));
  form.addEventListener("keydown", (event) => {
    // An order is sent by its button, not by a slip of the finger.
    if (event.key === "Enter" && event.target.matches("input:not([type=checkbox])")) event.preventDefault();
  });
  listenToKeys(form, page.shelves.search, () => boxes(page), step);
  form.addEventListener("formdata", ({ formData }) => complete(page, formData));
  form.addEventListener("submit", (event) => page.shelves.take(event) || sendOnce(page, event));
  addEventListener("pageshow", () => ready(form));
}

/** The quantity fields one can see, in the order in which they stand. */
function boxes(page) {
  return [...page.form.querySelectorAll("[id^=quantity-]")].filter((box) => box.offsetParent !== null);
}

/** Empty boxes stay behind; what was typed for offers that are not on the page (yet) goes along. */
function complete(page, formData) {
  for (const [name, value] of [...formData]) {
    if (name.startsWith("quantity-") && !String(value).trim()) {
      formData.delete(name);
      formData.delete(name.replace("quantity-", "price-"));
    }
    if (name.startsWith("max-") && !String(value).trim()) formData.delete(name);
  }
  for (const [id, text] of Object.entries(page.pending)) formData.set(`quantity-${id}`, text);
}

function sendOnce(page, event) {
  const button = page.form.querySelector("[data-send]");
  if (!button || button.getAttribute("aria-busy") === "true") return event.preventDefault();
  button.setAttribute("aria-busy", "true");
  button.dataset.word = button.textContent;
  button.textContent = page.words.sending;
}

function ready(form) {
  const button = form.querySelector("[data-send]");
  if (button?.dataset.word) button.textContent = button.dataset.word;
  button?.removeAttribute("aria-busy");
}

function sum(page) {
  const { form, words } = page;
  const chosen = [...page.rows.values()].filter((row) => row.quantity > 0);
  const total = chosen.reduce((cents, row) => cents + row.quantity * row.charged, 0);
  form.querySelector("[data-lines]").textContent = say(words.products, { num: chosen.length });
  form.querySelector("[data-total]").textContent = money(total);
  form.querySelector("[data-chosen]").replaceChildren(...chosen.map(chosenLine));
  form.querySelector("[data-again]")?.classList.toggle("pointless", chosen.length > 0);
  page.limits.show(chosen);
}

function chosenLine(row) {
  const line = document.createElement("li");
  const parts = [`${row.quantity} ×`, row.name, money(row.quantity * row.charged)];
  line.append(...parts.map((text) => Object.assign(document.createElement("span"), { textContent: text })));
  line.firstChild.className = line.lastChild.className = "num";
  return line;
}

/** Where every offer is on the page, the search hides rows by itself; else the server looks through all of them. */
function addSearch(page) {
  const { search } = page.shelves;
  const look = () => ("everything" in page.shelves.shown.dataset ? filter(page) : page.shelves.searchSoon());
  search.addEventListener("input", look);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") look();
    if (event.key !== "Escape" || !search.value) return;
    search.value = "";
    look();
  });
}

function filter({ form, rows, words, shelves }) {
  const wanted = plain(shelves.search.value).split(/\s+/).filter(Boolean);
  let found = 0;
  for (const row of rows.values()) {
    row.element.hidden = !wanted.every((word) => row.searchText.includes(word));
    if (!row.element.hidden) found += 1;
  }
  for (const shelf of form.querySelectorAll(".shelf")) shelf.hidden = !shelf.querySelector("[data-offer]:not([hidden])");
  form.querySelector("[data-nothing-found]").hidden = found > 0;
  form.querySelector("[data-found]").textContent = wanted.length ? say(words.found, { num: found }) : "";
}

/** Offers with an earlier cutoff of their own close while one looks. */
function closeRows(page) {
  const now = page.clock.read();
  const said = [];
  for (const row of page.rows.values()) {
    const { cutoff, closed } = row.element.dataset;
    if (cutoff && closed === undefined && now >= Number(cutoff)) said.push(row.close());
  }
  const sentences = said.filter(Boolean);
  if (sentences.length) page.announcer.add(sentences, true);
}

function watch(page) {
  goLive([{ c: `cycle:${page.form.dataset.cycle}`, since: Number(page.form.dataset.since) }], {
    message: (message) => applyMessage(page, message),
    reset: () => refetch(page),
    clock: (serverMs) => page.clock.correct(serverMs),
    state: (state) => showConnection(page.form, state),
  });
}

function applyMessage(page, { k: kind, v: version, d: data }) {
  if (kind === "offer") applyOffer(page, data.offer_id, data, version);
  if (kind === "viewers") showViewers(page.form, data.n, page.words);
  if (kind === "cycle") {
    if (data.cutoff_at) page.cutoffMs = Date.parse(data.cutoff_at);
    if (data.state !== "open") page.cutoffMs = Math.min(page.cutoffMs, page.clock.read());
  }
}

function applyOffer(page, id, data, version) {
  if (!(page.news.get(id)?.version > version)) page.news.set(id, { data, version });
  const row = page.rows.get(id);
  const sentences = row?.apply(data, version)?.filter(Boolean);
  if (!sentences?.length) return;
  page.announcer.add(sentences, row.matters);
  if (row.matters) sum(page);
}

/** Too much was missed for the socket to tell: have the page drawn anew, and take over from it what is newer. */
async function refetch(page) {
  try {
    const body = new URLSearchParams(new FormData(page.form));
    const answer = await fetch("/order/view", { method: "POST", body, headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const element of fresh.querySelectorAll("[data-offer]")) {
      const row = new OfferRow(element, page.words);
      const { available, taken } = element.dataset;
      const data = { remaining: row.remaining, available: available ? Number(available) : null, unit_price_cents: row.price };
      applyOffer(page, row.id, taken === undefined ? data : { ...data, ordered: Number(taken) }, row.version);
    }
    const cutoff = fresh.querySelector("[data-order-page]")?.dataset.cutoff;
    if (cutoff) page.cutoffMs = Number(cutoff);
  } catch {
    // The next answer of the socket brings another chance; the form works either way.
  }
}
