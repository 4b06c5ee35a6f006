// Requests to the monitor. All addresses are relative to the page, so that it works below any path prefix.

/** A request that failed; `status` is 0 if there was no answer. */
export class RequestError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Called when the monitor wants a token. */
export const unauthorized = new EventTarget();

async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  } catch {
    throw new RequestError("no connection to the monitor", 0);
  }
  if (response.ok) return response.status === 204 ? null : response.json();
  let message = `${response.status} ${response.statusText}`;
  try {
    message = (await response.json()).error || message;
  } catch {
    // The answer of a proxy is not JSON; its status says enough.
  }
  if (response.status === 401 && path !== "login") unauthorized.dispatchEvent(new Event("needed"));
  throw new RequestError(message, response.status);
}

/** GET a path with query values; those that are null are left out. */
export function get(path, query = {}) {
  const values = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined) values.set(name, value);
  }
  const text = values.toString();
  return request(text ? `${path}?${text}` : path);
}

/** POST JSON. */
export function post(path, data) {
  const headers = { "Content-Type": "application/json" };
  return request(path, { method: "POST", headers, body: JSON.stringify(data) });
}

/** Return the bytes of base64 text. */
export function bytes(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
