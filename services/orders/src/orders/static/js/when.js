// Days, times and spans as the server writes them: the reader's language, the hub's zone by its name.

const SECOND_MS = 1000;
const MINUTE_S = 60;
const TENTHS_BELOW_S = 10;
const NARROW_SPACE = /\u202f/g; // old phones draw it as a box

export class When {
  constructor(language, zone) {
    this.locale = `${language}-US`;
    const day = { weekday: "short", month: "short", day: "numeric" };
    const clock = { hour: "numeric", minute: "2-digit", timeZoneName: "short", timeZone: zone };
    this.days = new Intl.DateTimeFormat(this.locale, { ...day, timeZone: "UTC" });
    this.daysHere = new Intl.DateTimeFormat(this.locale, { ...day, timeZone: zone });
    this.clocks = new Intl.DateTimeFormat(this.locale, clock);
    this.numbers = new Intl.NumberFormat(this.locale);
  }

  /** A date without a time: "Thu, Jan 8". */
  day(date) {
    return this.days.format(new Date(`${date}T00:00:00Z`)).replace(NARROW_SPACE, "\u00a0");
  }

  /** A moment: "Thu, Jan 8, 6:00 PM PST". */
  moment(iso) {
    const at = new Date(iso);
    return `${this.daysHere.format(at)}, ${this.clocks.format(at)}`.replace(NARROW_SPACE, "\u00a0");
  }

  number(count) {
    return this.numbers.format(count);
  }

  /** How long something took: "0.4 sec", "12 sec", "3 min 5 sec". */
  span(ms) {
    const seconds = Math.max(0, ms) / SECOND_MS;
    if (seconds < TENTHS_BELOW_S) return this.#unit(Math.round(seconds * 10) / 10, "second");
    const whole = Math.round(seconds);
    if (whole < MINUTE_S) return this.#unit(whole, "second");
    const rest = whole % MINUTE_S;
    const minutes = this.#unit(Math.floor(whole / MINUTE_S), "minute");
    return rest ? `${minutes} ${this.#unit(rest, "second")}` : minutes;
  }

  #unit(count, unit) {
    return new Intl.NumberFormat(this.locale, { style: "unit", unit, unitDisplay: "short" }).format(count);
  }
}
