// The client of /ws (design/interfaces.md, subprotocol mercadito.v1): what happened since the page was drawn, in order,
// with nothing missed without being told. Everything here is an extra: a page works without it.

export const SUBPROTOCOL = "mercadito.v1";
export const FIRST_RETRY_MS = 500;
export const LONGEST_RETRY_MS = 20_000;
export const SILENCE_MS = 35_000;
const PINGS_MISSED = 2.5;
const RENEW_BEFORE_MS = 60_000;
const SHORTEST_RENEWAL_MS = 30_000;
const OPEN_WITHIN_MS = 10_000;
const STALE_AFTER_MS = 10_000;
const NORMAL_CLOSE = 1000;
const UNAUTHENTICATED = 4001;
const FORBIDDEN = 4003;
const TOO_MANY = 4029;

/** Where one channel's chain stands. `judge` says what a message is: "news", "seen", "gap" or "waiting" (for an answer). */
export class Chain {
  constructor(channel, since) {
    this.channel = channel;
    this.since = since;
    this.pos = null;
    this.waiting = true;
  }

  /** What to ask for: everything after the last message, or after the page was drawn. */
  wish() {
    this.waiting = true;
    if (this.pos) return { c: this.channel, pos: this.pos };
    return this.since ? { c: this.channel, since: this.since } : { c: this.channel };
  }

  /** Take the server's answer; `pos.o` is the `p` of the next message. */
  answer(pos) {
    this.pos = { e: pos.e, o: pos.o };
    this.waiting = false;
  }

  judge(message) {
    if (message.o === undefined) return "news"; // ephemeral: no place in the chain
    if (this.waiting || !this.pos) return "waiting";
    if (message.p > this.pos.o) return "gap";
    if (message.o < this.pos.o || (message.o === this.pos.o && message.p !== this.pos.o)) return "seen";
    this.pos.o = message.o;
    return "news";
  }
}

/** Full jitter: anywhere between nothing and a bound that doubles, so that a thousand phones do not come back at once. */
export function retryDelay(attempt, random = Math.random) {
  return Math.round(random() * Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt));
}

/** Fetch a ticket with the session cookie. Returns {ticket, expires_at}, "signed-out", or throws when it is worth a retry. */
export async function fetchTicket(fetcher = fetch) {
  const answer = await fetcher("/api/v1/realtime-tickets", {
    method: "POST",
    credentials: "same-origin",
    headers: { Accept: "application/json" },
  });
  if (answer.status === 401 || answer.status === 403) return "signed-out";
  if (!answer.ok) throw new Error(`ticket: ${answer.status}`);
  return answer.json();
}

/**
 * Keep one socket open and its channels caught up.
 *
 * handlers: message(message), reset(channel) when something was missed for good, state("live" | "stale" | "signed-out"),
 * clock(server time in ms). `world` stands in for the browser in tests.
 */
export class Realtime {
  constructor(channels, handlers, world = browserWorld()) {
    this.chains = new Map(channels.map(({ c, since }) => [c, new Chain(c, since)]));
    this.handlers = handlers;
    this.world = world;
    this.socket = null;
    this.connecting = false;
    this.attempt = 0;
    this.stopped = false;
    this.retryMs = null;
    this.timers = {};
  }

  start() {
    this.stopped = false;
    this.connect();
  }

  stop() {
    this.stopped = true;
    this.clearTimers();
    this.drop();
  }

  /** The network is back or somebody looks at the page again: try now instead of later. */
  wake() {
    if (this.stopped || this.socket || this.connecting) return;
    this.clear("retry");
    this.attempt = 0;
    this.connect();
  }

  async connect() {
    if (this.stopped || this.socket || this.connecting) return;
    this.connecting = true;
    try {
      const ticket = await this.world.ticket();
      if (ticket === "signed-out") return this.giveUp("signed-out");
      if (!this.stopped) this.open(ticket);
    } catch {
      this.later();
    } finally {
      this.connecting = false;
    }
  }

  open(ticket) {
    const socket = this.world.socket();
    this.socket = socket;
    this.set("silence", OPEN_WITHIN_MS, () => this.lost());
    socket.onopen = () => this.send({ auth: ticket.ticket });
    socket.onmessage = (event) => this.socket === socket && this.receive(event.data);
    socket.onclose = (event) => this.socket === socket && this.closed(event.code);
    socket.onerror = () => {};
    this.renewBefore(ticket);
  }

