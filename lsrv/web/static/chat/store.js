// Conversations where they are kept: in this browser's IndexedDB, and nowhere else. What is open is a signal; every change
// of it is written at once, or as soon as the write before it is done. Other tabs are told, and follow.

import { openDB } from "../vendor/idb.js";
import { signal } from "../ui.js";
import { newConversation } from "./conversation.js";

const database = openDB("lsrv", 1, {
  upgrade(db) {
    db.createObjectStore("conversations", { keyPath: "id" });
    db.createObjectStore("heads", { keyPath: "id" }); // what the list shows, so that it needs no whole conversation
  },
});

/** Heads of all conversations, the last changed first: {id, title, updatedAt, model}. */
export const heads = signal([]);
/** Why nothing can be kept, "" where it can: private windows of some browsers have no place for it. */
export const storeProblem = signal("");

const opened = new Map(); // id -> signal of the conversation
const pending = new Set(); // ids with changes that are not written yet
const writing = new Set(); // ids of which a write has begun
const tabs = new BroadcastChannel("lsrv.conversations");

const headOf = ({ id, title, updatedAt, model }) => ({ id, title, updatedAt, model });

function sorted(list) {
  return [...list].sort((a, b) => b.updatedAt - a.updatedAt);
}

export async function loadHeads() {
  try {
    heads.value = sorted(await (await database).getAll("heads"));
  } catch (error) {
    storeProblem.value = `This browser keeps no conversations here (${error.message}): they end with this tab.`;
  }
}

/** A signal of the conversation, or null where there is none of that id. */
export async function openConversation(id) {
  if (opened.has(id)) return opened.get(id);
  let found;
  try {
    found = await (await database).get("conversations", id);
  } catch {
    return null; // `storeProblem` says why
  }
  if (!found) return null;
  if (!opened.has(id)) opened.set(id, signal(withoutWriters(found)));
  return opened.get(id);
}

/** What was being written when its page ended will not be written further. */
function withoutWriters(conversation) {
  const cut = (node) => (node?.state === "writing" ? { ...node, state: "cut" } : node);
  const nodes = Object.fromEntries(
    Object.entries(conversation.nodes).map(([id, node]) => [id, cut(node.rival ? { ...node, rival: cut(node.rival) } : node)]),
  );
  return { ...conversation, nodes };
}

/** A new one; it is kept from its first change on. */
export function createConversation(fields) {
  const conversation = signal(newConversation(fields));
  opened.set(conversation.value.id, conversation);
  return conversation;
}

/** Change a conversation by `how(conversation)`, and keep what comes of it. */
export function change(conversation, how) {
  conversation.value = how(conversation.value);
  keep(conversation.value);
}

export function keep(value) {
  heads.value = sorted([headOf(value), ...heads.value.filter((head) => head.id !== value.id)]);
  pending.add(value.id);
  write(value.id);
}

/** Write what is pending of a conversation. One write at a time: the last one must not be overtaken. */
async function write(id) {
  if (writing.has(id)) return;
  writing.add(id);
  try {
    const db = await database;
    while (pending.delete(id) && opened.has(id)) {
      const value = opened.get(id).value;
      const transaction = db.transaction(["conversations", "heads"], "readwrite");
      transaction.objectStore("conversations").put(value);
      transaction.objectStore("heads").put(headOf(value));
      transaction.commit(); // now it also survives the end of the page
      await transaction.done;
      tabs.postMessage({ id });
    }
  } catch (error) {
    storeProblem.value = `The conversation could not be kept: ${error.message}`;
  } finally {
    writing.delete(id);
  }
}

export async function removeConversation(id) {
  pending.delete(id);
  opened.delete(id);
  heads.value = heads.value.filter((head) => head.id !== id);
  const transaction = (await database).transaction(["conversations", "heads"], "readwrite");
  transaction.objectStore("conversations").delete(id);
  transaction.objectStore("heads").delete(id);
  await transaction.done;
  tabs.postMessage({ id });
}

/** All that is kept, whole. */
export async function allConversations() {
  return (await database).getAll("conversations");
}

export async function addConversations(list) {
  const transaction = (await database).transaction(["conversations", "heads"], "readwrite");
  for (const each of list) {
    opened.delete(each.id);
    transaction.objectStore("conversations").put(each);
    transaction.objectStore("heads").put(headOf(each));
  }
  await transaction.done;
  await loadHeads();
}

/** Ids of conversations in which every word of `text` is found, somewhere. */
export async function search(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = new Set();
  let cursor = await (await database).transaction("conversations").store.openCursor();
  while (cursor) {
    const { id, title, nodes } = cursor.value;
    const whole = [title, ...Object.values(nodes).map((node) => node.content)].join("\n").toLowerCase();
    if (words.every((word) => whole.includes(word))) found.add(id);
    cursor = await cursor.continue();
  }
  return found;
}

export function startStore(isBusy) {
  tabs.addEventListener("message", async ({ data: { id } }) => {
    await loadHeads();
    const own = opened.get(id);
    if (!own || pending.has(id) || writing.has(id) || isBusy(id)) return; // what is written here is newer
    const theirs = await (await database).get("conversations", id);
    if (theirs) own.value = theirs; // one that another tab still writes keeps that state
    else opened.delete(id);
  });
  return loadHeads();
}
