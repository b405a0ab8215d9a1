// Searching market prices, and asking a service that is away.

import assert from "node:assert/strict";
import { test } from "node:test";

import { packWriter } from "../../src/orders/static/js/packs.js";
import { FIRST_AGAIN_MS, LONGEST_AGAIN_MS, PriceSource } from "../../src/orders/static/js/price-source.js";
import { PricesAway, SignedOut } from "../../src/orders/static/js/prices-api.js";
import { pricedFirst } from "../../src/orders/static/js/series-list.js";
import { fits, optionsOf, readAddress, writeAddress } from "../../src/orders/static/js/series-picks.js";

const ITEMS = [
  { market: "Los Angeles", variety: "HASS", package: "cartons", size: "48s", organic: false },
  { market: "Los Angeles", variety: "HASS", package: "cartons", size: "60s", organic: true },
  { market: "Chicago", variety: "", package: "cartons", size: "48s", organic: false },
];

test("a pick leaves its own other values to choose, and of the rest what still fits", () => {
  const options = optionsOf(ITEMS, { market: "Chicago" });
  assert.deepEqual(options.market, [{ value: "Chicago", count: 1 }, { value: "Los Angeles", count: 2 }]);
  assert.deepEqual(options.size, [{ value: "48s", count: 1 }]);
  assert.equal(ITEMS.filter((item) => fits(item, { variety: "" })).length, 1);
  assert.equal(ITEMS.filter((item) => fits(item, { organic: "true" })).length, 1);
});

test("what has a price of these days comes first, then old prices, then what was only named", () => {
  const items = [["named", null, "2026-01-08"], ["old", "9.00", "2025-12-18"], ["new", "8.00", "2026-01-07"], ["newest", "7.00", "2026-01-08"]];
  const listed = pricedFirst(items.map(([name, low, on]) => ({ name, low, last_date: on })));
  assert.deepEqual(listed.map(({ name }) => name), ["new", "newest", "old", "named"]);
  assert.deepEqual(pricedFirst([]), []);
});

test("the address holds what was looked for, an empty variety too, and nothing that is not ours", () => {
  for (const state of [{ q: "", commodity: "", picks: {} }, { q: "chile & más", commodity: "Peppers, Bell Type", picks: { variety: "", organic: "false" } }]) {
    assert.deepEqual(readAddress(writeAddress(state).replace("/prices", "")), state);
  }
  assert.equal(writeAddress({ q: "", commodity: "", picks: { size: "48s" } }), "/prices");
  assert.deepEqual(readAddress("?evil=1&commodity=x&market=y"), { q: "", commodity: "x", picks: { market: "y" } });
});

test("without a glossary a pack stays as it is", () => {
  for (const glossary of [undefined, {}]) assert.equal(packWriter(glossary)("flats 8 1-lb containers"), "flats 8 1-lb containers");
});

/** A clock that only runs when told to. */
function fakeWorld() {
  const world = { timers: [], listeners: {} };
  world.setTimeout = (action, ms) => world.timers.push({ action, ms }) - 1;
  world.clearTimeout = (at) => world.timers[at] && (world.timers[at].over = true);
  world.addEventListener = (name, action) => (world.listeners[name] = action);
  world.run = async (ms) => {
    for (const timer of world.timers.filter((each) => !each.over && each.ms === ms)) Object.assign(timer, { over: true }).action();
    await new Promise(setImmediate);
  };
  return world;
}

function answering(...answers) {
  const asked = [];
  const ask = async (path) => {
    asked.push(path);
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { ask, asked };
}

test("a service that is away is asked again, later and later, and the page says so until it answers", async () => {
  const [world, said] = [fakeWorld(), []];
  const { ask, asked } = answering(new PricesAway("x"), new PricesAway("x"), { status: 200 });
  const source = new PriceSource((state) => said.push(state), world);
  const answer = source.ask("/x", ask);
  await new Promise(setImmediate);
  assert.deepEqual(said, ["away"]);
  await world.run(FIRST_AGAIN_MS);
  await world.run(FIRST_AGAIN_MS * 2);
  assert.deepEqual([await answer, asked.length, said.at(-1)], [{ status: 200 }, 3, "quiet"]);
  assert.ok(LONGEST_AGAIN_MS > FIRST_AGAIN_MS);
});

test("what is asked later makes what was asked before void", async () => {
  const world = fakeWorld();
  const source = new PriceSource(() => {}, world);
  const first = source.ask("/a", answering(new PricesAway("x"), { status: 200, body: "a" }).ask);
  await new Promise(setImmediate);
  const second = source.ask("/b", answering({ status: 200, body: "b" }).ask);
  assert.deepEqual([await first, (await second).body], [null, "b"]);
});

test("a network that comes back is used at once", async () => {
  const world = fakeWorld();
  const source = new PriceSource(() => {}, world);
  const answer = source.ask("/x", answering(new PricesAway("x"), { status: 404 }).ask);
  await new Promise(setImmediate);
  world.listeners.online();
  assert.deepEqual(await answer, { status: 404 });
});

test("an ended session is told as such, a mistake of ours is not hidden", async () => {
  const [world, said] = [fakeWorld(), []];
  const source = new PriceSource((state) => said.push(state), world);
  source.ask("/x", answering(new SignedOut("x")).ask);
  await new Promise(setImmediate);
  assert.deepEqual(said, ["signed-out"]);
  await assert.rejects(source.ask("/y", answering(new TypeError("ours")).ask), TypeError);
});

test("only a slow answer is announced as one", async () => {
  const [world, said] = [fakeWorld(), []];
  const source = new PriceSource((state) => said.push(state), world);
  let answered;
  const answer = source.ask("/x", () => new Promise((resolve) => (answered = resolve)));
  await world.run(1_000);
  answered({ status: 200 });
  await answer;
  assert.deepEqual(said, ["slow", "quiet"]);
});
