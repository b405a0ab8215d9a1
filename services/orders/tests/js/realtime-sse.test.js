// Where sockets are blocked, the same news come as server-sent events; and the socket gets another chance later.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { Realtime, SILENCE_MS, SOCKETS_TRIED, SOCKET_AGAIN_MS } from "../../src/orders/static/js/realtime.js";
import { Profile, settle } from "../fakes/browser.js";

const CYCLE = "cycle:1";
const MOST_BYTES = 4_096;
const SOON_MS = 1_000;
const news = (o, p, more = {}) => ({ c: CYCLE, o, p, k: "offer", v: o, d: {}, ...more });
const answer = (o, c = CYCLE, recovered = true) => ({ sub: { c, recovered, pos: { e: "x", o } } });

async function tab(profile, since = 500, options = {}) {
  const seen = { messages: [], resets: [], states: [] };
  const client = new Realtime(
    [{ c: CYCLE, since }],
    {
      message: (message) => seen.messages.push(message.o),
      reset: (channel) => seen.resets.push(channel),
      state: (state) => seen.states.push(state),
    },
    "ana",
    profile.tab(options),
  );
  client.start();
  await settle();
  return { ...seen, client };
}

/** Close every socket that is tried before it says welcome, until an EventSource is opened. */
async function blockSockets(profile) {
  const before = profile.sources.length;
  for (let turn = 0; profile.sources.length === before; turn += 1) {
    assert.ok(turn < 100, "no event source was opened");
    const socket = profile.sockets.at(-1);
    if (socket?.closedWith === null) {
      socket.closedWith = 1006;
      socket.onclose({ code: 1006 });
    }
    await profile.pass(1_000);
  }
  return profile.sources.at(-1);
}

const renewals = (profile) => profile.asked.filter(([path]) => path === "/api/v1/session/renew").length;

test("after two sockets without a welcome the news come by /sse, with a fresh cookie, from when the page was drawn", async () => {
  const profile = new Profile();
  const page = await tab(profile);
  const source = await blockSockets(profile);
  assert.equal(profile.sockets.length, SOCKETS_TRIED);
  assert.equal(source.address, "/sse?c=cycle:1&since=500");
  assert.equal(renewals(profile), 1);
  source.say(answer(10));
  source.say({ b: [news(12, 10), news(15, 12)], t: 700 });
  assert.deepEqual([page.messages, page.states], [[12, 15], ["live"]]);
  assert.deepEqual(source.sent, []);
});

test("what the browser's own coming back repeats is seen already, and the badge stays away", async () => {
  const profile = new Profile();
  const page = await tab(profile);
  const source = await blockSockets(profile);
  source.say(answer(10));
  source.say({ b: [news(12, 10)], t: 700 });
  source.falter();
  await profile.pass(3_000);
  source.say(answer(10));
  source.say({ b: [news(12, 10), news(14, 12)], t: 800 });
  await profile.pass(9_000);
  assert.deepEqual([page.messages, page.states], [[12, 14], ["live"]]);
  assert.equal(profile.sources.length, 1);
});

test("one that does not come back by itself is opened anew, from the last that was heard", async () => {
  const profile = new Profile();
  const page = await tab(profile);
  const source = await blockSockets(profile);
  source.say(answer(10));
  source.say({ b: [news(12, 10)], t: 700 });
  source.falter();
  await profile.pass(11_000);
  assert.equal(source.closedWith, 1000);
  await profile.pass(SOON_MS);
  const next = profile.sources.at(-1);
  assert.notEqual(next, source);
  assert.equal(next.address, "/sse?c=cycle:1&since=700");
  next.say(answer(11));
  next.say({ b: [news(12, 11), news(13, 12)], t: 800 });
  assert.deepEqual([page.messages, page.resets], [[12, 13], []]);
});

test("a refusal (401: the identity ran out) brings a fresh cookie and another event source, no socket", async () => {
  const profile = new Profile();
  await tab(profile);
  const source = await blockSockets(profile);
  source.say(answer(10));
  source.refuse();
  await profile.pass(SOON_MS);
  assert.equal(renewals(profile), 2);
  assert.equal(profile.sources.length, 2);
  assert.equal(profile.sockets.length, SOCKETS_TRIED);
});

test("by time alone something may be missing: then the page fetches its state instead of guessing", async () => {
  const profile = new Profile();
  const page = await tab(profile);
  const source = await blockSockets(profile);
  source.say(answer(10));
  source.say({ b: [news(12, 10)], t: 700 });
  source.refuse();
  await profile.pass(SOON_MS);
  profile.sources.at(-1).say(answer(19));
  assert.deepEqual(page.resets, [CYCLE]);
});

