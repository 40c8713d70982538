// What operators know of the server beside its list of models: memory, workers, what is on the disk, routes. Asked for
// while a view that shows it is there, again after every event, and now and then.

import { ask, askJson } from "../server/asking.js";
import { defaultModel, isAdmin, listen, refresh } from "../server/live.js";
import { effect, signal, useEffect } from "../ui.js";

const EVERY_MS = 4000;
const EVENTS = new Set(["snapshot", "status", "dropped"]);

/** GET /admin/status, or null. */
export const status = signal(null);
/** Ids of models that stay in memory when nobody uses them, as a request has said. */
export const kept = signal(new Set());
/** GET /v1/routes: {id, members, shadow}. */
export const routes = signal([]);
/** GET /admin/found: models on this disk; null where the server has no such list. */
export const found = signal(null);
/** What went wrong with the last thing that was asked, in words. */
export const problem = signal("");

const FAR = 50 * 365 * 86400 * 1000; // what "never" is written as lies a hundred years ahead

async function look() {
  try {
    const [now, ps] = await Promise.all([askJson("admin/status", { isQuiet: true }), askJson("api/ps", { isQuiet: true })]);
    status.value = now;
    kept.value = new Set(
      ps.models.filter((model) => Date.parse(model.expires_at) - Date.now() > FAR).map((model) => model.name.replace(/:latest$/, "")),
    );
    routes.value = (await askJson("v1/routes", { isQuiet: true })).data;
  } catch (error) {
    if (error.status) status.value = null; // not for this key; without a server the last state stays
  }
}

export async function lookForFound() {
  try {
    found.value = (await askJson("admin/found", { isQuiet: true })).data;
  } catch {
    found.value = null;
  }
}

/** Keep `status` up to date for as long as the component is shown. */
export function useServerState() {
  useEffect(
    () =>
      effect(() => {
        if (!isAdmin.value) return undefined;
        look();
        const timer = setInterval(() => document.hidden || look(), EVERY_MS);
        const end = listen((name) => EVENTS.has(name) && look());
        return () => {
          clearInterval(timer);
          end();
        };
      }),
    [],
  );
}

/** Run what an operator asked for; what goes wrong is said in `problem`. */
async function act(what) {
  problem.value = "";
  try {
    await what();
  } catch (error) {
    problem.value = error.message;
  }
  refresh();
  look();
}

/** "load", "unload", "enable", "disable", as the server knows them. */
export function verb(name, id, fields = {}) {
  return act(async () => {
    const answer = await askJson(`v1/models/${name}`, { method: "POST", body: { model_id: id, ...fields } });
    if (answer.error) throw new Error(`${id}: ${answer.error}`);
  });
}

/** Let a model stay in memory when nobody uses it, or go as its settings say. */
export function keep(id, isKept) {
  const keepAlive = isKept ? -1 : "10m";
  return act(() => ask("api/generate", { method: "POST", body: { model: id, keep_alive: keepAlive, stream: false } }));
}

export function makeDefault(id) {
  return act(async () => {
    await ask("admin/default", { method: "POST", body: { model_id: id } });
    defaultModel.value = id;
  });
}

export function serveFound(id) {
  return act(async () => {
    await ask("admin/found", { method: "POST", body: { model_id: id } });
    await lookForFound();
  });
}

/** What a load would take and do. Throws ServerError. */
export function planOf(id) {
  return askJson(`v1/models/${encodeURI(id)}/plan`, { isQuiet: true });
}

/** The last lines of a model's worker, and of the one before. Throws ServerError. */
export function logsOf(id) {
  return askJson(`admin/models/${encodeURI(id)}/logs`, { isQuiet: true });
}
