// How the page asks the server: the key, which this tab keeps; errors as values with their code; answers that come as
// server-sent events or as lines of JSON. Addresses are relative to the page, so that it works below any path of a proxy.

import { signal } from "../ui.js";

const KEY_NAME = "lsrv.key";

/** The key that is sent, "" for none. It lives as long as the tab. */
export const key = signal(sessionStorage.getItem(KEY_NAME) ?? "");

/** What the server said when it last refused a key: {message} or null. */
export const keyRefusal = signal(null);

export function setKey(text) {
  key.value = text.trim();
  keyRefusal.value = null;
  if (key.value) sessionStorage.setItem(KEY_NAME, key.value);
  else sessionStorage.removeItem(KEY_NAME);
}

/** Why there is no answer. `status` is 0 where no server answered; `code` is the server's own word for it. */
export class ServerError extends Error {
  constructor(message, { status = 0, code = "unreachable", fields = {} } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.fields = fields;
  }
}

/** A Response with a good status. Throws ServerError; an AbortError where `signal` fired. */
export async function ask(path, { method = "GET", body, signal: abort, isQuiet = false } = {}) {
  const headers = {};
  if (key.value) headers.authorization = `Bearer ${key.value}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: abort,
      credentials: "omit",
      cache: "no-store",
    });
  } catch (error) {
    throw asServerError(error);
  }
  if (response.ok) return response;
  const error = await errorOf(response);
  if (error.status === 401 && !isQuiet) keyRefusal.value = { message: error.message };
  throw error;
}

export async function askJson(path, options) {
  const response = await ask(path, options);
  try {
    return await response.json();
  } catch (error) {
    throw asServerError(error);
  }
}

/** `error` as something to show: what fetch throws says nothing that helps. */
export function asServerError(error) {
  if (error instanceof ServerError || error?.name === "AbortError") return error;
  return new ServerError("The server does not answer. It may have been stopped, or the connection is gone.");
}

async function errorOf(response) {
  let told = null;
  try {
    told = await response.json();
  } catch {
    // not ours: a proxy's page, or nothing; its status is all there is
  }
  const error = told?.error;
  if (typeof error === "string") return new ServerError(error, { status: response.status, code: "error" });
  return new ServerError(error?.message ?? `The server answered ${response.status} ${response.statusText}`.trim(), {
    status: response.status,
    code: error?.code ?? "error",
    fields: error ?? {},
  });
}

/** {name, data} of each event, {comment} of each comment, as they come. Throws ServerError where the stream breaks. */
export async function* serverSentEvents(response) {
  let name = "message";
  let data = [];
  for await (const line of lines(response)) {
    if (line === "") {
      if (data.length) yield { name, data: data.join("\n") };
      name = "message";
      data = [];
    } else if (line.startsWith(":")) {
      yield { comment: line.slice(1).trim() };
    } else if (line.startsWith("data:")) {
      data.push(line.slice(line[5] === " " ? 6 : 5));
    } else if (line.startsWith("event:")) {
      name = line.slice(6).trim();
    }
  }
}

/** The lines of a body, without their ends. */
export async function* lines(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error) => {
        throw asServerError(error);
      });
      if (done) break;
      const parts = (rest + value).split("\n");
      rest = parts.pop();
      for (const part of parts) yield part.endsWith("\r") ? part.slice(0, -1) : part;
    }
    if (rest) yield rest;
  } finally {
    reader.cancel().catch(() => {}); // whoever stopped reading has no use for how that ends
  }
}
