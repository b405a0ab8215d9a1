// What the pages compute in the browser, without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { showConnection, showViewers } from "../../src/orders/static/js/connection.js";
import { ServerClock, timeLeft } from "../../src/orders/static/js/countdown.js";
import { Draft, forgetDrafts, forgetTyped, keepTyped } from "../../src/orders/static/js/draft.js";
import { OfferRow, caseFill, plain } from "../../src/orders/static/js/offer-row.js";
import { money, say } from "../../src/orders/static/js/words.js";

const WORDS = {
  days: { one: "%(num)s day", other: "%(num)s days" },
  hours: "%(num)s h",
  minutes: "%(num)s min",
  closed: "closed",
};

test("money reads as the server writes it", () => {
  for (const [cents, text] of [[0, "$0.00"], [5, "$0.05"], [1_250, "$12.50"], [123_456_789, "$1,234,567.89"], [-150, "-$1.50"]]) {
    assert.equal(money(cents), text);
  }
});

test("places are filled, forms chosen by number and language, unknown places left", () => {
  assert.equal(say(WORDS.days, { num: 1 }, "es"), "1 day");
  assert.equal(say(WORDS.days, { num: 0 }, "es"), "0 days");
  assert.equal(say("%(name)s: %(what)s", { name: "A" }), "A: %(what)s");
  assert.equal(say(undefined), "");
});

test("a name is put in as it is, whatever it contains", () => {
  assert.equal(say("%(name)s!", { name: "$& %(name)s <b>" }), "$& %(name)s <b>!");
});

test("time left reads as the server writes it", () => {
  for (const [seconds, text] of [[90_061, "1 day 1 h"], [3_660, "1 h 1 min"], [660, "11 min"], [600, "10:00"], [61, "1:01"], [0, "closed"], [-5, "closed"]]) {
    assert.equal(timeLeft(seconds, WORDS), text);
  }
});

test("the server's clock counts, however wrong the phone's is", () => {
  let now = 5_000;
  const clock = new ServerClock(1_000_000, () => now);
  now += 1_500;
  assert.equal(clock.read(), 1_001_500);
  clock.correct(2_000_000);
  assert.equal(clock.read(), 2_000_000);
});

test("a search without accents finds what has them", () => {
  assert.equal(plain("PLÁTANO Ñame"), "platano name");
});

test("the next case fills up as the server says it", () => {
  const words = { caseOf: "case of %(num)s", caseMissing: { one: "%(num)s more", other: "%(num)s more" }, caseFull: "full" };
  for (const [taken, text] of [[0, "case of 12"], [9, "3 more"], [11, "1 more"], [12, "full"], [13, "11 more"]]) {
    assert.equal(caseFill(taken, 12, words), text);
  }
});

/** As much of a row as news touch. */
function fakeRow(dataset) {
  const parts = new Map();
  const part = (text = "") => ({ textContent: text, value: "", classList: { toggle() {}, add() {}, remove() {} }, removeAttribute() {} });
  const element = {
    dataset: { offer: "a", version: "1", price: "900", ...dataset },
    classList: { toggle() {}, add() {}, remove() {} },
    querySelector(wanted) {
      if (!parts.has(wanted)) parts.set(wanted, part(wanted === "[data-name]" ? "Limes" : ""));
      return wanted.startsWith("#quantity") ? null : parts.get(wanted);
    },
  };
  const words = { left: "%(num)s left", nowLeft: "%(name)s: %(num)s", caseOf: "of %(num)s", caseMissing: "%(num)s more", caseFull: "full" };
  return { row: new OfferRow(element, words), element, text: (wanted) => parts.get(wanted).textContent };
}

test("news of an offer bring the case fill along, old news nothing", () => {
  const { row, element, text } = fakeRow({ remaining: "20", available: "20", case: "12", taken: "0" });
  const sentences = row.apply({ remaining: 20, available: 20, unit_price_cents: 900, ordered: 9, case_size: 12 }, 2);
  assert.deepEqual(sentences, []);
  assert.equal(text("[data-case-fill]"), "3 more");
  assert.equal(element.dataset.taken, 9);
  assert.equal(row.apply({ remaining: 1, available: 20, ordered: 19 }, 2), null);
});

test("without the sum of all orders the case fill follows from the stock", () => {
  const { row, text } = fakeRow({ remaining: "20", available: "20", case: "12", taken: "0" });
  assert.deepEqual(row.apply({ remaining: 13, available: 20, unit_price_cents: 900 }, 2), ["Limes: 13"]);
  assert.equal(text("[data-case-fill]"), "5 more");
});

