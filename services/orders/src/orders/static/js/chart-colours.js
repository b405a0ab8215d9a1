// The chart's colours are the page's tokens; they follow light, dark and forced colours.

const TOKENS = ["leaf", "amber", "meter-amber", "ink", "ink-soft", "line", "card", "sky", "plum", "clay"];
const FORCED = { card: "Canvas", line: "GrayText", "ink-soft": "CanvasText", ink: "CanvasText" };
const THEMES = ["(prefers-color-scheme: dark)", "(forced-colors: active)"];

export function readColours(element = document.documentElement) {
  const style = getComputedStyle(element);
  const isForced = matchMedia(THEMES[1]).matches;
  const read = (token) => (isForced ? (FORCED[token] ?? "CanvasText") : style.getPropertyValue(`--${token}`).trim());
  return Object.fromEntries(TOKENS.map((token) => [token, read(token)]));
}

export function onThemeChange(redraw) {
  for (const theme of THEMES) matchMedia(theme).addEventListener("change", redraw);
}

/** A token's colour, let through; system colours stay whole, their patterns tell areas apart. */
export function faint(colour, share) {
  const [, red, green, blue] = /^#(..)(..)(..)$/.exec(colour) ?? [];
  return red ? `rgba(${[red, green, blue].map((part) => Number.parseInt(part, 16)).join(", ")}, ${share})` : "transparent";
}
