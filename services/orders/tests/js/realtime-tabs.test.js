// Many tabs of one person: one socket, news in each, and nothing lost when the tab that held it goes.

import assert from "node:assert/strict";
import { test } from "node:test";

import { FIRST_RETRY_MS, LONGEST_RETRY_MS, Realtime, SILENCE_MS } from "../../src/orders/static/js/realtime.js";
import { Profile, settle } from "../fakes/browser.js";

const CYCLE = "cycle:1";
const news = (o, p, more = {}) => ({ c: CYCLE, o, p, k: "offer", v: o, d: {}, ...more });
const answer = (o, c = CYCLE, recovered = true) => ({ sub: { c, recovered, pos: { e: "x", o } } });

async function tab(profile, channels = [{ c: CYCLE, since: 500 }], person = "ana", options = {}) {
  const world = profile.tab(options);
  const seen = { messages: [], resets: [], states: [] };
  const client = new Realtime(
    channels,
    {
      message: (message) => seen.messages.push(message.o ?? message.d),
      reset: (channel) => seen.resets.push(channel),
      state: (state) => seen.states.push(state),
    },
    person,
    world,
  );
  client.start();
  await settle();
  return { ...seen, seen, client, world };
}

async function welcome(profile) {
  const socket = profile.sockets.at(-1);
  socket.onopen();
  socket.say({ welcome: { session: "s", ping_s: 10 } });
  await settle();
  return socket;
}

/** Two tabs at position 10; the first leads. */
async function pair(profile = new Profile()) {
  const first = await tab(profile);
  const socket = await welcome(profile);
  socket.say(answer(10));
  const second = await tab(profile, [{ c: CYCLE, since: 600 }]);
  socket.say(answer(10));
  await settle();
  return { profile, first, second, socket };
}

test("the second tab opens no socket, asks from where its own page stands, and gets the news", async () => {
  const { profile, first, second, socket } = await pair();
  assert.equal(profile.sockets.length, 1);
  assert.deepEqual(socket.subs, [{ c: CYCLE, since: 500 }, { c: CYCLE, since: 600 }]);
  assert.deepEqual([first.states, second.states], [["live"], ["live"]]);
  socket.say({ b: [news(12, 10)], t: 1 });
  assert.deepEqual([first.messages, second.messages], [[12], [12]]);
});

test("what is sent again for a tab that came later is news to that tab alone", async () => {
  const profile = new Profile();
  const first = await tab(profile);
  const socket = await welcome(profile);
  socket.say(answer(10));
  socket.say({ b: [news(12, 10), news(15, 12)], t: 1 });
  const second = await tab(profile, [{ c: CYCLE, since: 400 }]);
  socket.say(answer(10));
  socket.say({ b: [news(12, 10), news(15, 12), news(20, 15)], t: 2 });
  assert.deepEqual([first.messages, second.messages], [[12, 15, 20], [12, 15, 20]]);
});

test("answers go to the tabs in the order in which they asked", async () => {
  const { profile, first, second, socket } = await pair();
  socket.say({ b: [news(12, 10)], t: 1 });
  const third = await tab(profile, [{ c: CYCLE, since: 300 }]);
  const fourth = await tab(profile, [{ c: CYCLE, since: 900 }]);
  socket.say(answer(5));
  socket.say({ b: [news(7, 5), news(10, 7), news(12, 10)], t: 2 });
  socket.say(answer(12));
  socket.say({ b: [news(13, 12)], t: 3 });
  assert.deepEqual([third.messages, fourth.messages], [[7, 10, 12, 13], [13]]);
  assert.deepEqual([first.messages, second.messages], [[12, 13], [12, 13]]);
});

test("what can't be recovered is told to every tab: each fetches its state", async () => {
  const { first, second, socket } = await pair();
  socket.say(answer(90, CYCLE, false));
  assert.deepEqual([first.resets, second.resets], [[CYCLE], [CYCLE]]);
  socket.say({ b: [news(91, 90)] });
  assert.deepEqual([first.messages, second.messages], [[91], [91]]);
});

test("a channel that only one tab watches is given up when that tab closes, one that others watch is not", async () => {
  const { profile, socket } = await pair();
  const third = await tab(profile, [{ c: CYCLE, since: 1 }, { c: "store:7", since: 1 }]);
  third.client.stop();
  assert.deepEqual(socket.sent.flatMap((frame) => frame.unsub ?? []), ["store:7"]);
});

test("a tab that may not watch a channel is told so; the others keep theirs", async () => {
  const { profile, first, socket } = await pair();
  const third = await tab(profile, [{ c: "staff", since: 1 }]);
  socket.say({ err: { code: "forbidden", c: "staff" } });
  await profile.pass(FIRST_RETRY_MS);
  const again = await welcome(profile);
  for (const _tab of ["first", "second"]) again.say(answer(10));
  again.say({ err: { code: "forbidden", c: "staff" } });
  assert.deepEqual(third.states, ["stale"]);
  again.say({ b: [news(12, 10)] });
  assert.deepEqual([first.messages, first.states], [[12], ["live"]]);
});

