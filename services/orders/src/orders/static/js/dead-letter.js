// One event that could not be handled: what, when, why; and handling it again.

import { element, icon } from "./element.js";
import { SignedOut } from "./mails-api.js";
import { visibleText } from "./visible-text.js";
import { sayCount } from "./words.js";

const OK = 200;
const CONFLICT = 409;

/** Draw the row; `tools` are `{ask, words, when, changed, signedOut}`. */
export function deadLetter(letter, tools) {
  const { words, when } = tools;
  const about = [when.moment(letter.at), letter.tries > 0 && sayCount(words.triedAgain, letter.tries, when.number(letter.tries))];
  return element(
    "li",
    { class: "card", "data-bad": true, "data-key": letter.id },
    element("h3", { translate: "no" }, visibleText(letter.type)),
    element("p", { class: "about" }, about.filter(Boolean).join(" · ")),
    element("p", { class: "original", lang: "en", translate: "no" }, visibleText(letter.error)),
    letter.can_replay ? ways(letter, tools) : element("p", { class: "soft" }, words.bodyGone),
  );
}

function ways(letter, tools) {
  const label = element("span", {}, tools.words.replay);
  const button = element("button", { type: "button", class: "quiet", "data-part": "replay" }, icon("repeat"), label);
  button.addEventListener("click", () => replay(letter, button, label, tools));
  return element("div", { class: "ways" }, button);
}

async function replay(letter, button, label, { ask, words, changed, signedOut }) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  label.textContent = words.replaying;
  try {
    const { status } = await ask(`/dead-letters/${letter.id}/replay`, { method: "POST" });
    changed({ [OK]: words.replayed, [CONFLICT]: words.stillDead }[status] ?? words.refused);
  } catch (error) {
    if (error instanceof SignedOut) signedOut();
    else changed(words.away);
  }
  label.textContent = words.replay;
  button.removeAttribute("aria-disabled");
}
