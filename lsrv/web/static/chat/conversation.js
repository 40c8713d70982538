// What a conversation is: a tree of messages, of which one path is shown. Pure: every change makes a new conversation.
//
//   {id, title, createdAt, updatedAt, model, rival, isBlind, settings, nodes, roots, chosen}
//   files: [{name, text}] or [{name, image}], a picture as a data URI
//   nodes: {id: {id, parent, role, content, files, reasoning, calls, callId, model, state, error, stats, children, rival}}
//
// `chosen`: by parent ("" for the first messages) the child that is shown, else its last one. `rival` of an answer: what
// the other model said to the same, while two are compared; it is no branch until one is preferred.

export const START = "";

/** "done"; "writing"; "stopped" by the user; "cut" by the end of the page; "failed", with `error`. */
export const UNFINISHED = new Set(["stopped", "cut", "failed"]);

let lastTime = 0;

/** Ids that sort by time, also within one millisecond. */
export function newId() {
  lastTime = Math.max(Date.now(), lastTime + 1);
  return `${lastTime.toString(36)}-${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`;
}

export function newConversation({ model = "", settings = {} } = {}) {
  const now = Date.now();
  return {
    id: newId(),
    title: "",
    createdAt: now,
    updatedAt: now,
    model,
    rival: "",
    isBlind: false,
    settings,
    nodes: {},
    roots: [],
    chosen: {},
  };
}

export function childrenOf(conversation, parent) {
  return parent === START ? conversation.roots : conversation.nodes[parent].children;
}

/** The nodes that are shown, from the first message on. */
export function pathOf(conversation) {
  const path = [];
  let parent = START;
  for (;;) {
    const children = childrenOf(conversation, parent);
    if (!children.length) return path;
    const chosen = conversation.chosen[parent];
    const id = children.includes(chosen) ? chosen : children.at(-1);
    path.push(conversation.nodes[id]);
    parent = id;
  }
}

/** The nodes from the first message to `id`, which need not be shown. */
export function pathTo(conversation, id) {
  const path = [];
  for (let at = id; at !== START; at = conversation.nodes[at].parent) path.unshift(conversation.nodes[at]);
  return path;
}

export function addNode(conversation, parent, fields) {
  const node = { id: newId(), parent, role: "user", content: "", state: "done", createdAt: Date.now(), children: [], ...fields };
  const nodes = { ...conversation.nodes, [node.id]: node };
  let { roots } = conversation;
  if (parent === START) roots = [...roots, node.id];
  else nodes[parent] = { ...nodes[parent], children: [...nodes[parent].children, node.id] };
  const chosen = { ...conversation.chosen, [parent]: node.id };
  return [touched({ ...conversation, nodes, roots, chosen }), node.id];
}

export function changeNode(conversation, id, fields) {
  if (!conversation.nodes[id]) return conversation; // removed while its answer came
  return touched({
    ...conversation,
    nodes: { ...conversation.nodes, [id]: { ...conversation.nodes[id], ...fields } },
  });
}

export function choose(conversation, id) {
  return { ...conversation, chosen: { ...conversation.chosen, [conversation.nodes[id].parent]: id } };
}

/** Without `id` and all that came after it. */
export function removeNode(conversation, id) {
  const { parent } = conversation.nodes[id];
  const nodes = { ...conversation.nodes };
  const leave = (each) => {
    nodes[each].children.forEach(leave);
    delete nodes[each];
  };
  leave(id);
  const without = childrenOf(conversation, parent).filter((each) => each !== id);
  if (parent !== START) nodes[parent] = { ...nodes[parent], children: without };
  const chosen = Object.fromEntries(
    Object.entries(conversation.chosen).filter(([from, to]) => (from === START || nodes[from]) && nodes[to]),
  );
  return touched({ ...conversation, nodes, roots: parent === START ? without : conversation.roots, chosen });
}

/** Let the rival's answer of a node be the one that the conversation goes on with, or not; the other becomes a branch. */
export function prefer(conversation, id, isRivalPreferred) {
  const { rival, ...own } = conversation.nodes[id];
  const [kept, other] = isRivalPreferred ? [rival, own] : [own, rival];
  const said = ({ content, reasoning, calls, model, state, error, stats }) => ({
    content,
    reasoning,
    calls,
    model,
    state,
    error,
    stats,
  });
  const changed = changeNode(conversation, id, { ...said(kept), rival: undefined });
  const [added] = addNode(changed, own.parent, { role: "assistant", ...said(other), createdAt: own.createdAt });
  return choose(added, id);
}

/** The part of a text that is shown as the title of its conversation. */
export function titleOf(text) {
  const line = text.split("\n").find((each) => each.trim()) ?? "";
  const plain = line.replace(/[#*_`>]+/g, "").trim();
  return plain.length > 60 ? `${plain.slice(0, 58).trimEnd()}…` : plain;
}

/** What was typed and attached, as the model reads it. */
export function fullText(node) {
  const files = (node.files ?? []).map(({ name, text, image }) => {
    if (image) return `(picture: ${name})`;
    const fence = "`".repeat(Math.max(3, longestRun(text) + 1));
    return `${name}:\n${fence}\n${text}\n${fence}`;
  });
  return [...files, node.content].filter(Boolean).join("\n\n");
}

function longestRun(text) {
  return Math.max(0, ...Array.from(text.matchAll(/`+/g), ([run]) => run.length));
}

/** A path as OpenAI's messages. `isRivals`: as the other one of two compared models has seen it. */
export function messagesOf(path, system, { isRivals = false } = {}) {
  const messages = system?.trim() ? [{ role: "system", content: system }] : [];
  for (const node of path) {
    const said = isRivals && node.rival?.content ? node.rival : node;
    if (node.role === "user") {
      messages.push({ role: "user", content: contentOf(node) });
    } else if (node.role === "tool") {
      messages.push({ role: "tool", tool_call_id: node.callId, content: node.content });
    } else {
      const message = { role: "assistant", content: said.content };
      if (said.reasoning) message.reasoning_content = said.reasoning;
      if (said.calls?.length) message.tool_calls = said.calls.map(asToolCall);
      if (said.content || said.calls?.length) messages.push(message);
    }
  }
  return messages;
}

/** A text; with pictures parts of it, the pictures first. */
function contentOf(node) {
  const pictures = (node.files ?? []).filter(({ image }) => image);
  if (!pictures.length) return fullText(node);
  const text = fullText({ ...node, files: node.files.filter(({ image }) => !image) });
  const parts = pictures.map(({ image }) => ({ type: "image_url", image_url: { url: image } }));
  return text ? [...parts, { type: "text", text }] : parts;
}

function asToolCall({ id, name, arguments: text }) {
  return { id, type: "function", function: { name, arguments: text } };
}

function touched(conversation) {
  return { ...conversation, updatedAt: Date.now() };
}
