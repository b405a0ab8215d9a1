// What the price service answers, asked by a page that orders drew: /api/v1/prices/openapi.json.

const BASE = "/api/v1/prices";
const RENEWAL = "/api/v1/session/renew";
// Above the time that the gateway holds a request for while a service restarts.
const ANSWER_WITHIN_MS = 40_000;
const UNAUTHENTICATED = 401;
const TOO_MANY = 429;
const BROKEN = 500;

/** The service does not answer, is not well, or the way to it is cut: what is shown may be old. */
export class PricesAway extends Error {}

/** The session has ended. */
export class SignedOut extends Error {}

/** Return `{status, body}`. A 401 renews the identity once and asks again; `path` comes after /api/v1/prices, or is whole. */
export async function askPrices(path, { method = "GET", world = globalThis } = {}) {
  const address = path.startsWith(BASE) ? path : BASE + path;
  let answer = await send(world, address, method);
  if (answer.status === UNAUTHENTICATED) {
    const renewal = await send(world, RENEWAL, "POST");
    if (renewal.status !== UNAUTHENTICATED) answer = await send(world, address, method);
  }
  if (answer.status === UNAUTHENTICATED) throw new SignedOut(address);
  try {
    return { status: answer.status, body: await answer.json() };
  } catch {
    throw new PricesAway(address);
  }
}

async function send(world, address, method) {
  let answer;
  try {
    const signal = world.AbortSignal?.timeout(ANSWER_WITHIN_MS);
    // Asked because of news: an answer that the browser has from a second ago would hide them. What is the same is a 304.
    const asked = { method, signal, cache: "no-cache", headers: { Accept: "application/json" } };
    answer = await world.fetch(address, asked);
  } catch {
    throw new PricesAway(address);
  }
  if (answer.status >= BROKEN || answer.status === TOO_MANY) throw new PricesAway(address);
  return answer;
}
