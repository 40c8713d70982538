// Which conversation is shown, and what can be done to it by name. A new one is made by its first message.

import { closeLayer } from "../parts/layers.js";
import { bind } from "../parts/keyboard.js";
import { go, place } from "../parts/place.js";
import { chatModels, isDefault, modelOf } from "../server/live.js";
import { computed, effect, signal } from "../ui.js";
import { isAnswering, stop } from "./answering.js";
import { newConversation } from "./conversation.js";
import { createConversation, openConversation, removeConversation, startStore } from "./store.js";

/** The conversation that is shown: a signal of a signal. null while it is being read. */
export const shownConversation = signal(null);

/** What a new chat begins with, until it is one. */
const LAST_MODEL = "lsrv.model";

export const currentModel = computed(() => {
  const wanted = shownConversation.value?.value.model;
  return wanted || startModel();
});

/** The last one used, the server's default, or the first there is. */
export function startModel() {
  const last = localStorage.getItem(LAST_MODEL);
  if (last && modelOf(last)) return last;
  return (chatModels.value.find((model) => !model.parent && isDefault(model)) ?? chatModels.value[0])?.id ?? "";
}

export function rememberModel(id) {
  localStorage.setItem(LAST_MODEL, id);
}

let nOpenings = 0;

async function show({ view, id }) {
  if (view !== "chat") return;
  const own = ++nOpenings;
  if (!id) {
    shownConversation.value = signal({ ...newConversation(), id: "" });
    return;
  }
  if (shownConversation.value?.value.id === id) return;
  const found = await openConversation(id);
  if (own !== nOpenings) return; // another one was asked for meanwhile
  if (found) shownConversation.value = found;
  else go({ view: "chat" }, { isReplaced: true });
}

/** The shown conversation as one that is kept: of a new one, this makes it. */
export function ensureKept() {
  const shown = shownConversation.value;
  if (shown.value.id) return shown;
  const { model, rival, isBlind, settings } = shown.value;
  const kept = createConversation({ model: model || startModel(), settings });
  kept.value = { ...kept.value, rival, isBlind };
  shownConversation.value = kept;
  go({ view: "chat", id: kept.value.id });
  return kept;
}

export function newChat() {
  closeLayer("sidebar");
  go({ view: "chat" });
  document.querySelector(".composer textarea")?.focus();
}

export async function forget(id) {
  stop(id);
  await removeConversation(id);
  if (place.value.id === id) go({ view: "chat" }, { isReplaced: true });
}

export function startChat() {
  startStore(isAnswering);
  effect(() => {
    show(place.value);
  });
  bind("mod+shift+Enter", "New chat", newChat);
  bind("Escape", "Stop the answer, or close what is open", () => {
    const id = shownConversation.value?.value.id;
    if (place.value.view !== "chat" || !id || !isAnswering(id)) return false;
    stop(id);
    return true;
  });
}
