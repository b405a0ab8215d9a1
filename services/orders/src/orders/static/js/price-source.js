// Asks the price service until it answers, and says so on the page when that takes long.

import { PricesAway, SignedOut, askPrices } from "./prices-api.js";

export const SLOW_MS = 1_000;
export const FIRST_AGAIN_MS = 2_000;
export const LONGEST_AGAIN_MS = 30_000;

/** The newest question of a place on the page; older ones are let go. `show(state)`: "quiet", "slow", "away", "signed-out". */
export class PriceSource {
  constructor(show, world = globalThis) {
    Object.assign(this, { show, world, asked: 0, wake: () => {} });
    for (const name of ["online", "pageshow"]) world.addEventListener?.(name, () => this.wake());
  }

  /** Resolve with {status, body} of an answer below 500, or null when something newer was asked meanwhile. */
  async ask(path, now = askPrices) {
    const mine = ++this.asked;
    const isOver = () => mine !== this.asked;
    this.wake();
    for (let again = FIRST_AGAIN_MS; ; again = Math.min(again * 2, LONGEST_AGAIN_MS)) {
      const answer = await this.once(path, now, isOver);
      if (isOver()) return null;
      if (answer) return answer;
      await this.pause(again);
      if (isOver()) return null;
    }
  }

  async once(path, now, isOver) {
    const slow = this.world.setTimeout(() => isOver() || this.isAway || this.show("slow"), SLOW_MS);
    try {
      const answer = await now(path, { world: this.world });
      if (!isOver()) this.tell("quiet");
      return answer;
    } catch (problem) {
      if (!(problem instanceof PricesAway || problem instanceof SignedOut)) throw problem;
      if (!isOver()) this.tell(problem instanceof SignedOut ? "signed-out" : "away");
      return null;
    } finally {
      this.world.clearTimeout(slow);
    }
  }

  tell(state) {
    this.isAway = state === "away";
    this.show(state);
  }

  /** Wait, but not once the network is back or somebody asks to try now. */
  pause(ms) {
    return new Promise((resolve) => {
      const timer = this.world.setTimeout(resolve, ms);
      this.wake = () => {
        this.world.clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Show one of the notices of a place: `data-slow`, `data-away`, `data-signed-out`. */
export function noticesOf(place) {
  return (state) => {
    place.dataset.prices = state;
    for (const notice of place.querySelectorAll("[data-notice-of]")) notice.hidden = notice.dataset.noticeOf !== state;
  };
}
