// The client of /ws against a scripted server: order, gaps, recovery, back-off. Time is a list that the test turns over.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Chain, FIRST_RETRY_MS, LONGEST_RETRY_MS, Realtime, SILENCE_MS, fetchTicket, retryDelay } from "../../src/orders/static/js/realtime.js";
import { Profile, settle } from "../fakes/browser.js";

async function live(world = new Profile(), channels = [{ c: "cycle:1", since: 500 }]) {
  const seen = { messages: [], resets: [], states: [], clocks: [] };
  const client = new Realtime(
    channels,
    {
      message: (message) => seen.messages.push(message.o ?? "ephemeral"),
      reset: (channel) => seen.resets.push(channel),
      state: (state) => seen.states.push(state),
      clock: (ms) => seen.clocks.push(ms),
    },
    "ana",
    world.tab({ sse: false, shared: false }),
  );
  client.start();
  await settle();
  return { world, client, seen };
}

function open(world, pos = { e: "x", o: 10 }, recovered = true) {
  const socket = world.sockets.at(-1);
  socket.onopen();
  socket.say({ welcome: { session: "s", ping_s: 10 } });
  socket.say({ sub: { c: "cycle:1", recovered, pos } });
  return socket;
}

const news = (o, p, more = {}) => ({ c: "cycle:1", o, p, k: "offer", v: o, d: {}, ...more });

test("it proves who it is first, then asks for everything since the page was drawn", async () => {
  const { world, seen } = await live();
  const socket = open(world);
  assert.deepEqual(socket.sent, [{ auth: "t" }, { sub: [{ c: "cycle:1", since: 500 }] }]);
  assert.deepEqual(seen.states, ["live"]);
});

test("messages are taken in the order of the chain, several of one event included", async () => {
  const { world, seen } = await live();
  open(world).say({ b: [news(12, 10), news(12, 12), news(15, 12)], t: 99 });
  assert.deepEqual(seen.messages, [12, 12, 15]);
  assert.deepEqual(seen.clocks, [99]);
});

test("what was seen before is left alone", async () => {
  const { world, seen } = await live();
  const socket = open(world);
  socket.say({ b: [news(12, 10)] });
  socket.say({ b: [news(12, 10), news(11, 10)] });
  assert.deepEqual(seen.messages, [12]);
});

test("a gap is noticed, nothing beyond it is applied, and the missing is asked for once", async () => {
  const { world, seen } = await live();
  const socket = open(world);
  socket.say({ b: [news(12, 10), news(20, 15), news(21, 20)] });
  assert.deepEqual(seen.messages, [12]);
  assert.deepEqual(socket.sent.slice(2), [{ sub: [{ c: "cycle:1", pos: { e: "x", o: 12 } }] }]);
  socket.say({ sub: { c: "cycle:1", recovered: true, pos: { e: "x", o: 12 } } });
  socket.say({ b: [news(15, 12), news(20, 15)] });
  assert.deepEqual(seen.messages, [12, 15, 20]);
});

test("an ephemeral message has no place in the chain and is shown", async () => {
  const { world, seen } = await live();
  open(world).say({ b: [{ c: "cycle:1", k: "viewers", d: { n: 3 } }] });
  assert.deepEqual(seen.messages, ["ephemeral"]);
});

test("what can't be recovered makes the page fetch its state, and the chain goes on from the answer", async () => {
  const { world, seen } = await live();
  const socket = open(world, { e: "y", o: 100 }, false);
  assert.deepEqual(seen.resets, ["cycle:1"]);
  socket.say({ b: [news(101, 100)] });
  assert.deepEqual(seen.messages, [101]);
});

test("a stream that began anew on the server is followed", async () => {
  const { world, seen } = await live();
  const socket = open(world);
  socket.say({ b: [news(12, 10)] });
  socket.say({ sub: { c: "cycle:1", recovered: false, pos: { e: "z", o: 0 } } });
  socket.say({ b: [news(1, 0)] });
  assert.deepEqual(seen.messages, [12, 1]);
  assert.deepEqual(seen.resets, ["cycle:1"]);
});

test("after a loss it comes back from where it was, not from the beginning", async () => {
  const { world } = await live();
  const socket = open(world);
  socket.say({ b: [news(12, 10)] });
  socket.onclose({ code: 1006 });
  await world.pass(LONGEST_RETRY_MS);
  const second = world.sockets.at(-1);
  assert.notEqual(second, socket);
  second.onopen();
  second.say({ welcome: { session: "s", ping_s: 10 } });
  assert.deepEqual(second.sent.at(-1), { sub: [{ c: "cycle:1", pos: { e: "x", o: 12 } }] });
});

test("pings are answered with their number", async () => {
  const { world } = await live();
  const socket = open(world);
  socket.say({ ping: 7 });
  assert.deepEqual(socket.sent.at(-1), { pong: 7 });
});

