// The mails of one order or one person, on its page.

import { showHeldBack } from "./held-back.js";
import { askMails, SignedOut } from "./mails-api.js";
import { mailRow } from "./mail-row.js";
import { PagedList } from "./paged-list.js";
import { Refresher } from "./refresher.js";
import { When } from "./when.js";
import { readWords } from "./words.js";

const part = document.querySelector("[data-mails]");
if (part) show(part);

function show(part) {
  const find = (name) => part.querySelector(`[data-${name}]`);
  const language = document.documentElement.lang;
  const refresher = new Refresher(refresh);
  const signedOut = () => {
    find("ended").hidden = false;
  };
  const [field, id] = part.dataset.query.split("=");
  const isPerson = field === "person_id";
  const tools = {
    ask: askMails,
    words: readWords(part),
    rules: JSON.parse(part.dataset.problems),
    when: new When(language, part.dataset.zone),
    language,
    about: field,
    changed: () => {
      refresher.lively();
      refresher.soon(0);
    },
    signedOut,
  };
  const list = new PagedList({
    path: `?${part.dataset.query}&limit=10`,
    place: find("rows"),
    more: find("more"),
    empty: find("empty"),
    key: ({ id }) => id,
    draw: (mail) => mailRow(mail, tools),
    ask: askMails,
  });
  async function refresh() {
    try {
      await Promise.all([list.refresh(), isPerson && showHeldBack(find("held"), id, tools)]);
    } catch (error) {
      if (error instanceof SignedOut) signedOut();
      find("away").hidden = error instanceof SignedOut;
      return error instanceof SignedOut;
    }
    find("away").hidden = find("ended").hidden = find("fallback").hidden = true;
    return true;
  }
  document.addEventListener("visibilitychange", () => document.hidden || refresher.soon());
  refresher.blind(true);
  refresher.soon(0);
}
