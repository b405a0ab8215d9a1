// Fetches the state again: soon after news, now and then where no news come, later and later while nothing answers.

export const GATHER_MS = 1_000;
export const POLL_MS = 5_000;
export const LONGEST_POLL_MS = 60_000;
const FIRST_RETRY_MS = 2_000;

export class Refresher {
  /** `work()` fetches and returns whether it worked; without news it is repeated, at most every 5 s, at least every minute. */
  constructor(work, world = globalThis) {
    Object.assign(this, { work, world });
    this.isBusy = this.isWanted = this.isBlind = false;
    this.pause = POLL_MS;
    this.failures = 0;
    this.at = Infinity;
  }

  /** Fetch within `ms`; what is asked for meanwhile is one fetch. */
  soon(ms = GATHER_MS) {
    if (this.isBusy) this.isWanted = true;
    else this.#by(this.world.Date.now() + ms);
  }

  /** Whether no news come: then look by oneself, often at first. */
  blind(isBlind) {
    if (isBlind === this.isBlind) return;
    this.isBlind = isBlind;
    this.pause = POLL_MS;
    this.soon(isBlind ? POLL_MS : GATHER_MS);
  }

  /** Something happens while one looks by oneself: look often again. */
  lively() {
    this.pause = POLL_MS;
  }

  #by(at) {
    if (at >= this.at) return;
    this.world.clearTimeout(this.timer);
    this.at = at;
    this.timer = this.world.setTimeout(() => this.#run(), Math.max(0, at - this.world.Date.now()));
  }

  async #run() {
    this.at = Infinity;
    if (this.world.document.hidden && this.isBlind) return; // `soon` when it is looked at again
    this.isBusy = true;
    const worked = await this.work();
    this.isBusy = false;
    this.failures = worked ? 0 : this.failures + 1;
    if (!worked) this.soon(Math.min(LONGEST_POLL_MS, FIRST_RETRY_MS * 2 ** (this.failures - 1)));
    else if (this.isWanted) this.soon();
    else if (this.isBlind) this.soon(this.pause);
    this.isWanted = false;
    this.pause = Math.min(LONGEST_POLL_MS, this.pause * 2);
  }
}
