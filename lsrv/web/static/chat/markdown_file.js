// A conversation as a Markdown file, and back. Pure. What is shown is written; branches that are not shown are not.

import { START, addNode, fullText, newConversation, pathOf, titleOf } from "./conversation.js";

const HEADING = /^## (You|System|Tool|Assistant)(?: \((.*)\))?$/;

export function toMarkdown(conversation) {
  const parts = [`# ${conversation.title || "Untitled"}`];
  if (conversation.settings.system) parts.push("## System", conversation.settings.system);
  for (const node of pathOf(conversation)) {
    if (node.role === "user") parts.push("## You", fullText(node));
    else if (node.role === "tool") parts.push(`## Tool (${node.name ?? node.callId})`, fenced(node.content));
    else parts.push(`## Assistant (${node.model})`, ...answerParts(node));
  }
  return `${parts.filter(Boolean).join("\n\n")}\n`;
}

function answerParts({ reasoning, content, calls = [] }) {
  const thought = reasoning ? `<details><summary>Reasoning</summary>\n\n${reasoning}\n\n</details>` : "";
  return [thought, content, ...calls.map((call) => `Calls \`${call.name}\`:\n\n${fenced(call.arguments, "json")}`)];
}

function fenced(text, language = "") {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}

/** A conversation of what such a file says; of any other text, one with that text as its first message. */
export function fromMarkdown(text, name) {
  const sections = sectionsOf(text);
  let conversation = newConversation();
  if (!sections.length) sections.push({ who: "You", body: text.trim() });
  let parent = START;
  for (const { who, of, body } of sections) {
    if (who === "System") conversation = { ...conversation, settings: { system: body } };
    else {
      const role = { You: "user", Tool: "tool", Assistant: "assistant" }[who];
      const told = role === "assistant" ? withoutThought(body) : { content: body };
      const fields = { role, ...told, ...(role === "assistant" ? { model: of ?? "" } : {}), ...(role === "tool" ? { callId: of ?? "", name: of } : {}) };
      [conversation, parent] = addNode(conversation, parent, fields);
    }
  }
  const title = /^# (.+)$/m.exec(text)?.[1] ?? titleOf(sections.find(({ who }) => who === "You")?.body ?? name);
  const model = sections.findLast(({ who }) => who === "Assistant")?.of ?? "";
  return { ...conversation, title, model };
}

function sectionsOf(text) {
  const sections = [];
  let isInFence = false;
  for (const line of text.split("\n")) {
    if (line.startsWith("```")) isInFence = !isInFence;
    const heading = isInFence ? null : HEADING.exec(line);
    if (heading) sections.push({ who: heading[1], of: heading[2], lines: [] });
    else sections.at(-1)?.lines.push(line);
  }
  return sections.map(({ who, of, lines }) => ({ who, of, body: lines.join("\n").trim() }));
}

function withoutThought(body) {
  const found = /^<details><summary>Reasoning<\/summary>\n\n([\s\S]*?)\n\n<\/details>\s*/.exec(body);
  return found ? { reasoning: found[1], content: body.slice(found[0].length) } : { content: body };
}
