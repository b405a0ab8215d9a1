// Tells screen readers what changed: politely, together, and never more than can be listened to.

import { say } from "./words.js";

const GATHER_MS = 2_000;
const SENTENCES = 3;

export class Announcer {
  constructor(place, words) {
    this.place = place;
    this.words = words;
    this.waiting = [];
    this.timer = null;
  }

  /** Announce soon; what concerns the reader's own lines goes first. */
  add(sentences, matters = false) {
    if (matters) this.waiting.unshift(...sentences);
    else this.waiting.push(...sentences);
    if (this.waiting.length && this.timer === null) this.timer = setTimeout(() => this.speak(), GATHER_MS);
  }

  speak() {
    this.timer = null;
    const said = this.waiting.slice(0, SENTENCES);
    const rest = this.waiting.length - said.length;
    if (rest) said.push(say(this.words.andMore, { num: rest }));
    this.place.textContent = said.join(" ");
    this.waiting = [];
  }
}