test("after a quiet hour it asks from where the last ping said that all was told, never from further back", async () => {
  const { world } = await live();
  const socket = open(world);
  socket.say({ ping: 1, seen: { x: 900, other: 9_000 } });
  socket.say({ ping: 2, seen: { x: 7 } });
  socket.say({ b: [news(901, 10)] });
  socket.say({ ping: 3, seen: { x: 1_200 } });
  socket.onclose({ code: 1006 });
  await world.pass(LONGEST_RETRY_MS);
  const second = world.sockets.at(-1);
  second.onopen();
  second.say({ welcome: { session: "s", ping_s: 10 } });
  assert.deepEqual(second.sent.at(-1), { sub: [{ c: "cycle:1", pos: { e: "x", o: 1_200 } }] });
  second.say({ ping: 1, seen: { x: 5_000 } }); // not yet answered: nothing was told here
  second.say({ sub: { c: "cycle:1", recovered: true, pos: { e: "x", o: 901 } } });
  second.say({ b: [news(1_201, 901)] });
  assert.equal(second.sent.filter((frame) => frame.sub).length, 1);
});

test("silence longer than the pings promise ends the socket", async () => {
  const { world } = await live();
  const socket = open(world);
  await world.pass(24_000);
  assert.equal(socket.closedWith, null);
  await world.pass(2_000);
  assert.equal(socket.closedWith, 1000);
});

test("a server that never says welcome is given up", async () => {
  const { world } = await live();
  const [socket] = world.sockets;
  await world.pass(SILENCE_MS);
  assert.equal(socket.closedWith, 1000);
  assert.ok(world.sockets.length > 1);
});

test("a drain is honoured: back after the time the server names", async () => {
  const { world } = await live();
  const socket = open(world);
  socket.say({ drain: { retry_ms: 7_000 } });
  socket.onclose({ code: 1012 });
  await world.pass(6_999);
  assert.equal(world.sockets.length, 1);
  await world.pass(2);
  assert.equal(world.sockets.length, 2);
});

test("retries wait longer and longer, at random, and never beyond the bound", () => {
  const longest = [0, 1, 2, 3, 10, 50].map((attempt) => retryDelay(attempt, () => 1));
  assert.deepEqual(longest, [500, 1_000, 2_000, 4_000, 20_000, 20_000]);
  assert.equal(retryDelay(4, () => 0), 0);
});

test("the badge says stale only after ten seconds without contact, and live again afterwards", async () => {
  const { world, seen } = await live();
  open(world).onclose({ code: 1006 });
  await world.pass(400);
  assert.deepEqual(seen.states, ["live"]);
  world.tickets = Array(50).fill(new Error("503"));
  world.sockets.at(-1).onclose({ code: 1006 });
  await world.pass(11_000);
  assert.deepEqual(seen.states, ["live", "stale"]);
  world.tickets = [];
  for (const before = world.sockets.length; world.sockets.length === before; ) await world.pass(1_000);
  open(world);
  assert.deepEqual(seen.states, ["live", "stale", "live"]);
});

test("no ticket because of a restart is tried again; signed out is the end of it", async () => {
  const { world, seen } = await live(Object.assign(new Profile(), { tickets: [new Error("503"), null] }));
  assert.equal(world.sockets.length, 0);
  await world.pass(LONGEST_RETRY_MS);
  assert.deepEqual(seen.states, ["signed-out"]);
  await world.pass(10 * LONGEST_RETRY_MS);
  assert.equal(world.sockets.length, 0);
});

test("the ticket is renewed on the open socket before it runs out", async () => {
  const { world } = await live();
  const socket = open(world);
  for (let second = 0; second < 545; second += 5) {
    await world.pass(5_000);
    socket.say({ ping: second });
  }
  assert.equal(world.sockets.length, 1);
  assert.equal(socket.sent.filter((frame) => frame.auth).length, 2);
});

test("one of too many does not hurry back", async () => {
  const { world } = await live();
  open(world).onclose({ code: 4029 });
  await world.pass(7_000);
  assert.equal(world.sockets.length, 1);
  await world.pass(2_000);
  assert.equal(world.sockets.length, 2);
});

test("waking tries at once and never opens a second socket", async () => {
  const { world, client } = await live();
  open(world).onclose({ code: 1006 });
  client.start();
  client.start();
  await settle();
  assert.equal(world.sockets.length, 2);
  client.start();
  await settle();
  assert.equal(world.sockets.length, 2);
});

test("a right that is younger than the ticket is found by another ticket", async () => {
  const { world, seen } = await live(new Profile(), [{ c: "cycle:1", since: 500 }, { c: "store:7", since: 500 }]);
  const denied = { err: { code: "forbidden", c: "store:7" } };
  open(world).say(denied);
  await world.pass(FIRST_RETRY_MS);
  const second = open(world);
  assert.equal(world.asked.length, 2);
  assert.deepEqual(second.subs.map(({ c }) => c), ["cycle:1", "store:7"]);
  second.say({ sub: { c: "store:7", recovered: true, pos: { e: "x", o: 10 } } });
  second.say({ b: [news(12, 10, { c: "store:7", k: "order" })] });
  assert.deepEqual([seen.messages, seen.states.at(-1)], [[12], "live"]);
});