test("when the tab that leads closes, the next takes over from its own position and misses nothing", async () => {
  const { profile, first, second, socket } = await pair();
  socket.say({ b: [news(12, 10)], t: 1 });
  first.client.stop();
  assert.equal(socket.closedWith, 1000);
  await settle();
  assert.equal(profile.sockets.length, 2);
  const next = await welcome(profile);
  assert.deepEqual(next.subs, [{ c: CYCLE, pos: { e: "x", o: 12 } }]);
  next.say(answer(12));
  next.say({ b: [news(14, 12)], t: 2 });
  assert.deepEqual(second.messages, [12, 14]);
  assert.deepEqual(first.messages, [12]);
});

test("a tab that leads and is frozen is replaced once it was silent for too long, and follows when it wakes", async () => {
  const { profile, first, second, socket } = await pair();
  first.world.frozen = true;
  await profile.pass(SILENCE_MS - 1_000);
  assert.equal(profile.sockets.length, 1);
  await profile.pass(2_000);
  assert.equal(profile.sockets.length, 2);
  first.world.frozen = false;
  assert.equal(socket.closedWith, 1000);
  const next = await welcome(profile);
  next.say(answer(10));
  next.say(answer(10));
  next.say({ b: [news(12, 10)], t: 1 });
  assert.deepEqual([first.messages, second.messages], [[12], [12]]);
  await profile.pass(5 * SILENCE_MS);
});

test("quiet markets are no silence: nobody takes the lead from a tab that is alive", async () => {
  const { profile, socket } = await pair();
  for (let ping = 0; ping < 30; ping += 1) {
    await profile.pass(10_000);
    socket.say({ ping });
  }
  assert.equal(profile.sockets.length, 1);
});

test("an outage is no silence either: the tab that leads goes on trying", async () => {
  const { profile, first, socket } = await pair();
  profile.tickets = Array(500).fill(new Error("503"));
  socket.onclose({ code: 1006 });
  const [[name, held]] = Object.entries(profile.held);
  await profile.pass(10 * LONGEST_RETRY_MS);
  assert.equal(profile.held[name], held);
  assert.deepEqual(first.states, ["live", "stale"]);
});

test("every tab shows that there is no connection, and that there is one again", async () => {
  const { profile, first, second, socket } = await pair();
  profile.tickets = Array(20).fill(new Error("503"));
  socket.onclose({ code: 1006 });
  await profile.pass(11_000);
  assert.deepEqual([first.states, second.states], [["live", "stale"], ["live", "stale"]]);
  profile.tickets = [];
  while (profile.sockets.length < 2) await profile.pass(1_000);
  const next = await welcome(profile);
  next.say(answer(10));
  next.say(answer(10));
  assert.deepEqual([first.states.at(-1), second.states.at(-1)], ["live", "live"]);
});

test("looking at any tab wakes the one that leads", async () => {
  const { profile, second, socket } = await pair();
  socket.say({ drain: { retry_ms: 15_000 } });
  socket.onclose({ code: 1012 });
  await profile.pass(100);
  assert.equal(profile.sockets.length, 1);
  second.client.start();
  await settle();
  assert.equal(profile.sockets.length, 2);
});

test("signed out in one place: all tabs of that person say so, and nobody tries again", async () => {
  const { profile, first, second, socket } = await pair();
  profile.tickets = Array(50).fill(null);
  socket.onclose({ code: 4001 });
  await profile.pass(LONGEST_RETRY_MS);
  assert.deepEqual([first.states, second.states], [["live", "signed-out"], ["live", "signed-out"]]);
  await profile.pass(5 * LONGEST_RETRY_MS);
  assert.equal(profile.sockets.length, 1);
});

test("news that some session was signed out makes one look whether it was this one", async () => {
  const { profile, first, socket } = await pair();
  const signedOut = { c: "person:ana", k: "signed_out", o: 1, p: 0, d: { all: false } };
  socket.say({ b: [signedOut] });
  await settle();
  assert.deepEqual(first.states, ["live"]); // another one
  profile.tickets = [null];
  socket.say({ b: [signedOut] });
  await settle();
  assert.deepEqual(first.states, ["live", "signed-out"]);
});

test("two persons in one browser never share: each has a socket, and neither hears of the other", async () => {
  const profile = new Profile();
  const ana = await tab(profile);
  await welcome(profile);
  profile.sockets[0].say(answer(10));
  profile.person = "ben"; // signed in on another tab
  const ben = await tab(profile, [{ c: "store:9", since: 1 }], "ben");
  assert.equal(profile.sockets.length, 2);
  await welcome(profile);
  profile.sockets[1].say(answer(3, "store:9"));
  profile.sockets[1].say({ b: [{ c: "store:9", o: 4, p: 3, k: "order", v: 1, d: { order_id: "o" } }] });
  assert.deepEqual([ana.messages, ben.messages], [[], [4]]);
  profile.sockets[0].onclose({ code: 4001 });
  await profile.pass(LONGEST_RETRY_MS);
  assert.deepEqual(ana.states, ["live", "signed-out"]); // the ticket would be Ben's
  assert.equal(profile.sockets.length, 2);
});

