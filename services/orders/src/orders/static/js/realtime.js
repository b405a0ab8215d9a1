// News, by one connection for all tabs: docs/realtime.md.

export const SUBPROTOCOL = "mercadito.v1";
export const FIRST_RETRY_MS = 500;
export const LONGEST_RETRY_MS = 20_000;
export const SILENCE_MS = 35_000;
export const SOCKETS_TRIED = 2;
export const SOCKET_AGAIN_MS = 300_000;
const PINGS_MISSED = 2.5;
const BEAT_MS = 15_000;
const GATHER_MS = 50;
const RENEW_BEFORE_MS = 60_000;
const SHORTEST_RENEWAL_MS = 30_000;
const PATIENCE_MS = 10_000;
const TOO_MANY = 4029;
const FOR_WIRE = ["want", "bye", "wake", "closed"];

export class Chain {
  waiting = true;
  constructor(c, since) {
    Object.assign(this, { c, since });
  }

  wish(tab) {
    this.waiting = true;
    return { tab, c: this.c, pos: this.pos, since: this.since };
  }

  /** Whether nothing is missing: an answer beyond what was seen left something out. */
  answer({ e, o }, recovered = true) {
    const seen = this.pos?.e === e ? this.pos.o : -1;
    const whole = recovered && (!this.pos || o <= seen);
    this.pos = { e, o: whole ? Math.max(o, seen) : o };
    this.waiting = this.again = false;
    return whole;
  }

  judge({ o, p }) {
    const { pos } = this;
    if (o === undefined) return "news"; // ephemeral
    if (this.waiting) return "waiting";
    if (p > pos.o) return "gap";
    if (o < pos.o || (o === pos.o && p !== o)) return "seen";
    pos.o = o;
    return "news";
  }
}

export function retryDelay(attempt, random) {
  return Math.round(random() * Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt));
}

async function post(world, path) {
  const answer = await world.fetch(`/api/v1/${path}`, { method: "POST" });
  if (answer.status === 401) return null;
  if (!answer.ok) throw new Error(path);
  return answer.json();
}

/** Null when the session has ended or is not `person`'s. */
export async function fetchTicket(world, person) {
  const made = await post(world, "realtime-tickets");
  return person && (made?.person_id ?? person) !== person ? null : made;
}

class Timed {
  timers = {};
  set(name, ms, action) {
    this.clear(name);
    this.timers[name] = this.world.setTimeout(() => {
      this.clear(name);
      action();
    }, ms);
  }

  clear(...names) {
    for (const name of names) {
      this.world.clearTimeout(this.timers[name]);
      delete this.timers[name];
    }
  }
}

/** The connection; `say` calls a method of every tab. */
class Wire extends Timed {
  attempt = 0;
  failures = 0;
  retryMs = 0;
  wishes = {};
  silenceMs = SILENCE_MS;
  constructor({ world, person }, say) {
    super();
    Object.assign(this, { world, person, say });
    this.beat();
    this.connect();
  }

  stop() {
    this.over = true;
    this.drop();
    this.clear(...Object.keys(this.timers));
  }

  beat() {
    this.say("beat");
    this.set("beat", BEAT_MS, () => this.beat());
  }

  wake() {
    if (this.ready) return;
    this.attempt = 0;
    this.connect();
  }

  async connect() {
    if (this.over || this.link || this.busy) return;
    this.clear("retry");
    this.busy = true;
    try {
      const ticket = await fetchTicket(this.world, this.person);
      this.sse = this.failures >= SOCKETS_TRIED && this.world.EventSource;
      if (!ticket || (this.sse && !(await post(this.world, "session/renew")))) this.end("signed-out");
      else if (!this.over) this.open(ticket);
    } catch {
      this.closed();
    } finally {
      this.busy = false;
    }
  }

  open(ticket) {
    this.renewBefore(ticket);
    this.failures = this.sse ? 0 : this.failures + 1;
    if (this.sse) return this.gather();
    this.follow(new this.world.WebSocket(`${this.world.location.origin.replace("http", "ws")}/ws`, SUBPROTOCOL));
    this.link.onopen = () => this.send({ auth: ticket.ticket });
  }

  gather() {
    this.ready = true;
    this.wishes = {};
    this.due = {};
    this.whispers = {};
    this.say("ask");
  }

