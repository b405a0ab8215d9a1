// Mails: what the log is asked for, how a history is put together, how the service is asked to change something.

import assert from "node:assert/strict";
import { test } from "node:test";

import { moments, wayOf } from "../../src/orders/static/js/mail-timeline.js";
import { standing } from "../../src/orders/static/js/mail-row.js";
import { relayLines } from "../../src/orders/static/js/mail-switch.js";
import { askMails } from "../../src/orders/static/js/mails-api.js";
import { queryOf } from "../../src/orders/static/js/mails.js";

const attempt = (at, more = {}) => ({ at, relay: "r", phase: "recipient", code: 451, answer: "later", state: "deferred", ...more });
const mail = (more) => ({ state: "deferred", created_at: "2026-01-08T00:00:00Z", tried: [], resent: [], reason: null, ...more });

test("the same attempt many times over is told once, with how many and the last", () => {
  const told = moments(mail({ tried: [attempt("2026-01-08T01:00:00Z"), attempt("2026-01-08T02:00:00Z"), attempt("2026-01-08T03:00:00Z", { code: 452 })] }));
  assert.deepEqual(
    told.map(({ what, times, lastAt }) => [what, times, lastAt]),
    [["written", undefined, undefined], ["tried", 2, "2026-01-08T02:00:00Z"], ["tried", 1, undefined]],
  );
});

test("a resend stands between the attempts, by its time", () => {
  const told = moments(
    mail({
      tried: [attempt("2026-01-08T01:00:00Z"), attempt("2026-01-08T03:00:00Z")],
      resent: [{ at: "2026-01-08T02:00:00Z", person_name: "Rosa" }],
    }),
  );
  assert.deepEqual(told.map(({ what }) => what), ["written", "tried", "resent", "tried"]);
});

test("an end that no attempt brought is told, one that it did is not told twice", () => {
  const expired = moments(mail({ state: "expired", settled_at: "2026-01-09T00:00:00Z", reason: "too late", tried: [attempt("2026-01-08T01:00:00Z")] }));
  assert.deepEqual(expired.at(-1), { what: "ended", at: "2026-01-09T00:00:00Z", state: "expired", reason: "too late" });
  const sent = moments(mail({ state: "sent", tried: [attempt("2026-01-08T01:00:00Z", { state: "sent", phase: "dot", code: 250 })] }));
  assert.equal(sent.at(-1).what, "tried");
});

test("how far an attempt got decides what is said of it", () => {
  const said = [
    [{ state: "sent", phase: "dot", code: 250 }, "sent"],
    [{ state: "lost", phase: "dot", code: null }, "lost"],
    [{ state: "deferred", phase: "recipient", code: 451 }, "recipient_later"],
    [{ state: "failed", phase: "recipient", code: 550 }, "recipient"],
    [{ state: "failed", phase: "dot", code: 554 }, "dot_refused"],
    [{ state: "deferred", phase: "dot", code: null }, "dot"],
    [{ state: "failed", phase: "content", code: 552 }, "content_refused"],
    [{ state: "queued", phase: "relay", code: null }, "relay"],
  ];
  for (const [met, way] of said) assert.equal(wayOf(met), way);
});

test("the form's fields become the service's question; a span of days a moment", () => {
  const now = Date.parse("2026-01-08T00:00:00Z");
  const fields = [["fate", "undelivered"], ["kind", ""], ["days", "7"], ["person", "p-1"], ["order", "o-1"]];
  const asked = new URLSearchParams(queryOf(fields, now));
  assert.deepEqual(Object.fromEntries(asked), {
    fate: "undelivered",
    since: "2026-01-01T00:00:00.000Z",
    person_id: "p-1",
    order_id: "o-1",
    limit: "50",
  });
});

test("a body goes along as JSON, also after the identity was renewed", async () => {
  const asked = [];
  const answers = [401, 204, 200];
  const world = {
    fetch: async (address, { method, headers, body }) => {
      asked.push([method, address, headers["Content-Type"], body]);
      return { status: answers.shift(), json: async () => ({}) };
    },
  };
  await askMails("/queue", { method: "PUT", body: { held: true, reason: "x" }, world });
  const put = ["PUT", "/api/v1/notifications/queue", "application/json", '{"held":true,"reason":"x"}'];
  assert.deepEqual(asked, [put, ["POST", "/api/v1/session/renew", undefined, undefined], put]);
});

test("of mail servers it is said which one is used, which can not be, and why everything waits", () => {
  const words = { relayAway: "all wait", firstAway: "by %(host)s", spareAway: "spare", relaySince: "%(host)s since %(moment)s" };
  const when = { moment: (iso) => iso };
  const way = (name, faults) => ({ name, host: `${name}.example`, faults, reason: faults ? `${name} refused` : null, since: faults ? "T1" : null });
  const said = (first, second, used) => relayLines({ relay: {}, relays: [way("primary", first), way("secondary", second)], used }, words, when).map(([, , text]) => text);
  assert.deepEqual(said(0, 0, "primary"), []);
  assert.deepEqual(said(2, 0, "secondary"), ["by secondary.example", "primary.example since T1", "primary refused"]);
  assert.deepEqual(said(0, 1, "primary"), ["spare", "secondary.example since T1", "secondary refused"]);
  assert.deepEqual(said(2, 1, null), ["all wait", "primary.example since T1", "primary refused", "secondary.example since T1", "secondary refused"]);
});

test("an older mail service tells of one mail server alone", () => {
  const words = { relayAway: "all wait" };
  const told = relayLines({ relay: { faults: 1, reason: "refused" } }, words, {});
  assert.deepEqual(told, [["lost", "alert", "all wait"], ["original", "list", "refused"]]);
  assert.deepEqual(relayLines({ relay: { faults: 0, reason: null } }, words, {}), []);
});

test("what its reader turned off, or what was withdrawn, does not look like a failure", () => {
  const words = { suppressed: "Held back", unwanted: "Not needed", sent: "Sent" };
  assert.deepEqual(standing({ state: "suppressed", undelivered: true }, words), ["bad", "moon", "Held back"]);
  assert.deepEqual(standing({ state: "suppressed", undelivered: false }, words), ["", "moon", "Not needed"]);
  assert.deepEqual(standing({ state: "suppressed" }, words), ["bad", "moon", "Held back"], "an older mail service does not say it");
  assert.deepEqual(standing({ state: "sent", undelivered: false }, words), ["good", "check", "Sent"]);
  assert.deepEqual(standing({ state: "of_tomorrow" }, words), ["", "list", "of_tomorrow"]);
});