test("where tabs can't talk or agree, each has a socket of its own", async () => {
  const profile = new Profile();
  await tab(profile, undefined, "ana", { shared: false });
  await tab(profile, undefined, "ana", { shared: false });
  assert.equal(profile.sockets.length, 2);
  await tab(profile, undefined, undefined);
  assert.equal(profile.sockets.length, 3);
});

test("where locks are refused, each has a socket of its own", async () => {
  const profile = new Profile();
  profile.request = () => Promise.reject(Object.assign(new Error("no"), { name: "SecurityError" }));
  const first = await tab(profile);
  assert.equal(profile.sockets.length, 1);
  (await welcome(profile)).say(answer(10));
  assert.deepEqual(first.states, ["live"]);
});

test("how many look is told to a tab that comes later, though nothing changed since", async () => {
  const { profile, socket } = await pair();
  socket.say({ b: [{ c: CYCLE, k: "viewers", d: { n: 12 } }] });
  const third = await tab(profile);
  assert.deepEqual(third.messages, [{ n: 12 }]);
});

test("a tab put away and taken out again goes on where it was", async () => {
  const { profile, first, second } = await pair();
  first.client.stop();
  first.client.stop();
  await settle();
  const socket = await welcome(profile);
  socket.say(answer(10));
  socket.say({ b: [news(12, 10)], t: 1 });
  first.client.start();
  await settle();
  assert.deepEqual(socket.subs.at(-1), { c: CYCLE, pos: { e: "x", o: 10 } });
  socket.say(answer(10));
  socket.say({ b: [news(12, 10)], t: 2 });
  assert.deepEqual([first.messages, second.messages], [[12], [12]]);
});

test("of one thing only what is newer is passed on, by whichever channel it comes", async () => {
  const profile = new Profile();
  const staff = await tab(profile, [{ c: CYCLE, since: 1 }, { c: "staff", since: 1 }]);
  const socket = await welcome(profile);
  socket.say(answer(10));
  socket.say(answer(10, "staff"));
  const offer = (o, p, v, c = CYCLE) => news(o, p, { c, v, d: { offer_id: "limes" } });
  socket.say({ b: [offer(11, 10, 3), offer(11, 10, 3, "staff"), offer(12, 11, 2), offer(13, 12, 4)] });
  assert.deepEqual(staff.messages, [11, 13]);
  socket.say({ b: [news(14, 13, { k: "comment", v: undefined, d: { comment_id: "c" } })] });
  assert.deepEqual(staff.messages, [11, 13, 14]);
});

test("tabs that come, go and lose the network at random all end with everything, once and in order", async () => {
  let seed = 7;
  const random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  for (let round = 0; round < 20; round += 1) {
    const profile = new Profile();
    const server = new Server(profile);
    let tabs = [];
    for (let step = 0; step < 60; step += 1) {
      const dice = random();
      if (dice < 0.2 && tabs.length < 4) tabs.push({ ...(await tab(profile, [{ c: CYCLE, since: server.log.length }])), from: server.log.length });
      else if (dice < 0.3 && tabs.length) tabs.splice(Math.floor(random() * tabs.length), 1)[0].client.stop();
      else if (dice < 0.4) server.cut();
      else server.publish(random() < 0.3);
      await settle();
      server.serve();
      await profile.pass(random() * 3_000);
    }
    await profile.pass(2 * LONGEST_RETRY_MS);
    for (let turn = 0; turn < 5; turn += 1) {
      server.serve();
      await profile.pass(2 * LONGEST_RETRY_MS);
      server.publish(false);
    }
    for (const { messages, from } of tabs) {
      assert.deepEqual(messages, server.log.slice(from).map((_, index) => from + index + 1), `round ${round}`);
    }
  }
});

/** Offsets 1, 2, 3 … of one channel; the one socket that is open gets what it asks for and what comes. `since` counts messages. */
class Server {
  log = [];
  known = 0;
  socket = null;

  constructor(profile) {
    this.profile = profile;
  }

  publish(isLost) {
    this.log.push(this.log.length + 1);
    const o = this.log.length;
    if (this.socket?.closedWith === null && this.subscribed && !isLost) this.socket.say({ b: [news(o, o - 1)], t: o });
    this.serve();
  }

  cut() {
    const { socket } = this;
    this.socket = null;
    if (socket?.closedWith === null) {
      socket.closedWith = 1006;
      socket.onclose({ code: 1006 });
    }
  }

  serve() {
    const newest = this.profile.sockets.at(-1);
    if (newest && newest !== this.socket && newest.closedWith === null) {
      Object.assign(this, { socket: newest, known: 0, subscribed: false });
      newest.onopen();
      newest.say({ welcome: { session: "s", ping_s: 60 } });
    }
    while (this.socket?.closedWith === null && this.known < this.socket.subs.length) {
      const { pos, since } = this.socket.subs[this.known++];
      const from = pos?.o ?? since;
      this.subscribed = true;
      this.socket.say(answer(from));
      const missed = this.log.slice(from).map((o) => news(o, o - 1));
      if (missed.length) this.socket.say({ b: missed, t: this.log.length });
    }
  }
}