  follow(link) {
    this.link = link;
    this.quiet(PATIENCE_MS);
    link.onmessage = ({ data }) => this.link === link && this.receive(data);
    link.onclose = ({ code }) => this.link === link && this.closed(code);
    link.onerror = () => this.link === link && this.sse && this.faltered();
  }

  quiet(ms) {
    this.set("silence", ms, () => this.closed());
  }

  /** Unless it was refused, the browser reopens /sse by itself, with the last id. */
  faltered() {
    if (this.link.readyState === 2) return this.closed();
    this.say("down");
    this.quiet(PATIENCE_MS + this.retryMs);
  }

  want(wishes) {
    if (!this.ready) return; // soon all are asked
    if (this.sse) {
      this.drop();
      this.ready = true;
      this.set("open", GATHER_MS, () => this.source());
    }
    for (const wish of wishes) {
      (this.wishes[wish.c] ??= {})[wish.tab] = wish;
      if (!this.sse) (this.due[wish.c] ??= []).push(wish.tab);
    }
    this.send({ sub: wishes.map(({ c, pos, since }) => (pos ? { c, pos } : { c, since })) });
    this.say("frame", { b: wishes.flatMap(({ c }) => this.whispers[c] ?? []) });
  }

  bye(tab) {
    for (const [c, wishes] of Object.entries(this.wishes)) {
      delete wishes[tab];
      if (Object.keys(wishes).length) continue;
      delete this.wishes[c];
      this.send({ unsub: [c] });
    }
  }

  all() {
    return Object.values(this.wishes).flatMap(Object.values);
  }

  source() {
    const since = Math.min(...this.all().map((wish) => wish.since ?? Infinity));
    const query = Object.keys(this.wishes).map((c) => `c=${c}`);
    if (since < Infinity) query.push(`since=${since}`);
    this.follow(new this.world.EventSource(`/sse?${query.join("&")}`));
    this.set("again", SOCKET_AGAIN_MS * (0.5 + this.world.Math.random()), () => {
      this.drop();
      this.failures = SOCKETS_TRIED - 1;
      this.connect();
    });
  }

  receive(text) {
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return;
    }
    const { welcome, ping, seen, drain, sub, err, b, t } = frame;
    if (welcome?.ping_s) this.silenceMs = welcome.ping_s * 1000 * PINGS_MISSED;
    this.quiet(this.silenceMs);
    this.failures = this.sse ? SOCKETS_TRIED : 0;
    if (welcome && !this.ready) this.gather();
    if (drain) this.retryMs = drain.retry_ms;
    if (ping !== undefined) {
      this.send({ pong: ping });
      this.beat();
    }
    if (sub) this.attempt = this.retryMs = 0;
    if (sub || err || b || seen) this.say("frame", frame, this.due[(sub ?? err)?.c]?.shift());
    if (t) for (const wish of this.all()) wish.since = t;
    for (const message of b ?? []) {
      if (!message.o) this.whispers[message.c] = message; // for tabs to come
      if (message.k === "signed_out") this.renew(); // perhaps this session
    }
  }

  closed(code) {
    this.drop();
    if (this.over) return;
    this.say("down");
    if (code === TOO_MANY) this.attempt += 5;
    this.set("retry", this.retryMs || retryDelay(this.attempt, this.world.Math.random), () => this.connect());
    this.retryMs = 0;
    this.attempt += 1;
  }

  end(state) {
    this.stop();
    this.say("end", state);
  }

  renewBefore({ expires_at }) {
    const left = Date.parse(expires_at) - this.world.Date.now() - RENEW_BEFORE_MS;
    this.set("renew", Math.max(SHORTEST_RENEWAL_MS, left || 0), () => this.renew());
  }

  async renew() {
    try {
      const ticket = await fetchTicket(this.world, this.person);
      if (!ticket) return this.end("signed-out");
      if (this.sse) await post(this.world, "session/renew");
      this.send({ auth: ticket.ticket });
      this.renewBefore(ticket);
    } catch {} // the server will close
  }

  send(frame) {
    if (!this.sse && this.link?.readyState === 1) this.link.send(JSON.stringify(frame));
  }

  drop() {
    this.link?.close(1000);
    this.link = this.ready = null;
    this.clear("silence", "open", "again");
  }
}

