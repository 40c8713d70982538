// Sends what was said and takes in the answer. An answer belongs to a node of its conversation, and goes on when another
// conversation is shown. While it comes it is a signal of its own, so that nothing else is rendered for each word.

import { announce } from "../parts/announce.js";
import { ask, asServerError, serverSentEvents } from "../server/asking.js";
import { refresh } from "../server/live.js";
import { signal } from "../ui.js";
import { addNode, changeNode, messagesOf, pathTo, titleOf } from "./conversation.js";
import { newReading, statsOf, take } from "./reading.js";
import { requestFields } from "./settings.js";
import { change } from "./store.js";

const SHOW_EVERY_MS = 40;
const KEEP_EVERY_MS = 1000;

/** Who is being written: by "NODE" or "NODE:rival", {conversationId, abort, live}. */
const writers = signal(new Map());

export function liveOf(id, isRival) {
  return writers.value.get(nameOf(id, isRival))?.live;
}

export function isAnswering(conversationId) {
  return [...writers.value.values()].some((writer) => writer.conversationId === conversationId);
}

/** End what is being written in a conversation; what has come of it stays. */
export function stop(conversationId) {
  for (const writer of writers.value.values()) {
    if (writer.conversationId === conversationId) writer.abort.abort();
  }
}

let isLeaving = false;

addEventListener("pagehide", () => {
  isLeaving = true;
  for (const writer of writers.value.values()) writer.keep?.();
});
addEventListener("pageshow", () => (isLeaving = false));

function nameOf(id, isRival) {
  return isRival ? `${id}:rival` : id;
}

/** Say something at the end of the path that leads to `parent`, and have it answered. */
export function send(conversation, parent, { text, files = [] }) {
  let userId;
  change(conversation, (value) => {
    const [added, id] = addNode(value, parent, { role: "user", content: text, files });
    userId = id;
    return added.title ? added : { ...added, title: titleOf(text) || files[0]?.name || "" };
  });
  return answer(conversation, userId);
}

/** Another answer to the message `parent`; from two models where two are compared. */
export async function answer(conversation, parent) {
  const { model, rival, nodes } = conversation.value;
  const isCompared = Boolean(rival) && nodes[parent]?.role === "user";
  const begun = (of) => ({ role: "assistant", content: "", model: of, state: "writing", createdAt: Date.now() });
  let id;
  change(conversation, (value) => {
    const [added, newId] = addNode(value, parent, {
      ...begun(model),
      rival: isCompared ? { ...begun(rival), isFirst: value.isBlind && Math.random() < 0.5 } : undefined,
      isBlind: isCompared && value.isBlind,
    });
    id = newId;
    return added;
  });
  await Promise.all([write(conversation, id, false), isCompared && write(conversation, id, true)]);
  return id;
}

/** Go on with an answer that did not come to its end. */
export async function continueAnswer(conversation, id, isRival = false) {
  change(conversation, (value) => set(value, id, isRival, { state: "writing", error: undefined }));
  await write(conversation, id, isRival, true);
}

/** Tell the model what came of its calls; the answer to that follows. `results`: text by id of the call. */
export async function sendResults(conversation, id, results) {
  let parent = id;
  change(conversation, (value) => {
    for (const call of value.nodes[id].calls) {
      const fields = { role: "tool", callId: call.id, name: call.name, content: results[call.id] ?? "" };
      [value, parent] = addNode(value, parent, fields);
    }
    return value;
  });
  await answer(conversation, parent);
}

function set(value, id, isRival, fields) {
  return changeNode(value, id, isRival ? { rival: { ...value.nodes[id]?.rival, ...fields } } : fields);
}

async function write(conversation, id, isRival, isContinued = false) {
  const { settings, nodes } = conversation.value;
  const node = isRival ? nodes[id].rival : nodes[id];
  const reading = newReading(isContinued ? node : {});
  const writer = {
    conversationId: conversation.value.id,
    abort: new AbortController(),
    live: signal(shown(reading)),
  };
  addWriter(nameOf(id, isRival), writer);
  const startedAt = performance.now();
  const path = pathTo(conversation.value, isContinued ? id : nodes[id].parent);
  let end;
  try {
    const body = {
      model: node.model,
      messages: messagesOf(path, settings.system, { isRivals: isRival }),
      stream: true,
      stream_options: { include_usage: true },
      ...requestFields(settings),
    };
    await read(conversation, id, isRival, writer, reading, body);
    end = reading.error ? { state: "failed", error: reading.error } : { state: "done" };
  } catch (error) {
    end = endBy(error);
  }
  if (isLeaving) return; // the browser ended it: the next page will find it as it was kept
  const stats = statsOf(reading, startedAt, performance.now());
  const { content, reasoning } = reading;
  const calls = reading.calls.length ? reading.calls : undefined;
  change(conversation, (value) => set(value, id, isRival, { content, reasoning, calls, stats, ...end }));
  removeWriter(nameOf(id, isRival));
  refresh(); // the first answer of a model tells how long its context is
  announce({ done: "The answer is complete.", stopped: "Stopped.", failed: `No answer: ${end.error?.message}` }[end.state]);
}

function endBy(error) {
  if (error.name === "AbortError") return { state: "stopped" };
  const told = asServerError(error);
  return { state: "failed", error: { message: told.message, code: told.code, status: told.status } };
}

async function read(conversation, id, isRival, writer, reading, body) {
  let shownAt = 0;
  let keptAt = 0;
  let timer = null;
  writer.keep = () => {
    const { content, reasoning } = reading;
    change(conversation, (value) => set(value, id, isRival, { content, reasoning }));
  };
  const show = () => {
    timer = null;
    shownAt = performance.now();
    writer.live.value = shown(reading);
    if (shownAt - keptAt < KEEP_EVERY_MS) return;
    keptAt = shownAt;
    writer.keep();
  };
  try {
    const response = await ask("v1/chat/completions", { method: "POST", body, signal: writer.abort.signal });
    let isOver = false;
    for await (const event of serverSentEvents(response)) {
      if (take(reading, event, performance.now())) isOver = true; // read to its end, so that the connection serves again
      timer ??= setTimeout(show, Math.max(0, shownAt + SHOW_EVERY_MS - performance.now()));
    }
    if (!isOver) throw asServerError(new Error("the stream ended early"));
  } finally {
    clearTimeout(timer);
  }
}

function shown({ content, reasoning, calls, notice, firstAt, thoughtFrom, thoughtUntil }) {
  return { content, reasoning, calls: [...calls], notice, hasBegun: Boolean(firstAt), isThinking: Boolean(thoughtFrom && !thoughtUntil) };
}

function addWriter(name, writer) {
  writers.value = new Map(writers.value).set(name, writer);
}

function removeWriter(name) {
  const others = new Map(writers.value);
  others.delete(name);
  writers.value = others;
}

