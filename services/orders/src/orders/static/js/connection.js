// What a live page says of itself: that it may be out of date, that its reader was signed out, how many look at it.

import { say } from "./words.js";

const BADGES = ["stale", "signed-out"];
const COMPANY = 2;

/** Show the badge for `state` ("live": none); `page` carries the state for styles and tests. */
export function showConnection(page, state) {
  page.dataset.live = state;
  for (const name of BADGES) {
    const badge = document.querySelector(`[data-${name}]`);
    if (badge) badge.hidden = state !== name;
  }
}

/** Write how many look. The line keeps its place when it has nothing to say: alone, or not told. */
export function showViewers(page, count, words) {
  const line = page.querySelector("[data-viewers]");
  const text = count >= COMPANY ? say(words.viewers, { num: count }) : "";
  if (line && line.textContent !== text) line.textContent = text;
}
