// What is typed and not yet sent, by conversation ("" for a new one). localStorage is written at once, so a draft
// survives a reload in the same instant.

import { signal } from "../ui.js";

const PREFIX = "lsrv.draft.";
const drafts = new Map(); // id -> signal of {text, files: [{name, text}]}

const EMPTY = { text: "", files: [] };

export function draftOf(id) {
  if (!drafts.has(id)) drafts.set(id, signal(read(id)));
  return drafts.get(id);
}

export function setDraft(id, fields) {
  const draft = draftOf(id);
  draft.value = { ...draft.value, ...fields };
  const isEmpty = !draft.value.text && !draft.value.files.length;
  try {
    if (isEmpty) localStorage.removeItem(PREFIX + id);
    else localStorage.setItem(PREFIX + id, JSON.stringify(draft.value));
  } catch {
    // more than localStorage holds: it lives as long as the page
  }
}

export function clearDraft(id) {
  setDraft(id, EMPTY);
}

function read(id) {
  try {
    return { ...EMPTY, ...JSON.parse(localStorage.getItem(PREFIX + id) ?? "{}") };
  } catch {
    return EMPTY;
  }
}
