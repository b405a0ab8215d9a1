// What no longer goes to a person's address, since when and why; the way to let it go there again.

import { element, icon } from "./element.js";
import { problemNote } from "./problem-note.js";
import { say } from "./words.js";

// There are five classes of mails, and each is held back once.
const MOST = 20;
const BAD = "bad";

/** Ask what is held back now and show it in `place`; throws what `tools.ask` throws. */
export async function showHeldBack(place, personId, tools) {
  const { body } = await tools.ask(`/suppressions?person_id=${encodeURIComponent(personId)}&limit=${MOST}`);
  const held = body.items.filter(({ holds }) => holds);
  place.hidden = held.length === 0;
  const text = JSON.stringify(held);
  // What stands right is not touched: moving an element takes its focus away.
  if (place.dataset.shown === text) return;
  place.dataset.shown = text;
  place.replaceChildren(...held.map((each) => row(each, tools)));
}

function row(held, tools) {
  const { words, when } = tools;
  const title = { security: words.heldSecurity, orders: words.heldOrders, reminders: words.heldReminders, digest: words.heldDigest, operations: words.heldOperations };
  return element(
    "li",
    { class: "card", "data-bad": true },
    element("div", { class: "head" }, element("h3", {}, title[held.group] ?? held.group), element("span", { class: `state ${BAD}` }, icon("moon"), words.suppressed)),
    element("p", { class: "about" }, say(words.heldSince, { moment: when.moment(held.created_at) })),
    element("p", { class: "fared" }, ...problemNote(held.detail, tools)),
    element("div", { class: "ways" }, element("a", { class: "quiet", href: `/staff/people/${held.person_id}/held-back` }, icon("repeat"), words.lift)),
  );
}
