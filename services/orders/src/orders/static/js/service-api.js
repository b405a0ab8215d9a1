// What another service answers, asked by a page that orders drew.

const RENEWAL = "/api/v1/session/renew";
// Above the time that the gateway holds a request for while a service restarts.
const ANSWER_WITHIN_MS = 40_000;
const UNAUTHENTICATED = 401;
const TOO_MANY = 429;
const BROKEN = 500;

/** The service does not answer, is not well, or the way to it is cut: what is shown may be old. */
export class ServiceAway extends Error {}

/** The session has ended. */
export class SignedOut extends Error {}

/**
 * Return `ask(path, {method, body})`, which returns `{status, body}`. A 401 renews the identity once and asks again;
 * `path` comes after `base`, or is whole; a body is sent as JSON.
 */
export function asker(base) {
  return async (path, { method = "GET", body, world = globalThis } = {}) => {
    const address = path.startsWith(base) ? path : base + path;
    let answer = await send(world, address, method, body);
    if (answer.status === UNAUTHENTICATED) {
      const renewal = await send(world, RENEWAL, "POST");
      if (renewal.status !== UNAUTHENTICATED) answer = await send(world, address, method, body);
    }
    if (answer.status === UNAUTHENTICATED) throw new SignedOut(address);
    try {
      return { status: answer.status, body: await answer.json() };
    } catch {
      throw new ServiceAway(address);
    }
  };
}

async function send(world, address, method, body) {
  let answer;
  try {
    const signal = world.AbortSignal?.timeout(ANSWER_WITHIN_MS);
    const headers = { Accept: "application/json", ...(body && { "Content-Type": "application/json" }) };
    // Asked because of news: an answer that the browser has from a second ago would hide them. What is the same is a 304.
    const asked = { method, signal, cache: "no-cache", headers, ...(body && { body: JSON.stringify(body) }) };
    answer = await world.fetch(address, asked);
  } catch {
    throw new ServiceAway(address);
  }
  if (answer.status >= BROKEN || answer.status === TOO_MANY) throw new ServiceAway(address);
  return answer;
}
