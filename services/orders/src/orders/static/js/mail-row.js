// One mail: what it is, to whom, what became of it; its history when asked for; and sending it again.

import { element, icon } from "./element.js";
import { ServiceAway, SignedOut } from "./mails-api.js";
import { timeline } from "./mail-timeline.js";
import { problemNote } from "./problem-note.js";
import { say, sayCount } from "./words.js";

const OK = 200;
const ACCEPTED = 202;
const CONFLICT = 409;
const LOOKS = {
  queued: ["wait", "clock"],
  sending: ["wait", "clock"],
  deferred: ["wait", "clock"],
  sent: ["good", "check"],
  failed: ["bad", "cross"],
  unknown: ["bad", "alert"],
  expired: ["bad", "clock"],
  suppressed: ["bad", "moon"],
};

/** Draw the row; `tools` are `{ask, words, rules, when, language, changed, signedOut}`. */
export function mailRow(mail, tools) {
  const { words } = tools;
  const [look, drawing, said] = standing(mail, words);
  return element(
    "li",
    { class: "card", "data-bad": look === "bad", "data-key": mail.id },
    element(
      "div",
      { class: "head" },
      element("h3", {}, mail.title[tools.language] ?? mail.title.en),
      element("span", { class: `state ${look}` }, icon(drawing), said),
    ),
    element("p", { class: "about" }, ...about(mail, tools)),
    fared(mail, tools),
    ways(mail, tools),
    history(mail, tools),
  );
}

/** How a mail's state looks, its drawing and its words; what nobody wanted did not fail. */
export function standing({ state, undelivered }, words) {
  if (state === "suppressed" && undelivered === false) return ["", "moon", words.unwanted];
  return [...(LOOKS[state] ?? ["", "list"]), stateIn(words)[state] ?? state];
}

function stateIn(words) {
  return {
    queued: words.queued,
    sending: words.sending,
    deferred: words.deferred,
    sent: words.sent,
    failed: words.failed,
    unknown: words.unknown,
    expired: words.expired,
    suppressed: words.suppressed,
  };
}

/** To whom, about which order, when; what the page is about itself is not said again (`tools.about`). */
function about(mail, { words, when, about: known }) {
  const name = element("a", { href: `/staff/people/${mail.person_id}` }, element("bdi", {}, mail.person_name ?? words.somebody));
  const number = mail.order_number ? say(words.order, { number: mail.order_number }) : words.orderAlone;
  const parts = known === "person_id" ? [] : [around(words.to, "%(name)s", name)];
  if (mail.order_id && known !== "order_id") parts.push([element("a", { href: `/orders/${mail.order_id}` }, number)]);
  parts.push([say(words.writtenAt, { moment: when.moment(mail.created_at) })]);
  return parts.flatMap((part, at) => (at ? [" · ", ...part] : part));
}

/** A sentence with an element in its place. */
function around(sentence, place, made) {
  const [before, after = ""] = sentence.split(place);
  return [before, made, after];
}

function fared(mail, tools) {
  const { words, when } = tools;
  if (mail.state === "sent") {
    const moment = when.moment(mail.settled_at);
    return element("p", { class: "fared" }, mail.relay ? say(words.takenBy, { relay: mail.relay, moment }) : say(words.taken, { moment }));
  }
  if (mail.state === "queued" || mail.state === "sending") {
    return mail.reason ? element("p", { class: "fared" }, ...problemNote(mail.reason, tools)) : element("p", { class: "fared" }, element("span", { class: "soft" }, words.willBeTried));
  }
  const next = mail.state === "deferred" && mail.next_attempt_at;
  return element(
    "div",
    { class: "fared" },
    element("p", {}, ...problemNote(mail.reason ?? "", tools)),
    next && element("p", { class: "soft" }, say(sayCount(words.nextTry, mail.attempts, when.number(mail.attempts)), { moment: when.moment(next) })),
  );
}

function ways(mail, tools) {
  if (!mail.can_resend) return null;
  const label = element("span", {}, tools.words.resend);
  const button = element("button", { type: "button", class: "quiet", "data-part": "resend" }, icon("repeat"), label);
  const said = element("p", { class: "said", role: "status" });
  button.addEventListener("click", () => resend(mail, { button, label, said }, tools));
  return element("div", { class: "ways" }, button, said);
}

async function resend(mail, { button, label, said }, tools) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  label.textContent = tools.words.resending;
  try {
    const { status, body } = await tools.ask(`/${mail.id}/resend`, { method: "POST" });
    said.textContent = answered(status, body, tools.words);
    if (status === ACCEPTED || status === CONFLICT) tools.changed(said.textContent);
  } catch (error) {
    if (error instanceof SignedOut) tools.signedOut();
    said.textContent = error instanceof ServiceAway ? tools.words.away : "";
  }
  label.textContent = tools.words.resend;
  button.removeAttribute("aria-disabled");
}

function answered(status, body, words) {
  if (status === ACCEPTED) return words.resent;
  if (status !== CONFLICT) return words.refused;
  return body.type?.endsWith("/over") ? words.resendOver : words.resendNot;
}

function history(mail, tools) {
  const place = element("div", {});
  const details = element("details", { "data-part": "history" }, element("summary", {}, tools.words.history), place);
  details.addEventListener("toggle", async () => {
    if (!details.open) return;
    try {
      const { status, body } = await tools.ask(`/${mail.id}`);
      if (status === OK) place.replaceChildren(timeline(body, tools));
    } catch (error) {
      if (error instanceof SignedOut) tools.signedOut();
      place.textContent = tools.words.historyNotLoaded;
    }
  });
  return details;
}
