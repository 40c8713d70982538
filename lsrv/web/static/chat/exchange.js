// Conversations as files: out to a folder of the user's, and in again.

import { signal } from "../ui.js";
import { newId } from "./conversation.js";
import { fromMarkdown, toMarkdown } from "./markdown_file.js";
import { addConversations, allConversations } from "./store.js";

const FORMAT = "lsrv.conversations";
const VERSION = 1;
const PICTURE = /^data:image\/(png|jpeg|webp|gif|bmp);base64,[A-Za-z0-9+/=]+$/;

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
      const content = await file.text();
      taken.push(...(file.name.endsWith(".json") ? fromJson(content) : [fromMarkdown(content, file.name)]));
    } catch (error) {
      problems.push(`${file.name}: ${error.message}`);
    }
  }
  await addConversations(taken.map((each) => ({ ...each, id: newId() })));
  importResult.value = [`${taken.length} imported.`, ...problems].join(" ");
}

function fromJson(json) {
  const { format, version, conversations } = JSON.parse(json);
  if (format !== FORMAT) throw new Error("this JSON holds no conversations of this page");
  if (!Array.isArray(conversations)) throw new Error("this JSON holds no conversations of this page");
  if (version > VERSION) throw new Error("a newer version of this page wrote it");
  return conversations.map(read);
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const text = (value) => (typeof value === "string" ? value : "");
const number = (value) => (Number.isFinite(value) ? value : null);
const list = (value) => (Array.isArray(value) ? value : []);

/** A conversation as this page knows it, and nothing else that a file says. Throws Error where it is none. */
function read({ nodes, roots, chosen, settings, ...rest }) {
  if (![nodes, chosen, settings].every(isObject) || !Array.isArray(roots)) throw new Error("a conversation is incomplete");
  const known = {};
  const visit = (id, parent) => {
    const node = nodes[id];
    const isSound = isObject(node) && !known[id] && node.id === id && node.parent === parent && Array.isArray(node.children);
    if (!isSound || !ROLES.has(node.role)) throw new Error("a conversation has a message that can't be read");
    known[id] = readNode(node);
    node.children.forEach((child) => visit(child, id));
  };
  roots.forEach((id) => visit(id, ""));
  return {
    ...{ id: "", title: text(rest.title), model: text(rest.model), rival: text(rest.rival), isBlind: Boolean(rest.isBlind) },
    ...{ createdAt: number(rest.createdAt) ?? Date.now(), updatedAt: number(rest.updatedAt) ?? Date.now() },
    ...{ settings: readSettings(settings), nodes: known, roots },
    chosen: Object.fromEntries(Object.entries(chosen).filter(([from, to]) => (from === "" || known[from]) && known[to])),
  };
}

const ROLES = new Set(["user", "assistant", "tool"]);
const STATES = new Set(["done", "stopped", "cut", "failed"]);

function readNode(node) {
  const { id, parent, children, createdAt, rival } = node;
  return {
    ...{ id, parent, children, role: node.role, createdAt: number(createdAt) ?? 0, ...readSaid(node) },
    rival: isObject(rival) ? { role: "assistant", isFirst: Boolean(rival.isFirst), ...readSaid(rival) } : undefined,
    isBlind: Boolean(node.isBlind),
    callId: text(node.callId),
    name: text(node.name) || undefined,
    files: list(node.files).map(readFile),
  };
}

function readFile(file) {
  const image = text(file?.image);
  return { name: text(file?.name), ...(PICTURE.test(image) ? { image } : { text: text(file?.text) }) };
}

function readSaid({ content, reasoning, model, state, calls, error, stats }) {
  const readCall = (call) => ({ id: text(call?.id), name: text(call?.name), arguments: text(call?.arguments) });
  return {
    ...{ content: text(content), reasoning: text(reasoning), model: text(model) },
    state: STATES.has(state) ? state : "cut",
    calls: list(calls).length ? list(calls).map(readCall) : undefined,
    error: isObject(error) ? { message: text(error.message), code: text(error.code) } : undefined,
    stats: isObject(stats) ? readStats(stats) : undefined,
  };
}

function readStats(stats) {
  const names = ["ttft_s", "total_s", "thought_s", "rate", "prompt_rate", "n_prompt", "n_completion", "n_cached", "n_reasoning"];
  const figures = Object.fromEntries(names.map((name) => [name, number(stats[name])]));
  return { ...figures, finish: text(stats.finish), isCached: Boolean(stats.isCached) };
}

function readSettings({ adapters, ...texts }) {
  const settings = Object.fromEntries(Object.entries(texts).filter(([, value]) => typeof value === "string"));
  const chosen = list(adapters).map((each) => ({ name: text(each?.name), weight: text(each?.weight) || "1" }));
  return chosen.length ? { ...settings, adapters: chosen } : settings;
}
