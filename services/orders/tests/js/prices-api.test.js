// How a page asks the price service: renewing once, telling "away" from "refused" from "signed out".

import assert from "node:assert/strict";
import { test } from "node:test";

import { PricesAway, SignedOut, askPrices } from "../../src/orders/static/js/prices-api.js";

/** A world whose answers are given in turn; `asked` keeps what was asked. */
function world(...answers) {
  const asked = [];
  const fetch = async (address, { method, cache }) => {
    assert.equal(cache, "no-cache"); // never an answer from before the news
    asked.push(`${method} ${address}`);
    const [status, body] = answers.shift();
    if (status === 0) throw new TypeError("no network");
    return { status, json: async () => JSON.parse(body ?? "{}") };
  };
  return { asked, fetch };
}

test("an answer comes with its status, refusals too", async () => {
  for (const status of [200, 202, 403, 404, 409, 422]) {
    const there = world([status, '{"items": []}']);
    assert.deepEqual(await askPrices("/crawls", { world: there }), { status, body: { items: [] } });
    assert.deepEqual(there.asked, ["GET /api/v1/prices/crawls"]);
  }
});

test("a way on that an answer told is asked as it is", async () => {
  const there = world([200]);
  await askPrices("/api/v1/prices/reports?after=x", { world: there });
  assert.deepEqual(there.asked, ["GET /api/v1/prices/reports?after=x"]);
});

test("an identity that ran out is renewed once and the request repeated", async () => {
  const there = world([401], [204], [202]);
  assert.equal((await askPrices("/crawls", { method: "POST", world: there })).status, 202);
  assert.deepEqual(there.asked, ["POST /api/v1/prices/crawls", "POST /api/v1/session/renew", "POST /api/v1/prices/crawls"]);
});

test("whoever cannot renew, or is refused again, is signed out", async () => {
  for (const answers of [[[401], [401]], [[401], [204], [401]]]) {
    const there = world(...answers);
    await assert.rejects(askPrices("/crawls", { method: "POST", world: there }), SignedOut);
  }
});

test("no network, a broken service, too many requests and what is no JSON all mean away", async () => {
  for (const answer of [[0], [500], [502], [503], [504], [429], [200, "<html>"]]) {
    await assert.rejects(askPrices("/crawls", { world: world(answer) }), PricesAway);
  }
});

test("a renewal that is not answered means away, not signed out", async () => {
  await assert.rejects(askPrices("/crawls", { method: "POST", world: world([401], [503]) }), PricesAway);
});