/** One tab. Handlers: message, reset(channel), state("live" | "stale" | "signed-out"), clock(ms). */
export class Realtime extends Timed {
  versions = new Map();
  constructor(channels, handlers, person, world = globalThis) {
    super();
    this.chains = new Map(channels.map(({ c, since }) => [c, new Chain(c, since)]));
    Object.assign(this, { handlers, person, world });
  }

  start() {
    if (this.on) return this.say("wake");
    const { BroadcastChannel, navigator } = this.world;
    this.on = true;
    this.id = this.world.Math.random();
    this.down();
    if (!(this.person && navigator.locks && BroadcastChannel)) return this.hold();
    this.bus = new BroadcastChannel(`${SUBPROTOCOL} ${this.person}`);
    this.bus.onmessage = ({ data }) => this.hear(...data);
    this.lead();
    this.ask();
  }

  stop() {
    if (!this.on) return;
    this.say("bye", this.id);
    this.on = false;
    this.release?.();
    this.wire = this.wire?.stop();
    this.bus?.close();
    this.clear(...Object.keys(this.timers));
  }

  /** Hold the connection when it is our turn; `steal` it from a tab that fell silent. */
  lead(steal = false) {
    let over;
    this.release?.();
    const freed = new Promise((resolve) => (this.release = () => resolve((over = true))));
    const won = () => over || (this.hold(), freed);
    this.world.navigator.locks.request(this.bus.name, { steal }, won).catch(({ name }) => {
      if (over) return;
      this.wire = this.wire?.stop();
      if (name === "AbortError") this.lead(); // stolen
      else this.hold();
    });
  }

  hold() {
    this.wire = new Wire(this, (...said) => this.say(...said));
    this.clear("quiet");
  }

  say(...said) {
    this.bus?.postMessage(said);
    this.hear(...said);
  }

  hear(name, ...said) {
    if (!this.on) return;
    if (this.bus && !this.wire) this.set("quiet", SILENCE_MS, () => this.lead(true));
    if (FOR_WIRE.includes(name)) this.wire?.[name](...said);
    else this[name](...said);
  }

  beat() {}

  ask(chains = [...this.chains.values()]) {
    this.say("want", chains.map((chain) => chain.wish(this.id)));
  }

  down() {
    if (!this.timers.stale) this.set("stale", PATIENCE_MS, () => this.tell("stale"));
  }

  end(state) {
    this.stop();
    this.tell(state);
  }

  frame({ sub, b, t, err, seen = {} }, to = this.id) {
    const mine = to === this.id;
    const chain = (mine || !sub?.recovered) && this.chains.get(sub?.c);
    if (chain) {
      this.clear("stale");
      this.tell(this.lost ?? "live");
      if (!chain.answer(sub.pos, sub.recovered)) this.handlers.reset?.(sub.c);
    }
    if (b) this.batch(b, t);
    for (const { waiting, pos } of this.chains.values()) if (!waiting && seen[pos.e] > pos.o) pos.o = seen[pos.e];
    const denied = mine && this.chains.get(err?.c);
    if (denied?.again) this.tell((this.lost = "stale"), this.chains.delete(err.c));
    else if (denied) this.say("closed", (denied.again = true));
    if (!this.chains.size) this.end("stale");
  }

  batch(messages, t) {
    if (t) this.handlers.clock?.(t);
    for (const message of messages) {
      const chain = this.chains.get(message.c);
      const verdict = chain?.judge(message);
      if (verdict === "news" && this.isNewer(message)) this.handlers.message?.(message);
      if (verdict === "gap") this.ask([chain]);
    }
    for (const chain of this.chains.values()) if (t && !chain.waiting) chain.since = t;
  }

  isNewer({ k, v, d }) {
    const id = d?.[`${k}_id`];
    if (!v || !id) return true;
    if (v <= this.versions.get(k + id)) return false;
    this.versions.set(k + id, v);
    return true;
  }

  tell(state) {
    if (state !== this.state) this.handlers.state?.((this.state = state));
  }
}

export function goLive(channels, handlers) {
  const { person } = document.documentElement.dataset;
  const live = new Realtime(channels.concat(person ? { c: `person:${person}` } : []), handlers, person);
  const when = (action, ...names) => names.forEach((name) => addEventListener(name, action, true));
  when(() => document.hidden || live.start(), "online", "pageshow", "resume", "visibilitychange");
  when(() => live.wire?.link && live.wire.closed(), "offline");
  when(() => live.stop(), "pagehide", "freeze");
  live.start();
  return live;
}
