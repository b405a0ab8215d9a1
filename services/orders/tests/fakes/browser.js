// As much of a browser as realtime.js touches, in two sizes: a profile (network, session, locks) and its tabs. Time is a
// list that the test turns over; what a server would do, the test does.

/** A WebSocket or an EventSource that the test answers. */
export class FakeLink {
  readyState = 1;
  sent = [];
  closedWith = null;

  constructor(address) {
    this.address = address;
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code) {
    this.readyState = 3;
    this.closedWith = code ?? true;
  }

  say(frame) {
    this.onmessage({ data: typeof frame === "string" ? frame : JSON.stringify(frame) });
  }

  /** The browser gives an EventSource up for good. */
  refuse() {
    this.readyState = 2;
    this.onerror();
  }

  /** The browser is about to reopen an EventSource by itself. */
  falter() {
    this.readyState = 0;
    this.onerror();
  }

  get subs() {
    return this.sent.flatMap((frame) => frame.sub ?? []);
  }
}

export const settle = async () => {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** What the tabs of one browser share. */
export class Profile {
  time = 1_000_000;
  timers = new Map();
  nextTimer = 1;
  sockets = [];
  sources = [];
  /** Answers to the next requests for a ticket: null (signed out), an Error, or fields of the ticket. */
  tickets = [];
  asked = [];
  person = "ana";
  buses = new Set();
  held = {};
  queue = {};
  tabs = 0;

  tab(options) {
    return new Tab(this, options);
  }

  async fetch(path, options) {
    this.asked.push([path, options.method]);
    const isTicket = path === "/api/v1/realtime-tickets";
    const answer = isTicket && this.tickets.length ? this.tickets.shift() : {};
    if (answer instanceof Error) throw answer;
    const expires = new Date(this.time + 600_000).toISOString();
    return {
      status: answer === null ? 401 : 201,
      ok: answer !== null,
      json: async () => ({ ticket: "t", person_id: this.person, expires_at: expires, ...answer }),
    };
  }

  /** Let `ms` pass: run what falls due, in order, with promises settled in between. */
  async pass(ms) {
    const end = this.time + ms;
    for (;;) {
      const due = [...this.timers]
        .filter(([, timer]) => timer.at <= end && !timer.tab.frozen)
        .sort((one, other) => one[1].at - other[1].at)[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.time = Math.max(this.time, due[1].at);
      due[1].action();
      await settle();
    }
    this.time = end;
    await settle();
  }

  /** The lock manager: `held` and `queue` by name. */
  request(name, { steal }, action) {
    return new Promise((resolve, reject) => {
      const queue = (this.queue[name] ??= []);
      if (steal) {
        this.held[name]?.reject(Object.assign(new Error("stolen"), { name: "AbortError" }));
        delete this.held[name];
      }
      queue[steal ? "unshift" : "push"]({ action, resolve, reject });
      setImmediate(() => this.grant(name));
    });
  }

  async grant(name) {
    if (this.held[name] || !this.queue[name].length) return;
    const holder = (this.held[name] = this.queue[name].shift());
    await holder.action();
    if (this.held[name] === holder) delete this.held[name];
    holder.resolve();
    this.grant(name);
  }
}

/** One tab's `globalThis`. */
class Tab {
  frozen = false;
  location = { origin: "https://market.example" };

  constructor(profile, { sse = true, shared = true } = {}) {
    const tab = this;
    this.profile = profile;
    this.Date = { now: () => profile.time };
    let drawn = 0;
    const id = (profile.tabs += 1);
    this.Math = { random: () => (drawn++ ? 0.5 : id) }; // the first names the tab, the others jitter
    this.WebSocket = class extends FakeLink {
      constructor(address) {
        super(address);
        profile.sockets.push(this);
      }
    };
    if (sse) {
      this.EventSource = class extends FakeLink {
        constructor(address) {
          super(address);
          profile.sources.push(this);
        }
      };
    }
    this.navigator = {};
    if (!shared) return;
    this.navigator.locks = { request: (...asked) => profile.request(...asked) };
    this.BroadcastChannel = class {
      constructor(name) {
        this.name = name;
        this.tab = tab;
        profile.buses.add(this);
      }
      postMessage(said) {
        const copy = structuredClone(said);
        for (const bus of profile.buses) {
          if (bus !== this && bus.name === this.name && !bus.tab.frozen) bus.onmessage({ data: copy });
        }
      }
      close() {
        profile.buses.delete(this);
      }
    };
  }

  setTimeout(action, ms) {
    this.profile.timers.set(this.profile.nextTimer, { at: this.profile.time + ms, action, tab: this });
    return this.profile.nextTimer++;
  }

  clearTimeout(timer) {
    this.profile.timers.delete(timer);
  }

  fetch(...asked) {
    return this.profile.fetch(...asked);
  }
}