  receive(text) {
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return;
    }
    this.heard();
    if (frame.welcome) this.welcomed(frame.welcome);
    else if (frame.ping !== undefined) this.send({ pong: frame.ping });
    else if (frame.sub) this.subscribed(frame.sub);
    else if (frame.b) this.batch(frame);
    else if (frame.drain) this.drained(frame.drain);
    else if (frame.err) this.refused(frame.err);
  }

  welcomed(welcome) {
    this.silenceMs = welcome.ping_s ? welcome.ping_s * 1000 * PINGS_MISSED : SILENCE_MS;
    this.heard();
    this.send({ sub: [...this.chains.values()].map((chain) => chain.wish()) });
  }

  subscribed({ c, recovered, pos }) {
    const chain = this.chains.get(c);
    if (!chain) return;
    chain.answer(pos);
    this.attempt = 0;
    this.clear("stale");
    this.handlers.state?.("live");
    if (!recovered) this.handlers.reset?.(c);
  }

  batch({ b, t }) {
    if (t) this.handlers.clock?.(t);
    for (const message of b) {
      const chain = this.chains.get(message.c);
      const verdict = chain ? chain.judge(message) : "seen";
      if (verdict === "news") this.handlers.message?.(message);
      else if (verdict === "gap") this.send({ sub: [chain.wish()] });
    }
  }

  drained({ retry_ms: retryMs }) {
    this.retryMs = retryMs;
  }

  refused({ code, c }) {
    if (c && code === "forbidden") this.chains.delete(c);
    if (!this.chains.size) this.giveUp("stale");
  }

  closed(code) {
    this.socket = null;
    this.clear("silence");
    this.clear("renew");
    if (code === FORBIDDEN) return this.giveUp("stale");
    if (code === TOO_MANY) this.attempt = Math.max(this.attempt, 5);
    if (code === UNAUTHENTICATED) this.attempt = Math.max(this.attempt, 1);
    this.later();
  }

  /** Nothing heard for too long: this socket is dead, whatever it says. */
  lost() {
    this.drop();
    this.later();
  }

  later() {
    if (this.stopped) return;
    const delay = this.retryMs ?? retryDelay(this.attempt, this.world.random);
    this.retryMs = null;
    this.attempt += 1;
    if (!this.timers.stale) this.set("stale", STALE_AFTER_MS, () => this.handlers.state?.("stale"));
    this.set("retry", delay, () => this.connect());
  }

  giveUp(state) {
    this.stop();
    this.handlers.state?.(state);
  }

  heard() {
    this.set("silence", this.silenceMs ?? SILENCE_MS, () => this.lost());
  }

  renewBefore({ expires_at: expiresAt }) {
    const left = Date.parse(expiresAt) - this.world.now() - RENEW_BEFORE_MS;
    this.set("renew", Math.max(SHORTEST_RENEWAL_MS, left || 0), () => this.renew());
  }

  async renew() {
    const socket = this.socket;
    try {
      const ticket = await this.world.ticket();
      if (ticket === "signed-out") return this.giveUp("signed-out");
      if (this.socket !== socket || !socket) return;
      this.send({ auth: ticket.ticket });
      this.renewBefore(ticket);
    } catch {
      // The old ticket runs out, the server closes with 4001, and the retry brings a new one.
    }
  }

  send(frame) {
    if (this.socket?.readyState === 1) this.socket.send(JSON.stringify(frame));
  }

  drop() {
    const socket = this.socket;
    this.socket = null;
    this.clear("silence");
    this.clear("renew");
    socket?.close(NORMAL_CLOSE);
  }

  set(name, ms, action) {
    this.clear(name);
    this.timers[name] = this.world.after(ms, () => {
      delete this.timers[name];
      action();
    });
  }

  clear(name) {
    if (this.timers[name] !== undefined) this.world.cancel(this.timers[name]);
    delete this.timers[name];
  }

  clearTimers() {
    for (const name of Object.keys(this.timers)) this.clear(name);
  }
}

function browserWorld() {
  return {
    now: () => Date.now(),
    random: Math.random,
    after: (ms, action) => setTimeout(action, ms),
    cancel: (timer) => clearTimeout(timer),
    ticket: () => fetchTicket(),
    socket: () => new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws`, SUBPROTOCOL),
  };
}

/** Open a live connection for a page and wake it when it is looked at again. Silent where sockets are not to be had. */
export function goLive(channels, handlers) {
  if (!("WebSocket" in globalThis)) return null;
  const live = new Realtime(channels, handlers);
  addEventListener("online", () => live.wake());
  addEventListener("pageshow", () => live.wake());
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && live.wake());
  live.start();
  return live;
}
