// The order page, alive: steppers, sums, search, time left, and what happens to stock and prices while one looks.

import { Announcer } from "./announcer.js";
import { ServerClock, runCountdown } from "./countdown.js";
import { Draft } from "./draft.js";
import { OfferRow, plain } from "./offer-row.js";
import { goLive } from "./realtime.js";
import { money, readWords, say } from "./words.js";

const form = document.querySelector("[data-order-page]");
if (form) openPage(form);

function openPage(form) {
  const words = readWords(form);
  const rows = new Map();
  for (const element of form.querySelectorAll("[data-offer]")) {
    rows.set(element.dataset.offer, new OfferRow(element, words));
  }
  const page = {
    form,
    words,
    rows,
    draft: new Draft(form),
    clock: new ServerClock(Number(form.dataset.serverTime)),
    cutoffMs: Number(form.dataset.cutoff),
    announcer: new Announcer(form.querySelector("[data-said]"), words),
  };
  restore(page);
  listen(page);
  addSearch(page);
  runCountdown(form, page.clock, () => page.cutoffMs, words, () => page.announcer.add([words.closedNow], true));
  watch(page);
}

/** Fill in what was typed before a reload; after a refusal the server has filled it in already. */
function restore(page) {
  const refused = document.querySelector(".notice.refusal");
  const draft = refused ? null : page.draft.read();
  if (draft) {
    for (const [id, text] of Object.entries(draft.quantities ?? {})) {
      const row = page.rows.get(id);
      if (row?.input) row.input.value = text;
    }
    if (draft.note) page.form.elements.note.value = draft.note;
    for (const row of page.rows.values()) row.check();
    sum(page);
  }
}

function remember(page) {
  const quantities = {};
  for (const row of page.rows.values()) {
    if (row.input && row.input.value !== row.input.defaultValue) quantities[row.id] = row.input.value;
  }
  page.draft.save({ quantities, note: page.form.elements.note.value });
}

function listen(page) {
  const { form, rows } = page;
  const rowOf = (target) => rows.get(target.closest("[data-offer]")?.dataset.offer);
  const typed = (row) => {
    row?.check();
    sum(page);
    remember(page);
  };
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-step]");
    if (!button) return;
    const row = rowOf(button);
    row.step(Number(button.dataset.step));
    typed(row);
  });
  form.addEventListener("input", (event) => event.target.type !== "search" && typed(rowOf(event.target)));
  form.addEventListener("keydown", (event) => onKey(page, event, rowOf, typed));
  form.addEventListener("formdata", ({ formData }) => leaveOutEmpty(formData));
  form.addEventListener("submit", (event) => sendOnce(page, event));
  addEventListener("pageshow", () => ready(form));
}

/** Up and down count, Enter goes to the next box: an order is sent by its button, not by a slip of the finger. */
function onKey(page, event, rowOf, typed) {
  if (event.target.tagName !== "INPUT" || event.target.type === "checkbox") return;
  if (event.key === "Enter") {
    event.preventDefault();
    const boxes = [...page.rows.values()].filter((row) => row.input && !row.element.hidden).map((row) => row.input);
    boxes[boxes.indexOf(event.target) + 1]?.focus();
  }
  const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
  const row = rowOf(event.target);
  if (step && row) {
    event.preventDefault();
    row.step(step);
    typed(row);
  }
}

function leaveOutEmpty(formData) {
  for (const [name, value] of [...formData]) {
    if (name.startsWith("quantity-") && !String(value).trim()) {
      formData.delete(name);
      formData.delete(name.replace("quantity-", "price-"));
    }
  }
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

function sum({ form, rows, words }) {
  const chosen = [...rows.values()].filter((row) => row.quantity > 0);
  const total = chosen.reduce((cents, row) => cents + row.quantity * row.price, 0);
  form.querySelector("[data-lines]").textContent = say(words.products, { num: chosen.length });
  form.querySelector("[data-total]").textContent = money(total);
  form.querySelector("[data-chosen]").replaceChildren(...chosen.map(chosenLine));
}

function chosenLine(row) {
  const line = document.createElement("li");
  const parts = [`${row.quantity} ×`, row.name, money(row.quantity * row.price)];
  line.append(...parts.map((text) => Object.assign(document.createElement("span"), { textContent: text })));
  line.firstChild.className = line.lastChild.className = "num";
  return line;
}

function addSearch({ form, rows, words }) {
  const box = form.querySelector("[data-search]");
  const input = box.querySelector("input");
  box.hidden = false;
  form.classList.add("live");
  document.documentElement.classList.add("live");
  const filter = () => {
    const wanted = plain(input.value).split(/\s+/).filter(Boolean);
    let found = 0;
    for (const row of rows.values()) {
      row.element.hidden = !wanted.every((word) => row.searchText.includes(word));
      if (!row.element.hidden) found += 1;
    }
    for (const shelf of form.querySelectorAll(".shelf")) shelf.hidden = !shelf.querySelector("[data-offer]:not([hidden])");
    form.querySelector("[data-nothing-found]").hidden = found > 0;
    form.querySelector("[data-found]").textContent = wanted.length ? say(words.found, { num: found }) : "";
  };
  input.addEventListener("input", filter);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      input.value = "";
      filter();
    }
  });
}

function watch(page) {
  const cycle = page.form.dataset.cycle;
  const stale = page.form.querySelector("[data-stale]");
  goLive([{ c: `cycle:${cycle}`, since: Number(page.form.dataset.since) }], {
    message: (message) => applyMessage(page, message),
    reset: () => refetch(page, cycle),
    clock: (serverMs) => page.clock.correct(serverMs),
    state: (state) => {
      stale.hidden = state === "live";
      page.form.dataset.live = state;
    },
  });
}

function applyMessage(page, { k: kind, v: version, d: data }) {
  if (kind === "offer") applyOffer(page, data.offer_id, data, version);
  if (kind === "cycle") {
    if (data.cutoff_at) page.cutoffMs = Date.parse(data.cutoff_at);
    if (data.state !== "open") page.cutoffMs = Math.min(page.cutoffMs, page.clock.read());
  }
}

function applyOffer(page, id, data, version) {
  const row = page.rows.get(id);
  const sentences = row?.apply(data, version);
  if (!sentences?.length) return;
  page.announcer.add(sentences, row.matters);
  sum(page);
}

/** Too much was missed for the socket to tell: fetch how things stand, and let versions decide what is newer. */
async function refetch(page, cycle) {
  try {
    const answer = await fetch("/api/v1/cycles/current", { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const current = await answer.json();
    if (current.id !== cycle) return;
    page.cutoffMs = Date.parse(current.cutoff_at);
    for (const offer of current.offers) applyOffer(page, offer.id, offer, offer.version);
  } catch {
    // The next answer of the socket brings another chance; the form works either way.
  }
}
