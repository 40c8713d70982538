// The server as it is now: its models with their states, kept up to date by its feed of events (/admin/events), or by
// asking again where this key may not read that. Comes back by itself when the server does.

import { batch, computed, effect, signal } from "../ui.js";
import { ask, askJson, key, serverSentEvents } from "./asking.js";

const ASK_AGAIN_MS = 4000; // without the feed
const RETRY_MS = [500, 1000, 2000, 4000];
const MAX_KEPT_REQUESTS = 200;

/** What /v1/models lists, but for "default": entries, their adapters, routes. */
export const models = signal([]);
export const defaultModel = signal("");

/** "connecting", "online", "offline" or "locked" (a key is needed). */
export const connection = signal("connecting");
/** Whether the feed can be read: with admin keys only they may. null: not known yet. */
export const isAdmin = signal(null);

/** How far the load of a model is: {stage, fraction, what} by id. */
export const progress = signal({});
/** Requests as the feed tells them, the newest first: {id, model, route, startedAt, status?, seconds?, …}. */
export const requests = signal([]);

const listeners = new Set();

/** Have `listener(name, data)` called for every event of the feed; returns what ends that. */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Entries alone: what has a state of its own. */
export const entries = computed(() => models.value.filter((model) => model.status && !model.parent));

export function modelOf(id) {
  return models.value.find((model) => model.id === id) ?? models.value.find((model) => model.aliases?.includes(id));
}

/** What can chat: entries that generate text or may turn out to, their adapters, and routes. */
export const chatModels = computed(() =>
  models.value.filter(({ capabilities: can = [] }) => !can.length || can.includes("chat") || can.includes("completion")),
);

/** Whether requests that name no model get this one. */
export function isDefault({ id, root }) {
  return defaultModel.value !== "" && (defaultModel.value === id || defaultModel.value === root);
}

/** Ask for the list again, soon; several calls become one question. */
let isRefreshing = null;
export function refresh() {
  isRefreshing ??= new Promise((resolve) => setTimeout(resolve, 60)).then(async () => {
    isRefreshing = null;
    try {
      takeList(await askJson("v1/models", { isQuiet: true }));
    } catch {
      // whoever watches the connection notices, too, and says so
    }
  });
  return isRefreshing;
}

function takeList(list) {
  models.value = list.data.filter((model) => model.id !== "default");
}

function take(name, data) {
  batch(() => {
    if (name === "snapshot") {
      defaultModel.value = data.default_model_id ?? "";
      progress.value = {};
      requests.value = requests.value.filter((each) => each.status !== undefined);
      refresh();
    } else if (name === "status") {
      takeStatus(data);
    } else if (name === "progress") {
      progress.value = { ...progress.value, [data.model_id]: data };
    } else if (name === "request_started") {
      const begun = { id: data.request_id, model: data.model_id, route: data.route, startedAt: Date.now() };
      requests.value = [begun, ...requests.value].slice(0, MAX_KEPT_REQUESTS);
    } else if (name === "request_finished") {
      requests.value = requests.value.map((each) => (each.id === data.request_id ? { ...each, ...data } : each));
    }
  });
  for (const listener of listeners) listener(name, data);
}

function takeStatus({ model_id: id, status, error, reason }) {
  const { [id]: _, ...others } = progress.value;
  progress.value = others;
  models.value = models.value.map((model) =>
    model.id === id || model.parent === id
      ? { ...model, status, error, meta: { ...model.meta, ...(reason ? { unload_reason: reason } : {}) } }
      : model,
  );
  if (status !== "reloading") refresh(); // a loaded model knows more of itself
}

// One loop: ask for the list, then read the feed for as long as it lasts. A hidden tab reads none: a browser has but six
// connections to a server.

let wake = () => {};

async function pause(ms) {
  await new Promise((resolve) => {
    wake = resolve;
    setTimeout(resolve, ms);
  });
}

async function whileVisible() {
  while (document.hidden) {
    await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
  }
}

async function follow() {
  let nFailures = 0;
  for (;;) {
    await whileVisible();
    const stop = new AbortController();
    const onHidden = () => document.hidden && stop.abort();
    document.addEventListener("visibilitychange", onHidden);
    const endWithKey = watchKey(stop);
    try {
      takeList(await askJson("v1/models", { signal: stop.signal }));
      connection.value = "online";
      nFailures = 0;
      await pause((await readFeed(stop.signal)) ? RETRY_MS[0] : ASK_AGAIN_MS);
    } catch (error) {
      if (error.name !== "AbortError") {
        connection.value = error.status === 401 ? "locked" : error.status ? "online" : "offline";
        await pause(RETRY_MS[Math.min(nFailures++, RETRY_MS.length - 1)]);
      }
    } finally {
      endWithKey();
      document.removeEventListener("visibilitychange", onHidden);
    }
  }
}

/** Begin anew with another key. */
function watchKey(stop) {
  const first = key.value;
  return effect(() => {
    if (key.value === first) return;
    stop.abort();
    wake();
  });
}

/** False where this key may not read the feed. Returns when the feed ends. */
async function readFeed(abort) {
  let response;
  try {
    response = await ask("admin/events", { signal: abort, isQuiet: true });
  } catch (error) {
    if (error.status !== 401 && error.status !== 403) throw error;
    isAdmin.value = false;
    return false;
  }
  isAdmin.value = true;
  for await (const event of serverSentEvents(response)) {
    if (event.name) take(event.name, JSON.parse(event.data));
  }
  return true;
}

export function start() {
  follow();
}

/** Whether the page can go on only with a key, or with another one. */
export const keyIsAsked = computed(() => connection.value === "locked");
