// How the queue stands, and its switch: holding all mail with a reason, letting it flow again.

import { element, icon } from "./element.js";
import { SignedOut } from "./mails-api.js";
import { visibleText } from "./visible-text.js";
import { say } from "./words.js";

const OK = 200;

export class MailSwitch {
  /** `place` is the part of the page; `changed(standing)` is called with what the service says then. */
  constructor(place, { ask, words, when, changed, signedOut }) {
    Object.assign(this, { place, ask, words, when, changed, signedOut });
    this.said = this.find("said");
    this.hold = this.find("hold");
    this.letGo = this.find("let-go");
    this.hold.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      const { reason } = event.target.elements;
      this.throw(event.target.querySelector("button"), { held: true, reason: reason.value }, [words.hold, words.holding, words.nowHeld]);
    });
    this.letGo.addEventListener("click", () => this.throw(this.letGo, { held: false }, [words.letGo, words.lettingGo, words.nowFlows]));
  }

  find(name) {
    return this.place.querySelector(`[data-${name}]`);
  }

  show(standing) {
    this.place.hidden = false;
    const { queue, waiting } = standing;
    const lines = this.#lines(standing).map(([look, drawing, text]) => element("p", { class: look }, icon(drawing), element("span", {}, text)));
    const flow = this.find("flow");
    const text = lines.map((line) => line.textContent).join("\n");
    if (flow.innerText !== text) flow.replaceChildren(...lines);
    const count = (name, number, isBad) => {
      const link = this.find(name);
      link.textContent = this.when.number(number);
      link.classList.toggle("bad", isBad && number > 0);
    };
    count("waiting", Object.values(waiting).reduce((sum, each) => sum + each, 0), false);
    count("undelivered", standing.undelivered, true);
    count("dead-count", standing.dead_letters, true);
    this.#offer(queue.held);
  }

  /** The other position of the switch; who had the focus on what goes away keeps it near. */
  #offer(isHeld) {
    const had = [this.hold, this.letGo].some((each) => each.contains(document.activeElement));
    this.letGo.hidden = !isHeld;
    this.hold.hidden = isHeld;
    if (isHeld) this.hold.open = false;
    const lost = had && ![this.hold, this.letGo].some((each) => !each.hidden && each.contains(document.activeElement));
    if (lost) (isHeld ? this.letGo : this.hold.querySelector("summary")).focus();
  }

  #lines(standing) {
    const { words, when } = this;
    const { queue, oldest_due_at: oldest, mode } = standing;
    const lines = [];
    if (queue.held) {
      lines.push(["lost", "alert", words.held]);
      const name = queue.person_name ?? words.somebody;
      lines.push(["soft", "people", say(words.heldBy, { name, moment: when.moment(queue.since), reason: visibleText(queue.reason ?? "") })]);
    }
    if (mode === "hold") lines.push(["soon", "moon", words.modeHold]);
    lines.push(...relayLines(standing, words, when));
    if (!lines.length) lines.push(["flowing", "check", words.flows]);
    if (oldest) lines.push(["soft", "clock", say(words.oldest, { moment: when.moment(oldest) })]);
    return lines;
  }

  async throw(button, wanted, [label, busy, done]) {
    if (button.getAttribute("aria-disabled") === "true") return;
    const text = button.querySelector("[data-label]");
    button.setAttribute("aria-disabled", "true");
    text.textContent = busy;
    try {
      const { status, body } = await this.ask("/queue", { method: "PUT", body: wanted });
      this.said.textContent = status === OK ? done : this.words.refused;
      if (status === OK) {
        this.hold.querySelector("form").reset();
        this.changed(body);
      }
    } catch (error) {
      if (error instanceof SignedOut) this.signedOut();
      else this.said.textContent = this.words.away;
    }
    text.textContent = label;
    button.removeAttribute("aria-disabled");
  }
}

/** What is to be said of the mail servers: which one is used now, which can't be, since when and why; nothing while the first can be. */
export function relayLines({ relay, relays = [{ ...relay, host: "" }], used = null }, words, when) {
  const away = relays.filter(({ faults }) => faults);
  if (!away.length) return [];
  const second = relays.find(({ name, faults }) => name === used && !faults);
  if (relays[0] === second) return lines(away, words, when, ["soon", "clock", words.spareAway]);
  return lines(away, words, when, second ? ["soon", "alert", say(words.firstAway, { host: second.host })] : ["lost", "alert", words.relayAway]);
}

function lines(away, words, when, first) {
  const details = away.flatMap(({ host, since, reason }) => [
    since && ["soft", "clock", say(words.relaySince, { host, moment: when.moment(since) })],
    reason && ["original", "list", visibleText(reason)],
  ]);
  return [first, ...details.filter(Boolean)];
}
