// Conversations as files: out to a folder of the user's, and in again.

import { signal } from "../ui.js";
import { newId } from "./conversation.js";
import { fromMarkdown, toMarkdown } from "./markdown_file.js";
import { addConversations, allConversations } from "./store.js";

const FORMAT = "lsrv.conversations";
const VERSION = 1;

/** What came of the last import, in words. */
export const importResult = signal("");

export async function exportAll() {
  saveJson(await allConversations(), "lsrv-conversations");
}

export function exportJson(conversation) {
  saveJson([conversation], fileName(conversation));
}

export function exportMarkdown(conversation) {
  save(`${fileName(conversation)}.md`, toMarkdown(conversation), "text/markdown");
}

function saveJson(conversations, name) {
  const text = JSON.stringify({ format: FORMAT, version: VERSION, conversations }, null, 1);
  save(`${name}.json`, text, "application/json");
}

function fileName({ title }) {
  return (title || "conversation").replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 60) || "conversation";
}

function save(name, text, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Take conversations in from files; one that is here already comes beside it, under another id. */
export async function importFiles(files) {
  const taken = [];
  const problems = [];
  for (const file of files) {
    try {
      const text = await file.text();
      taken.push(...(file.name.endsWith(".json") ? fromJson(text) : [fromMarkdown(text, file.name)]));
    } catch (error) {
      problems.push(`${file.name}: ${error.message}`);
    }
  }
  await addConversations(taken.map((each) => ({ ...each, id: newId() })));
  importResult.value = [`${taken.length} imported.`, ...problems].join(" ");
}

function fromJson(text) {
  const { format, version, conversations } = JSON.parse(text);
  if (format !== FORMAT) throw new Error("this JSON holds no conversations of this page");
  if (version > VERSION) throw new Error("a newer version of this page wrote it");
  for (const each of conversations) checkShape(each);
  return conversations;
}

/** Throws Error where a conversation is none: every link leads to a node, and text is text. */
function checkShape({ nodes, roots, chosen, settings }) {
  const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
  if (![nodes, chosen, settings].every(isObject) || !Array.isArray(roots)) throw new Error("a conversation is incomplete");
  const seen = new Set();
  const visit = (id, parent) => {
    const node = nodes[id];
    const isSound = isObject(node) && !seen.has(id) && node.id === id && node.parent === parent && Array.isArray(node.children);
    const isKnown = isSound && ["user", "assistant", "tool"].includes(node.role) && typeof node.content === "string";
    if (!isKnown) throw new Error("a conversation has a message that can't be read");
    seen.add(id);
    node.children.forEach((child) => visit(child, id));
  };
  roots.forEach((id) => visit(id, ""));
}