test("a box whose own cutoff has passed keeps what is not saved, says so and lets it be taken out", () => {
  for (const [typed, saved, isKept] of [["5", "2", true], ["five", "2", true], ["0", "2", true], ["", "2", true], ["2", "2", false], ["", "0", false], ["0", "0", false]]) {
    const { row, element, text } = fakeRow({ remaining: "20", ordered: saved });
    row.input = { value: typed, readOnly: false, setAttribute() {}, removeAttribute() {}, parentElement: { classList: { toggle() {} } } };
    const button = { disabled: false };
    element.querySelectorAll = () => [button];
    Object.assign(row.words, { closedOffer: "closed", closedUnsaved: "not saved" });
    assert.equal(row.close(), isKept ? "Limes: not saved" : "");
    assert.deepEqual([row.input.value, row.input.readOnly, button.disabled, text("[data-closes]")], [typed, !isKept, !isKept, "closed"]);
    if (!isKept) continue;
    assert.equal(text("[data-says]"), "not saved");
    row.input.value = saved;
    row.check();
    assert.equal(text("[data-says]"), "");
  }
});

class FakeStorage {
  setItem(key, value) {
    this[key] = value;
  }
  getItem(key) {
    return Object.hasOwn(this, key) ? this[key] : null;
  }
  removeItem(key) {
    delete this[key];
  }
}

const form = (version) => ({
  elements: { cycle_id: { value: "c" }, store_id: { value: "s" }, ...(version && { version: { value: version } }) },
});

test("a draft belongs to a day, a store and a version of the order", () => {
  const storage = new FakeStorage();
  new Draft(form(), storage).save({ quantities: { a: "2" } });
  assert.deepEqual(new Draft(form(), storage).read(), { quantities: { a: "2" } });
  assert.equal(new Draft(form("2"), storage).read(), null);
});

test("what was typed is forgotten once the order went through, and nothing else", () => {
  const storage = new FakeStorage();
  new Draft(form(), storage).save({});
  new Draft(form("2"), storage).save({});
  for (const other of ["other", "mercadito-draft:comment:7", "mercadito-draft:c:another:new"]) storage.setItem(other, "x");
  forgetDrafts("c", "s", storage);
  assert.deepEqual(Object.keys(storage), ["other", "mercadito-draft:comment:7", "mercadito-draft:c:another:new"]);
});

test("a browser that forbids storage is no reason to fail", () => {
  const forbidden = { setItem() { throw new Error("quota"); }, getItem() { throw new Error("denied"); } };
  const draft = new Draft(form(), forbidden);
  draft.save({});
  assert.equal(draft.read(), null);
  forgetDrafts("c", "s", null);
  forgetTyped("comment:7", null);
});

test("a comment that was begun is there again after a sign-in, and what the server filled in wins", () => {
  const storage = new FakeStorage();
  const field = (value) => ({ value, addEventListener: (_, action) => (field.typed = action) });
  const first = field("");
  keepTyped(first, "comment:7", storage);
  first.value = "By the back door";
  field.typed();
  const second = field("");
  keepTyped(second, "comment:7", storage);
  assert.equal(second.value, "By the back door");
  const refused = field("Too long");
  keepTyped(refused, "comment:7", storage);
  assert.equal(refused.value, "Too long");
  forgetTyped("comment:8", storage);
  assert.equal(storage.getItem("mercadito-draft:comment:7"), "By the back door");
  forgetTyped("comment:7", storage);
  const after = field("");
  keepTyped(after, "comment:7", storage);
  assert.equal(after.value, "");
});

test("how many look is said from two on, and not at all before one is told", () => {
  const line = { textContent: "" };
  const page = { querySelector: () => line };
  const words = { viewers: { one: "%(num)s person", other: "%(num)s people" } };
  for (const [count, text] of [[undefined, ""], [1, ""], [2, "2 people"], [1_204, "1204 people"], [0, ""]]) {
    showViewers(page, count, words);
    assert.equal(line.textContent, text);
  }
});

test("one badge at a time says what is the matter", () => {
  const badges = { "[data-stale]": { hidden: true }, "[data-signed-out]": { hidden: true } };
  globalThis.document = { querySelector: (wanted) => badges[wanted] };
  const page = { dataset: {} };
  const shown = (state) => {
    showConnection(page, state);
    return [page.dataset.live, ...Object.values(badges).map((badge) => !badge.hidden)];
  };
  assert.deepEqual(shown("stale"), ["stale", true, false]);
  assert.deepEqual(shown("signed-out"), ["signed-out", false, true]);
  assert.deepEqual(shown("live"), ["live", false, false]);
  delete globalThis.document;
});
