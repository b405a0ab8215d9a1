// When a page fetches its state again, and how a list is put in place without disturbing who reads it.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { PagedList } from "../../src/orders/static/js/paged-list.js";
import { LONGEST_POLL_MS, POLL_MS, Refresher } from "../../src/orders/static/js/refresher.js";
import { fakeDocument } from "../fakes/document.js";

/** Time that is turned by hand. */
class FakeTime {
  now = 0;
  timers = new Map();
  document = { hidden: false };
  Date = { now: () => this.now };
  setTimeout = (action, ms) => {
    const id = Symbol("timer");
    this.timers.set(id, { at: this.now + ms, action });
    return id;
  };
  clearTimeout = (id) => this.timers.delete(id);

  /** Let so much time pass, with all that falls due. */
  async pass(ms) {
    const end = this.now + ms;
    for (;;) {
      const [id, due] = [...this.timers].sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
      if (!due || due.at > end) break;
      this.now = due.at;
      this.timers.delete(id);
      due.action();
      for (let turn = 0; turn < 5; turn += 1) await null;
    }
    this.now = end;
  }
}

function refresher(worked = () => true) {
  const time = new FakeTime();
  const at = [];
  return { time, at, refreshing: new Refresher(async () => (at.push(time.now), worked()), time) };
}

test("news that come together are one fetch, and none follows by itself", async () => {
  const { time, at, refreshing } = refresher();
  for (let news = 0; news < 50; news += 1) refreshing.soon();
  await time.pass(600_000);
  assert.deepEqual(at, [1_000]);
  refreshing.soon(0);
  refreshing.soon();
  await time.pass(10_000);
  assert.equal(at.length, 2);
});

test("without news one looks by oneself, at first often, then once a minute, and no more when news come again", async () => {
  const { time, at, refreshing } = refresher();
  refreshing.blind(true);
  await time.pass(600_000);
  const gaps = at.slice(1).map((moment, index) => moment - at[index]);
  assert.equal(at[0], POLL_MS);
  assert.ok(Math.min(...gaps) >= POLL_MS);
  assert.deepEqual(gaps.slice(-3), [LONGEST_POLL_MS, LONGEST_POLL_MS, LONGEST_POLL_MS]);
  refreshing.lively();
  await time.pass(LONGEST_POLL_MS);
  refreshing.blind(false);
  await time.pass(LONGEST_POLL_MS);
  const before = at.length;
  await time.pass(600_000);
  assert.equal(at.length, before);
});

test("a page that nobody looks at does not look by itself", async () => {
  const { time, at, refreshing } = refresher();
  refreshing.blind(true);
  time.document.hidden = true;
  await time.pass(600_000);
  assert.deepEqual(at, []);
  time.document.hidden = false;
  refreshing.soon();
  await time.pass(1_000);
  assert.equal(at.length, 1);
});

test("while nothing answers it is tried later and later, at least every minute, and at once when it answers", async () => {
  let isThere = false;
  const { time, at, refreshing } = refresher(() => isThere);
  refreshing.soon(0);
  await time.pass(600_000);
  const gaps = at.slice(1).map((moment, index) => moment - at[index]);
  assert.deepEqual(gaps.slice(0, 4), [2_000, 4_000, 8_000, 16_000]);
  assert.equal(Math.max(...gaps), LONGEST_POLL_MS);
  isThere = true;
  await time.pass(LONGEST_POLL_MS);
  const tries = at.length;
  await time.pass(600_000);
  assert.equal(at.length, tries);
});

let world;
beforeEach(() => {
  world = fakeDocument();
});

const page = (ids, next = null, text = "") => ({ status: 200, body: { items: ids.map((id) => ({ id, text })), next } });

/** A list whose answers are given in turn by address. */
function list(answers, shows) {
  const asked = [];
  const [place, more, empty] = ["ul", "button", "p"].map((tag) => world.createElement(tag));
  world.body.append(place, more, empty);
  const draw = ({ id, text }) => {
    const [row, part, summary] = ["li", "details", "summary"].map((tag) => world.createElement(tag));
    row.setAttribute("data-key", id);
    part.setAttribute("data-part", "more");
    summary.textContent = id + text;
    part.append(summary);
    row.append(part);
    return row;
  };
  const ask = async (path) => (asked.push(path), answers.shift());
  const made = new PagedList({ path: "/first", place, more, empty, key: ({ id }) => id, draw, ask, shows });
  const shown = () => place.children.map(({ dataset }) => dataset.key);
  return { made, asked, place, more, empty, shown };
}

test("what did not change is not touched; what changed is drawn anew and stays open and in focus", async () => {
  const changed = page(["c", "b", "a"]);
  changed.body.items[1].text = "!";
  const { made, place, shown } = list([page(["b", "a"]), changed]);
  await made.refresh();
  const [b, a] = place.children;
  for (const row of [a, b]) row.querySelector("details").open = true;
  b.querySelector("summary").focus();
  await made.refresh();
  assert.deepEqual(shown(), ["c", "b", "a"]);
  assert.equal(place.children[2], a);
  assert.notEqual(place.children[1], b);
  assert.deepEqual(place.children.map((row) => row.querySelector("details").open), [false, true, true]);
  assert.equal(world.activeElement, place.children[1].querySelector("summary"));
});

test("older ones come by the button and stay when the newest are fetched again", async () => {
  const { made, asked, more, shown } = list([page(["d", "c"], "/older"), page(["b"], "/oldest"), page(["e", "d"], "/older2")]);
  await made.refresh();
  assert.ok(!more.hidden);
  await made.older();
  assert.deepEqual(shown(), ["d", "c", "b"]);
  await made.refresh();
  assert.deepEqual(shown(), ["e", "d", "c", "b"]);
  assert.deepEqual(asked, ["/first", "/older", "/first"]);
  assert.equal(made.next, "/oldest");
});

test("after a gap that cannot be told the list begins anew", async () => {
  const { made, shown } = list([page(["b", "a"], "/x"), page(["0"], null), page(["z", "y"], "/y")]);
  await made.refresh();
  await made.older();
  await made.refresh();
  assert.deepEqual(shown(), ["z", "y"]);
  assert.equal(made.next, "/y");
});

test("an empty list says so, and what has no row here is left out", async () => {
  const { made, empty, shown } = list([page([]), page(["b", "a"])], ({ id }) => id !== "b");
  await made.refresh();
  assert.ok(!empty.hidden);
  await made.refresh();
  assert.deepEqual(shown(), ["a"]);
  assert.ok(empty.hidden);
});
