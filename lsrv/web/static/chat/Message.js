// One message: what was said, thought and called, how fast, and what can be done with it.

import { Icon, IconButton } from "../parts/icons.js";
import { announce } from "../parts/announce.js";
import { copyText } from "../parts/copy.js";
import { bytes } from "../parts/format.js";
import { html, useState } from "../ui.js";
import { Answer } from "./Answer.js";
import { Calls } from "./Calls.js";
import { answer, continueAnswer, isAnswering, liveOf, send } from "./answering.js";
import { UNFINISHED, changeNode, childrenOf, choose, fullText, prefer, removeNode } from "./conversation.js";
import { change } from "./store.js";

export function Message({ shown, node, isLast }) {
  if (node.role === "user") return html`<${Said} shown=${shown} node=${node} />`;
  if (node.role === "tool") return html`<${Result} node=${node} />`;
  if (node.rival) return html`<${Pair} shown=${shown} node=${node} />`;
  return html`<${Answered} shown=${shown} node=${node} isLast=${isLast} />`;
}

function Said({ shown, node }) {
  const [isEdited, setEdited] = useState(false);
  const isBusy = isAnswering(shown.value.id);
  const resend = (text) => {
    setEdited(false);
    send(shown, node.parent, { text, files: node.files });
  };
  return html`<article class="message said" aria-label="You">
    ${isEdited
      ? html`<${Editor} text=${node.content} label="Edit the message" verb="Send" onDone=${resend} onCancel=${() => setEdited(false)} />`
      : html`<div class="bubble">
          ${node.files?.length > 0 && node.files.map(
            ({ name, text, image }) => image ? html`<img class="picture" src=${image} alt=${name} />` : html`<details class="file-shown"><summary><${Icon} name="file" />${name} <span class="faint">${bytes(text.length)}</span></summary><pre tabindex="0">${text}</pre></details>`,
          )}
          <div class="typed">${node.content}</div>
        </div>`}
    <div class="actions">
      <${Branches} shown=${shown} node=${node} />
      <${CopyButton} text=${fullText(node)} />
      <${IconButton} name="edit" label="Edit and send again" disabled=${isBusy} onClick=${() => setEdited(true)} />
    </div>
  </article>`;
}

function Answered({ shown, node, isLast }) {
  const [isEdited, setEdited] = useState(false);
  const live = liveOf(node.id, false);
  const isBusy = isAnswering(shown.value.id);
  const canGoOn = isLast && !live && node.content && (UNFINISHED.has(node.state) || node.stats?.finish === "length");
  const save = (content) => {
    setEdited(false);
    change(shown, (value) => changeNode(value, node.id, { content }));
  };
  const remove = () => change(shown, (value) => removeNode(value, node.id));
  return html`<article class="message answer" aria-label=${`Answer of ${node.model}`} aria-busy=${Boolean(live)}>
    ${isEdited
      ? html`<${Editor} text=${node.content} label="Edit the answer" verb="Save" onDone=${save} onCancel=${() => setEdited(false)} />`
      : html`<${Answer} node=${node} live=${live?.value} />`}
    <${Calls} shown=${shown} node=${node} calls=${live?.value.calls ?? node.calls} isOpen=${isLast && !live} />
    ${!live && html`<div class="actions">
      <${Branches} shown=${shown} node=${node} />
      <${CopyButton} text=${node.content} />
      <${IconButton} name="retry" label="Another answer" disabled=${isBusy} onClick=${() => answer(shown, node.parent)} />
      <${IconButton} name="edit" label="Edit the answer" disabled=${isBusy} onClick=${() => setEdited(true)} />
      <${IconButton} name="trash" label="Delete the answer" disabled=${isBusy} onClick=${remove} />
      ${canGoOn && html`<button type="button" class="button small" disabled=${isBusy} onClick=${() => continueAnswer(shown, node.id)}><${Icon} name="play" />Continue</button>`}
    </div>`}
  </article>`;
}

/** Two answers side by side. Blind ones stand in an order that says nothing, and without their names. */
function Pair({ shown, node }) {
  const sides = [
    { isRival: false, said: node },
    { isRival: true, said: node.rival },
  ];
  if (node.rival.isFirst) sides.reverse();
  const isBusy = sides.some(({ isRival }) => liveOf(node.id, isRival));
  return html`<div class="pair">
    ${sides.map(({ isRival, said }, i) => {
      const live = liveOf(node.id, isRival);
      const name = node.isBlind ? `Answer ${"AB"[i]}` : said.model;
      return html`<article class="message answer" aria-label=${node.isBlind ? name : `Answer of ${name}`} aria-busy=${Boolean(live)}>
        <${Answer} node=${said} live=${live?.value} name=${name} isBlind=${node.isBlind} />
        <${Calls} calls=${live?.value.calls ?? said.calls} />
        <div class="actions">
          <${CopyButton} text=${said.content} />
          <button type="button" class="button small" disabled=${isBusy} onClick=${() => vote(shown, node, isRival)}><${Icon} name="check" />Prefer ${node.isBlind ? "AB"[i] : "this"}</button>
        </div>
      </article>`;
    })}
  </div>`;
}

function vote(shown, node, isRival) {
  const [better, worse] = isRival ? [node.rival, node] : [node, node.rival];
  change(shown, (value) => prefer(value, node.id, isRival));
  announce(`You preferred ${better.model} over ${worse.model}.`);
}

function Result({ node }) {
  return html`<details class="message tool-result">
    <summary><${Icon} name="tool" />Result of <code>${node.name ?? node.callId}</code></summary>
    <pre tabindex="0">${node.content}</pre>
  </details>`;
}

function Branches({ shown, node }) {
  const all = childrenOf(shown.value, node.parent);
  if (all.length < 2) return null;
  const at = all.indexOf(node.id);
  const to = (i) => change(shown, (value) => choose(value, all[i]));
  return html`<span class="branches" role="group" aria-label="Versions">
    <${IconButton} name="back" label="The version before" disabled=${at === 0} onClick=${() => to(at - 1)} />
    <span class="figures">${at + 1} / ${all.length}</span>
    <${IconButton} name="forward" label="The next version" disabled=${at === all.length - 1} onClick=${() => to(at + 1)} />
  </span>`;
}

function CopyButton({ text }) {
  const copy = async () => announce((await copyText(text)) ? "Copied." : "The browser did not let it be copied.");
  return html`<${IconButton} name="copy" label="Copy" onClick=${copy} />`;
}

function Editor({ text, label, verb, onDone, onCancel }) {
  const [typed, setTyped] = useState(text);
  const onKeyDown = (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      onCancel();
    }
  };
  return html`<form class="editor" onSubmit=${(event) => (event.preventDefault(), onDone(typed))} onKeyDown=${onKeyDown}>
    <textarea aria-label=${label} value=${typed} rows=${Math.min(16, typed.split("\n").length + 1)} ref=${focusEnd} onInput=${(event) => setTyped(event.currentTarget.value)}></textarea>
    <div class="row end">
      <button type="button" class="button" onClick=${onCancel}>Cancel</button>
      <button type="submit" class="button primary" disabled=${!typed.trim()}>${verb}</button>
    </div>
  </form>`;
}

function focusEnd(area) {
  if (!area || area.dataset.hadFocus) return;
  area.dataset.hadFocus = "yes";
  area.focus();
  area.setSelectionRange(area.value.length, area.value.length);
}