test("a channel that was granted since is asked for anew however often it is forbidden", async () => {
  const { world, seen } = await live(new Profile(), [{ c: "cycle:1", since: 500 }, { c: "store:7", since: 500 }]);
  for (let day = 1; day < 4; day += 1) {
    open(world).say({ err: { code: "forbidden", c: "store:7" } });
    await world.pass(FIRST_RETRY_MS);
    open(world).say({ sub: { c: "store:7", recovered: true, pos: { e: "x", o: 10 } } });
    assert.deepEqual([world.sockets.length, seen.states.at(-1)], [day + 1, "live"]);
  }
});

test("a channel that is forbidden with a fresh ticket, too, is given up, and the page does not say that it is live", async () => {
  const { world, seen } = await live(new Profile(), [{ c: "cycle:1", since: 500 }, { c: "store:7", since: 500 }]);
  const denied = { err: { code: "forbidden", c: "store:7" } };
  open(world).say(denied);
  await world.pass(FIRST_RETRY_MS);
  const second = open(world);
  second.say(denied);
  assert.equal(seen.states.at(-1), "stale");
  second.say({ sub: { c: "cycle:1", recovered: true, pos: { e: "x", o: 10 } } });
  second.say({ b: [news(12, 10)] });
  assert.deepEqual([seen.messages, seen.states.at(-1)], [[12], "stale"]);
  second.onclose({ code: 1006 });
  await world.pass(FIRST_RETRY_MS * 2);
  assert.deepEqual(open(world).subs.map(({ c }) => c), ["cycle:1"]);
});

test("a page whose only channel is forbidden twice stops asking", async () => {
  const { world, seen } = await live();
  for (let round = 0; round < 2; round += 1) {
    const socket = world.sockets.at(-1);
    socket.onopen();
    socket.say({ welcome: { session: "s", ping_s: 10 } });
    socket.say({ err: { code: "forbidden", c: "cycle:1" } });
    await world.pass(FIRST_RETRY_MS);
  }
  assert.equal(seen.states.at(-1), "stale");
  await world.pass(10 * LONGEST_RETRY_MS);
  assert.equal(world.sockets.length, 2);
});

test("nonsense from the wire is ignored", async () => {
  const { world, seen } = await live();
  const socket = open(world);
  socket.say("not json");
  socket.say({ b: [{ c: "unknown", o: 1, p: 0, k: "offer", d: {} }] });
  socket.say({ sub: { c: "unknown", recovered: true, pos: { e: "x", o: 1 } } });
  assert.deepEqual(seen.messages, []);
});

test("after stop nothing is tried any more", async () => {
  const { world, client } = await live();
  open(world);
  client.stop();
  await world.pass(10 * LONGEST_RETRY_MS);
  assert.equal(world.sockets.length, 1);
});

test("any loss, doubling or delay ends with every message applied once, in order", async () => {
  let seed = 42;
  const random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  for (let round = 0; round < 50; round += 1) {
    const chain = new Chain("c", 0);
    const log = Array.from({ length: 40 }, (_, index) => ({ c: "c", o: index + 1, p: index }));
    const applied = [];
    chain.wish();
    chain.answer({ e: "x", o: 0 });
    let sent = 0;
    while (applied.length < log.length) {
      const message = random() < 0.2 && sent > 0 ? log[Math.floor(random() * sent)] : log[sent++];
      if (!message) sent = chain.pos.o;
      else if (random() > 0.3) {
        const verdict = chain.judge(message);
        if (verdict === "news") applied.push(message.o);
        if (verdict === "gap") {
          const { pos } = chain.wish();
          chain.answer({ ...pos });
          sent = pos.o;
        }
      }
    }
    assert.deepEqual(applied, log.map((message) => message.o));
  }
});

test("a ticket is asked for by POST; none is for who is signed out, or is somebody else by now", async () => {
  const world = new Profile();
  world.tickets = [{}, {}, { person_id: "ben" }, { person_id: undefined }, null, new Error("503")];
  const tab = world.tab();
  assert.equal((await fetchTicket(tab, "ana")).ticket, "t");
  assert.deepEqual(world.asked, [["/api/v1/realtime-tickets", "POST"]]);
  assert.equal((await fetchTicket(tab)).ticket, "t");
  assert.equal(await fetchTicket(tab, "ana"), null);
  assert.equal((await fetchTicket(tab, "ana")).ticket, "t"); // an older server does not say whose it is
  assert.equal(await fetchTicket(tab, "ana"), null);
  await assert.rejects(fetchTicket(tab, "ana"));
});
