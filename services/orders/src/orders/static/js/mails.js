// The staff's page of mails: how the queue stands, the log with its filters, events that could not be handled.

import { deadLetter } from "./dead-letter.js";
import { element } from "./element.js";
import { mailRow } from "./mail-row.js";
import { MailSwitch } from "./mail-switch.js";
import { askMails, SignedOut } from "./mails-api.js";
import { PagedList } from "./paged-list.js";
import { Refresher } from "./refresher.js";
import { When } from "./when.js";
import { readWords } from "./words.js";

const OK = 200;
const DAY_MS = 86_400_000;
const NAMES = { person: "person_id", order: "order_id" };

/** What the log is asked for, from the fields of the form. */
export function queryOf(fields, now = Date.now()) {
  const query = new URLSearchParams();
  for (const [name, value] of fields) {
    if (!value) continue;
    if (name === "days") query.set("since", new Date(now - Number(value) * DAY_MS).toISOString());
    else query.set(NAMES[name] ?? name, value);
  }
  query.set("limit", "50");
  return `?${query}`;
}

class MailLog {
  constructor(page) {
    this.page = page;
    this.language = document.documentElement.lang;
    this.words = readWords(page);
    this.when = new When(this.language, page.dataset.zone);
    this.tools = {
      ask: askMails,
      words: this.words,
      rules: JSON.parse(page.dataset.problems),
      when: this.when,
      language: this.language,
      changed: (said) => this.changed(said),
      signedOut: () => this.ended(),
    };
    this.refresher = new Refresher(() => this.refresh());
    this.form = this.find("sieve");
    this.switch = new MailSwitch(this.find("standing"), { ...this.tools, changed: (standing) => this.thrown(standing) });
    this.dead = this.listIn("dead", "/dead-letters?limit=20", deadLetter);
    this.list = this.listIn("list", queryOf(new FormData(this.form)), mailRow);
  }

  find(name) {
    return this.page.querySelector(`[data-${name}]`);
  }

  listIn(name, path, draw) {
    const part = this.find(name);
    const [place, more, empty] = ["rows", "more", "empty"].map((each) => part.querySelector(`[data-${each}]`));
    return new PagedList({ path, place, more, empty, key: ({ id }) => id, draw: (item) => draw(item, this.tools), ask: askMails });
  }

  start() {
    this.page.classList.add("ready");
    this.find("loading").hidden = false;
    this.form.addEventListener("change", () => this.choose());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.choose();
    });
    document.addEventListener("visibilitychange", () => document.hidden || this.refresher.soon());
    this.refresher.blind(true);
    this.refresher.soon(0);
  }

  /** Another choice is another list, with an address of its own. */
  choose() {
    const fields = [...new FormData(this.form)].filter(([, value]) => value);
    const address = new URLSearchParams(fields).toString();
    history.replaceState(null, "", address ? `?${address}` : location.pathname);
    this.list.path = queryOf(fields);
    this.list.items = [];
    this.list.hasOlder = false;
    this.refresher.lively();
    this.refresher.soon(0);
  }

  async refresh() {
    let isAway = false;
    try {
      const [{ status, body }] = await Promise.all([askMails("/standing"), this.list.refresh(), this.dead.refresh()]);
      if (status === OK) this.stand(body);
      this.find("ended").hidden = true;
      this.find("lists").hidden = false;
    } catch (error) {
      if (error instanceof SignedOut) this.ended();
      else isAway = true;
    }
    this.find("loading").hidden = true;
    this.find("away").hidden = !isAway;
    // The row that was acted on may be gone with its button: who works by keyboard goes on at the list.
    if (this.acted && document.activeElement === document.body) this.find("list").querySelector("h2").focus({ preventScroll: true });
    this.acted = false;
    return !isAway;
  }

  stand(standing) {
    this.switch.show(standing);
    const select = this.find("kinds");
    const known = standing.kinds.map(({ kind, title }) => [kind, title[this.language] ?? title.en]);
    const chosen = select.value;
    if (known.every(([kind, text]) => [...select.options].some((each) => each.value === kind && each.text === text))) return;
    known.sort(([, one], [, other]) => one.localeCompare(other, this.language));
    const options = known.map(([kind, text]) => element("option", { value: kind }, text));
    select.replaceChildren(element("option", { value: "" }, this.words.anyKind), ...options);
    select.value = chosen;
  }

  thrown(standing) {
    this.stand(standing);
    this.changed();
  }

  changed(said) {
    if (said) this.find("said").textContent = said;
    this.acted = this.page.contains(document.activeElement);
    this.refresher.lively();
    this.refresher.soon(0);
  }

  ended() {
    this.find("ended").hidden = false;
  }
}

const page = globalThis.document?.querySelector("[data-mail-log]");
if (page) new MailLog(page).start();
