// The chart's axis: market days, one step each. No market is held on weekends, so none are drawn; a weekday without a
// quote keeps its place and stays empty.

const DAY_MS = 86_400_000;
const SATURDAY = 6;
const SUNDAY = 0;
const LONGEST_USUAL_GAP = 3;

export function addDays(iso, days) {
  return new Date(Date.parse(iso) + days * DAY_MS).toISOString().slice(0, 10);
}

export function isWeekend(iso) {
  return [SATURDAY, SUNDAY].includes(new Date(iso).getUTCDay());
}

/** Mondays to Fridays after `start` up to and including `end`; 0 when `end` is not later. */
export function businessDaysBetween(start, end) {
  let count = 0;
  for (let day = addDays(start, 1); day <= end; day = addDays(day, 1)) count += isWeekend(day) ? 0 : 1;
  return count;
}

export class MarketDays {
  /** Every weekday from the first to the last of `dates`, and a weekend's day only where something is told of it. */
  constructor(dates) {
    const told = new Set(dates);
    const sorted = [...told].sort();
    this.all = [];
    for (let day = sorted[0]; day && day <= sorted.at(-1); day = addDays(day, 1)) {
      if (!isWeekend(day) || told.has(day)) this.all.push(day);
    }
    this.places = new Map(this.all.map((day, place) => [day, place]));
  }

  get last() {
    return this.all.length - 1;
  }

  /** The place of a day; of one that is not on the axis, the next market day's. Beyond the ends: undefined. */
  place(iso) {
    const known = this.places.get(iso);
    if (known !== undefined || iso < this.all[0] || iso > this.all.at(-1)) return known;
    return this.all.findIndex((day) => day > iso);
  }
}

/** Points with their place on the axis; those beyond it are left out. */
export function placed(points, days) {
  return points.map((point) => ({ ...point, x: days.place(point.date) })).filter(({ x }) => x !== undefined);
}

/** Points with a break where more days are missing than is usual for the series (some are told weekly). */
export function withBreaks(points, days) {
  const found = placed(points, days);
  const steps = found.slice(1).map(({ x }, at) => x - found[at].x).sort((a, b) => a - b);
  const usual = Math.max(LONGEST_USUAL_GAP, 2 * (steps[Math.floor((steps.length - 1) / 2)] ?? 0));
  return found.flatMap((point, at) => (at && point.x - found[at - 1].x > usual ? [{ x: point.x - 1, isBreak: true }, point] : [point]));
}
