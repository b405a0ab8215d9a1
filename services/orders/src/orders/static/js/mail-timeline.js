// All that happened to one mail, oldest first; the same attempt many times over is told once.

import { element } from "./element.js";
import { visibleText } from "./visible-text.js";
import { say, sayCount } from "./words.js";

const REFUSED = 500;
const FINAL = ["sent", "failed", "unknown", "expired", "suppressed"];

/** Draw the history that `/api/v1/notifications/{id}` tells. */
export function timeline(mail, tools) {
  return element("ol", { class: "timeline" }, ...moments(mail).map((each) => moment(each, tools)));
}

/** What happened, in order: `{what, at, ...}`; attempts that met the same stand together, with how many they were. */
export function moments(mail) {
  const tried = mail.tried.map((attempt) => ({ what: "tried", times: 1, ...attempt }));
  const resent = mail.resent.map((resend) => ({ what: "resent", ...resend }));
  const all = [...tried, ...resent].sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
  const told = [{ what: "written", at: mail.created_at }];
  for (const each of all) {
    const before = told.at(-1);
    if (isSame(before, each)) Object.assign(before, { times: before.times + 1, lastAt: each.at });
    else told.push(each);
  }
  const last = told.at(-1);
  if (FINAL.includes(mail.state) && last.state !== mail.state) {
    told.push({ what: "ended", at: mail.settled_at ?? mail.expires_at, state: mail.state, reason: mail.reason });
  }
  return told;
}

function isSame(before, each) {
  return before.what === "tried" && each.what === "tried" && ["relay", "phase", "code", "answer", "state"].every((name) => before[name] === each[name]);
}

function moment(each, tools) {
  const { words, when } = tools;
  const many = each.times > 1 && sayCount(words.timesUntil, each.times, when.number(each.times));
  return element(
    "li",
    { class: looks(each) },
    element("strong", {}, title(each, words)),
    element("br"),
    element("time", { datetime: each.at }, when.moment(each.at)),
    many && element("p", { class: "original" }, say(many, { moment: when.moment(each.lastAt) })),
    each.what === "tried" && details(each, tools),
    each.what === "ended" && each.reason && element("p", { class: "original", lang: "en", translate: "no" }, visibleText(each.reason)),
  );
}

function looks({ what, state }) {
  if (what === "written" || what === "resent" || state === "sent") return null;
  return ["failed", "unknown", "expired", "suppressed"].includes(state) ? "bad" : "wait";
}

function title(each, words) {
  if (each.what === "written") return words.happenedWritten;
  if (each.what === "resent") return say(words.happenedResent, { name: each.person_name ?? words.somebody });
  if (each.what === "ended") return words.happenedEnded;
  return waysIn(words)[wayOf(each)] ?? words.triedRelay;
}

function waysIn(words) {
  return {
    sent: words.triedSent,
    lost: words.triedLost,
    relay: words.triedRelay,
    recipient: words.triedRecipient,
    recipient_later: words.triedRecipientLater,
    content: words.triedContent,
    content_refused: words.triedContentRefused,
    dot: words.triedDot,
    dot_refused: words.triedDotRefused,
    writing: words.triedWriting,
    given_up: words.triedGivenUp,
  };
}

/** The name of what the attempt met, for its words. */
export function wayOf({ state, phase, code }) {
  if (state === "sent" || state === "lost") return state;
  if (phase === "recipient" && code < REFUSED) return "recipient_later";
  if ((phase === "content" || phase === "dot") && code) return `${phase}_refused`;
  return phase;
}

function details({ relay, answer, code, took_ms: took, phase }, { words, when }) {
  const known = [relay, took !== null && took !== undefined && say(words.took, { span: when.span(took) })].filter(Boolean);
  const text = code && answer && !answer.startsWith(String(code)) ? `${code} ${answer}` : answer;
  return element(
    "p",
    { class: "original" },
    known.length > 0 && known.join(" · "),
    known.length > 0 && text && element("br"),
    text && element("span", { lang: "en", translate: "no", "data-phase": phase }, visibleText(text)),
  );
}