test("where neither is to be had both are tried in turn", async () => {
  const profile = new Profile();
  await tab(profile);
  (await blockSockets(profile)).refuse();
  await blockSockets(profile);
  assert.equal(profile.sockets.length, 2 * SOCKETS_TRIED);
});

test("no ticket because of an outage says nothing about sockets: they come first when it is over", async () => {
  const profile = new Profile();
  profile.tickets = Array(10).fill(new Error("503"));
  await tab(profile);
  for (let turn = 0; !profile.sockets.length && turn < 200; turn += 1) await profile.pass(SOON_MS);
  assert.ok(profile.asked.length > 10);
  assert.deepEqual([profile.sockets.length, profile.sources.length], [1, 0]);
});

test("the socket is tried again after a while; one failure goes back to events, a welcome stays", async () => {
  const profile = new Profile();
  const page = await tab(profile);
  const source = await blockSockets(profile);
  source.say(answer(10));
  for (let ms = 0; ms < 1.5 * SOCKET_AGAIN_MS && source.closedWith === null; ms += 10_000) {
    await profile.pass(10_000);
    if (source.closedWith === null) source.say({ b: [], t: 700 });
  }
  assert.equal(profile.sockets.length, SOCKETS_TRIED + 1);
  const second = await blockSockets(profile);
  assert.equal(profile.sockets.length, SOCKETS_TRIED + 1);
  second.say(answer(10));
  for (let ms = 0; ms < 1.5 * SOCKET_AGAIN_MS && second.closedWith === null; ms += 10_000) {
    await profile.pass(10_000);
    if (second.closedWith === null) second.say({ b: [], t: 700 });
  }
  const socket = profile.sockets.at(-1);
  socket.onopen();
  socket.say({ welcome: { session: "s", ping_s: 10 } });
  socket.say(answer(10));
  socket.say({ b: [news(12, 10)], t: 900 });
  assert.deepEqual([page.messages, page.resets, page.states], [[12], [], ["live"]]);
  assert.deepEqual(socket.subs, [{ c: CYCLE, pos: { e: "x", o: 10 } }]);
});

test("the cookie is renewed while events come, so that the browser's own coming back is let in", async () => {
  const profile = new Profile();
  await tab(profile);
  const source = await blockSockets(profile);
  source.say(answer(10));
  for (let second = 0; second < 545; second += 5) {
    await profile.pass(5_000);
    profile.sources.at(-1).say({ b: [], t: 700 });
  }
  assert.ok(renewals(profile) >= 2);
});

test("a second tab joins: the events are opened anew for both, from the earlier of the two", async () => {
  const profile = new Profile();
  const first = await tab(profile);
  const source = await blockSockets(profile);
  source.say(answer(10));
  source.say({ b: [news(12, 10)], t: 700 });
  const second = await tab(profile, 650);
  await profile.pass(100);
  assert.ok(source.closedWith);
  const both = profile.sources.at(-1);
  assert.equal(both.address, "/sse?c=cycle:1&since=650");
  both.say(answer(11));
  both.say({ b: [news(12, 11), news(13, 12)], t: 900 });
  assert.deepEqual([first.messages, second.messages], [[12, 13], [12, 13]]);
  assert.deepEqual([first.resets, second.resets], [[], []]);
});

test("a slow tab that asks when the events are open already has them opened once more, not for ever", async () => {
  const profile = new Profile();
  const first = await tab(profile);
  const slow = await tab(profile, 400);
  const source = await blockSockets(profile);
  source.say(answer(10));
  source.say({ b: [news(12, 10)], t: 700 });
  slow.client.ask();
  await profile.pass(5 * SOON_MS);
  assert.equal(profile.sources.length, 2);
  assert.equal(profile.sources[1].address, "/sse?c=cycle:1&since=700");
  profile.sources[1].say(answer(11));
  profile.sources[1].say({ b: [news(12, 11), news(13, 12)], t: 800 });
  assert.deepEqual([first.messages, slow.messages], [[12, 13], [12, 13]]);
});

test("signed out while events come: the next attempt says so", async () => {
  const profile = new Profile();
  const page = await tab(profile);
  const source = await blockSockets(profile);
  source.say(answer(10));
  profile.tickets = [null];
  source.refuse();
  await profile.pass(SOON_MS);
  assert.deepEqual(page.states, ["live", "signed-out"]);
});

test("a browser without event sources goes on with sockets", async () => {
  const profile = new Profile();
  await tab(profile, 500, { sse: false });
  await profile.pass(10 * SILENCE_MS);
  assert.ok(profile.sockets.length > SOCKETS_TRIED);
});

test("the module stays small enough for an old phone", () => {
  const file = readFileSync(new URL("../../src/orders/static/js/realtime.js", import.meta.url));
  assert.ok(gzipSync(file, { level: 9 }).length <= MOST_BYTES);
});
