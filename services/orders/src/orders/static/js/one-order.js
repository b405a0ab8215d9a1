// The page of one order: after it went through, nothing typed before counts; and what others write or change shows up.

import { showConnection } from "./connection.js";
import { forgetDrafts, forgetTyped, keepTyped } from "./draft.js";
import { goLive } from "./realtime.js";

const GATHER_MS = 250;

const sheet = document.querySelector("[data-one-order]");
if (sheet) {
  forget(sheet.dataset);
  watch(sheet);
}

/** What was done was done once: whoever comes back to this page later has typed anew since. */
function forget({ done, cycle, store, order }) {
  if (done === undefined) return;
  if (done === "commented") forgetTyped(`comment:${order}`);
  else forgetDrafts(cycle, store);
  history.replaceState(null, "", location.pathname + location.hash);
}

function watch(sheet) {
  const { order, store, since } = sheet.dataset;
  const refresh = makeRefresh();
  const comment = document.querySelector("#comments > form")?.elements.text;
  if (comment) keepTyped(comment, `comment:${order}`);
  goLive([{ c: `store:${store}`, since: Number(since) }], {
    message: ({ k: kind, d: data }) => {
      if ((kind === "comment" || kind === "order") && data.order_id === order) refresh();
    },
    reset: refresh,
    state: (state) => showConnection(sheet, state),
  });
}

/** Fetch the page again and put in place what changed; the fields in which somebody may be typing are not touched. */
function makeRefresh() {
  let timer = null;
  const run = async () => {
    timer = null;
    try {
      const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
      if (answer.ok && !answer.redirected) put(await answer.text());
    } catch {
      // The page stays as it is; the next message or a reload brings what was missed.
    }
  };
  return () => {
    timer ??= setTimeout(run, GATHER_MS);
  };
}

function put(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  for (const region of fresh.querySelectorAll("[data-region]")) {
    const shown = document.querySelector(`[data-region="${region.dataset.region}"]`);
    if (shown && shown.innerHTML !== region.innerHTML) shown.replaceChildren(...region.childNodes);
  }
}
