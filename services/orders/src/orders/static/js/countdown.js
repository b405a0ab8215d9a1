// Time left until the cutoff, by the server's clock: the phone's own may be minutes off.

import { say } from "./words.js";

const DAY_S = 86_400;
const HOUR_S = 3_600;
const MINUTE_S = 60;
export const SOON_S = 30 * MINUTE_S;
const SECONDS_SHOWN_BELOW_S = 10 * MINUTE_S;

/** The server's time, as far as this page knows it; every message that carries one corrects it. */
export class ServerClock {
  constructor(serverMs, now = () => Date.now()) {
    this.now = now;
    this.correct(serverMs);
  }

  correct(serverMs) {
    this.offset = serverMs - this.now();
  }

  read() {
    return this.now() + this.offset;
  }
}

/** Days and hours, hours and minutes, minutes, or in the last ten minutes minutes and seconds. */
export function timeLeft(seconds, words) {
  if (seconds <= 0) return words.closed;
  if (seconds <= SECONDS_SHOWN_BELOW_S) {
    return `${Math.floor(seconds / MINUTE_S)}:${String(seconds % MINUTE_S).padStart(2, "0")}`;
  }
  const days = Math.floor(seconds / DAY_S);
  const hours = Math.floor((seconds % DAY_S) / HOUR_S);
  const minutes = Math.floor((seconds % HOUR_S) / MINUTE_S);
  if (days) return `${say(words.days, { num: days })} ${say(words.hours, { num: hours })}`;
  const rest = say(words.minutes, { num: minutes });
  return hours ? `${say(words.hours, { num: hours })} ${rest}` : rest;
}

/** Tick every countdown inside `root` once a second; `over` is called once when the cutoff passes. */
export function runCountdown(root, clock, cutoffMs, words, over = () => {}) {
  let wasOver = clock.read() >= cutoffMs();
  const tick = () => {
    const seconds = Math.max(0, Math.floor((cutoffMs() - clock.read()) / 1000));
    for (const element of root.querySelectorAll("[data-countdown]")) {
      const text = timeLeft(seconds, words);
      if (element.textContent !== text) element.textContent = text;
      element.classList.toggle("soon", seconds > 0 && seconds <= SOON_S);
    }
    if (seconds === 0 && !wasOver) over();
    wasOver = seconds === 0;
  };
  tick();
  return setInterval(tick, 1000);
}
