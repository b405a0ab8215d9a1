// The button that starts a visit. It keeps its place and focus while one runs: it only says so.

import { PricesAway, SignedOut, askPrices } from "./prices-api.js";

const STARTED = 202;
const RUNNING = 409;

export class FetchNow {
  constructor(button, said, { words, started, signedOut, ask = askPrices }) {
    Object.assign(this, { button, said, words, started, signedOut, ask });
    this.label = button.querySelector("[data-label]");
    button.addEventListener("click", (event) => {
      event.preventDefault(); // the form is for browsers without scripts
      this.press();
    });
  }

  /** Say whether one runs, however it was started. */
  running(isRunning) {
    this.isRunning = isRunning;
    this.draw();
  }

  draw() {
    const isOff = Boolean(this.isRunning || this.isAsking);
    this.button.setAttribute("aria-disabled", String(isOff));
    this.label.textContent = this.isRunning ? this.words.fetching : this.words.fetchNow;
  }

  async press() {
    if (this.isRunning || this.isAsking) return;
    this.isAsking = true;
    this.draw();
    try {
      const { status, body } = await this.ask("/crawls", { method: "POST" });
      this.said.textContent = { [STARTED]: this.words.fetchStarted, [RUNNING]: this.words.fetchRunning }[status] ?? this.words.fetchRefused;
      if (status === STARTED || status === RUNNING) this.started(status === STARTED ? body : null);
    } catch (error) {
      if (error instanceof SignedOut) this.signedOut();
      this.said.textContent = error instanceof PricesAway ? this.words.fetchAway : "";
    } finally {
      this.isAsking = false;
      this.draw();
    }
  }
}
