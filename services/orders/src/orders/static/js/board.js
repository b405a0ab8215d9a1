// The staff's board: whatever happens, the regions that changed are drawn anew by the server and put in place.

import { showConnection, showViewers } from "./connection.js";
import { ServerClock, runCountdown } from "./countdown.js";
import { goLive } from "./realtime.js";
import { readWords } from "./words.js";

const GATHER_MS = 250;
const FRAGMENT = "/staff/board";
const RETRY_MS = 5_000;
// orders hears of a crawl's end by itself, perhaps a little after this page does.
const CRAWL_KNOWN_MS = 3_000;
const CRAWL_ENDED = ["finished", "failed"];

const place = document.querySelector("[data-board]");
const empty = document.querySelector("[data-no-day]");
if (place) openBoard(place);
else if (empty) awaitDay(Number(empty.dataset.since));

/** Nothing is open: the first news, of a day that opens or an order, brings the board. */
function awaitDay(since) {
  goLive([{ c: "staff", since }], { message: ({ c: channel }) => channel === "staff" && location.reload() });
}

function openBoard(place) {
  const words = readWords(place);
  const board = () => place.querySelector("#board");
  const clock = new ServerClock(Number(board().dataset.serverTime));
  const refresh = makeRefresh(place, clock);
  runCountdown(place, clock, () => Number(board().dataset.cutoff), words, refresh);
  const since = Number(place.dataset.since);
  goLive([{ c: "staff", since }, { c: `cycle:${board().dataset.cycle}`, since }, { c: "crawls", since }], {
    message: ({ c: channel, k: kind, d: data }) => {
      if (kind === "crawl") CRAWL_ENDED.includes(data.state) && setTimeout(refresh, CRAWL_KNOWN_MS);
      else if (kind === "viewers") showViewers(place, data.n, words);
      else if (!channel.startsWith("person:")) refresh();
    },
    reset: refresh,
    clock: (serverMs) => clock.correct(serverMs),
    state: (state) => showConnection(place, state),
  });
}

/** One fetch at a time; what comes in meanwhile makes one more. */
function makeRefresh(place, clock) {
  let timer = null;
  let busy = false;
  let again = false;
  const soon = (ms) => {
    timer ??= setTimeout(run, ms);
  };
  const run = async () => {
    timer = null;
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      const answer = await fetch(FRAGMENT, { headers: { Accept: "text/html" } });
      if (answer.ok && !answer.redirected) put(place, await answer.text(), clock);
      else if (answer.redirected && new URL(answer.url).pathname === "/staff") location.reload(); // no day is left
      else if (answer.status >= 500) soon(RETRY_MS);
    } catch {
      soon(RETRY_MS);
    } finally {
      busy = false;
      if (again) soon(GATHER_MS);
      again = false;
    }
  };
  return () => soon(GATHER_MS);
}

function put(place, html, clock) {
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("board");
  const board = place.querySelector("#board");
  if (!fresh) return;
  if (fresh.dataset.cycle !== board.dataset.cycle) {
    location.reload(); // another market day: its name stands outside the board
    return;
  }
  Object.assign(board.dataset, fresh.dataset);
  clock.correct(Number(fresh.dataset.serverTime));
  showAsBefore(board, fresh);
  const known = new Map([...board.querySelectorAll("[data-order]")].map((row) => [row.dataset.order, row.dataset.version]));
  for (const region of fresh.querySelectorAll("[data-region]")) {
    const shown = board.querySelector(`[data-region="${region.dataset.region}"]`);
    if (!shown || shown.innerHTML === region.innerHTML) continue;
    for (const row of region.querySelectorAll("[data-order]")) {
      row.classList.toggle("news", known.get(row.dataset.order) !== row.dataset.version);
    }
    keepPlace(shown, region);
  }
}

/** What only the connection tells, the server's drawing does not say. */
function showAsBefore(board, fresh) {
  fresh.querySelector("[data-viewers]").textContent = board.querySelector("[data-viewers]").textContent;
}

/** Replace a region without moving the reader: scroll position and focus stay where they were. */
function keepPlace(shown, region) {
  const scroll = shown.querySelector(".scroll")?.scrollTop ?? 0;
  const focused = shown.contains(document.activeElement) ? document.activeElement : null;
  const address = focused?.getAttribute("href");
  shown.replaceChildren(...region.childNodes);
  const list = shown.querySelector(".scroll");
  if (list) list.scrollTop = scroll;
  if (address) shown.querySelector(`[href="${CSS.escape(address)}"]`)?.focus({ preventScroll: true });
  else if (focused?.classList.contains("scroll")) list?.focus({ preventScroll: true });
}
