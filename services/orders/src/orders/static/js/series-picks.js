// Market, variety, package, size and organic: what may still be picked, given the other picks.

export const PARTS = ["market", "variety", "package", "size", "organic"];

/** What a series has there, as the address writes it. */
export function valueOf(series, part) {
  return part === "organic" ? String(Boolean(series.organic)) : (series[part] ?? "");
}

export function fits(series, picks, except = "") {
  return PARTS.every((part) => part === except || picks[part] === undefined || picks[part] === valueOf(series, part));
}

/** For each part the values that the other picks leave, sorted, with how many series each has. */
export function optionsOf(items, picks) {
  return Object.fromEntries(PARTS.map((part) => [part, counted(items.filter((series) => fits(series, picks, part)), part)]));
}

function counted(items, part) {
  const counts = new Map();
  for (const series of items) counts.set(valueOf(series, part), (counts.get(valueOf(series, part)) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true })).map(([value, count]) => ({ value, count }));
}

/** What the page's address says was looked for; a part that is not there was not picked. */
export function readAddress(search) {
  const given = new URLSearchParams(search);
  const picks = Object.fromEntries(PARTS.filter((part) => given.has(part)).map((part) => [part, given.get(part)]));
  return { q: given.get("q") ?? "", commodity: given.get("commodity") ?? "", picks };
}

export function writeAddress({ q, commodity, picks }) {
  const told = { ...(q ? { q } : {}), ...(commodity ? { commodity, ...picks } : {}) };
  const query = new URLSearchParams(told).toString();
  return `/prices${query ? `?${query}` : ""}`;
}
