// One conversation: its head with the model, its messages, the place to write, and the drawer with its settings.

import { Icon, IconButton } from "../parts/icons.js";
import { closeLayer, isOpen, openLayer, toggleLayer } from "../parts/layers.js";
import { chatModels } from "../server/live.js";
import { html, useEffect, useRef, useState } from "../ui.js";
import { Composer } from "./Composer.js";
import { Empty } from "./Empty.js";
import { Message } from "./Message.js";
import { ModelMenu } from "./ModelMenu.js";
import { SettingsDrawer } from "./SettingsDrawer.js";
import { isAnswering, liveOf } from "./answering.js";
import { pathOf } from "./conversation.js";
import { exportJson, exportMarkdown } from "./exchange.js";
import { currentModel, forget, rememberModel, shownConversation } from "./opened.js";
import { nSet } from "./settings.js";
import { change } from "./store.js";

export function ChatView() {
  const shown = shownConversation.value;
  if (!shown) return html`<p class="hint" role="status">Opening…</p>`;
  const path = pathOf(shown.value);
  return html`
    <${Head} shown=${shown} />
    <div class="chat">
      ${path.length ? html`<${Messages} shown=${shown} path=${path} />` : html`<${Empty} />`}
      <${Composer} shown=${shown} path=${path} />
    </div>
    ${isOpen("settings") && html`<${SettingsDrawer} shown=${shown} />`}
  `;
}

/** Change what is shown; a new chat is not kept for that. */
export function changeShown(shown, fields) {
  if (shown.value.id) change(shown, (value) => ({ ...value, ...fields }));
  else shown.value = { ...shown.value, ...fields };
}

function Head({ shown }) {
  const { rival, isBlind, settings, title } = shown.value;
  const others = chatModels.value.filter(({ id }) => id !== currentModel.value);
  const chooseModel = (id) => {
    rememberModel(id);
    changeShown(shown, { model: id, settings: { ...settings, adapters: [] } });
  };
  const n = nSet(settings);
  return html`<header class="head">
    <h1 class="visually-hidden">${title || "New chat"}</h1>
    <${IconButton} name="menu" label="Conversations and views" class="only-narrow" onClick=${() => openLayer("sidebar")} />
    <${ModelMenu} name="main" label="Model" chosen=${currentModel.value} isHidden=${Boolean(rival) && isBlind} onChoose=${chooseModel} />
    ${rival && html`<span class="faint only-wide">and</span>
      <${ModelMenu} name="rival" label="Second model" chosen=${rival} isHidden=${isBlind} onChoose=${(id) => changeShown(shown, { rival: id })} />`}
    <span class="grow"></span>
    ${rival && html`<label class="check"><input type="checkbox" checked=${isBlind} onChange=${(event) => changeShown(shown, { isBlind: event.currentTarget.checked })} />Blind</label>`}
    <${IconButton}
      name="columns"
      label=${rival ? "Ask one model" : "Ask two models side by side"}
      aria-pressed=${Boolean(rival)}
      disabled=${!rival && !others.length}
      onClick=${() => changeShown(shown, { rival: rival ? "" : others[0].id, isBlind: false })}
    />
    <button type="button" class="icon-button with-count" aria-label=${`Settings of this chat${n ? `, ${n} set` : ""}`} title="Settings of this chat" aria-expanded=${isOpen("settings")} onClick=${() => toggleLayer("settings")}>
      <${Icon} name="settings" />${n > 0 && html`<span class="count">${n}</span>`}
    </button>
    ${shown.value.id && html`<${More} shown=${shown} />`}
  </header>`;
}

function More({ shown }) {
  const run = (what) => () => {
    closeLayer("more");
    what(shown.value);
  };
  const remove = ({ id, title }) => {
    if (confirm(`Delete “${title || "Untitled"}”? It is nowhere else but here.`)) forget(id);
  };
  return html`<div class="menu-place">
    <${IconButton} name="more" label="More" aria-expanded=${isOpen("more")} onClick=${() => toggleLayer("more")} />
    ${isOpen("more") && html`<div class="shade clear" onClick=${() => closeLayer("more")}></div>
      <div class="menu menu-right menu-narrow" role="group" aria-label="More">
        <button type="button" class="choice" onClick=${run(exportMarkdown)}><${Icon} name="download" />Export as Markdown</button>
        <button type="button" class="choice" onClick=${run(exportJson)}><${Icon} name="download" />Export as JSON</button>
        <button type="button" class="choice" onClick=${run(remove)}><${Icon} name="trash" />Delete</button>
      </div>`}
  </div>`;
}

const NEAR_END_PX = 60;

function Messages({ shown, path }) {
  const box = useRef(null);
  const isAtEnd = useRef(true);
  const lastTop = useRef(0);
  const [isAway, setAway] = useState(false);
  const { id } = shown.value;
  const toEnd = () => {
    if (!box.current) return; // another view came meanwhile
    isAtEnd.current = true;
    box.current.scrollTop = box.current.scrollHeight;
  };
  const onScroll = (event) => {
    const { scrollHeight, scrollTop, clientHeight } = event.currentTarget;
    const isNear = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    // What grows below is no reason to stop following; a reader who goes up is.
    if (isNear) isAtEnd.current = true;
    else if (scrollTop < lastTop.current) isAtEnd.current = false;
    lastTop.current = scrollTop;
    setAway(!isAtEnd.current);
  };
  useEffect(() => {
    // What grows is followed for as long as its reader is at its end.
    const watcher = new ResizeObserver(() => isAtEnd.current && toEnd());
    watcher.observe(box.current.firstElementChild);
    return () => watcher.disconnect();
  }, []);
  useEffect(() => {
    toEnd();
  }, [id, path.at(-1)?.id]);
  return html`<div class="messages" ref=${box} onScroll=${onScroll} tabindex="0" role="group" aria-label="Messages">
    <div class="messages-inner">
      ${path.map((node, i) => html`<${Message} key=${node.id} shown=${shown} node=${node} isLast=${i === path.length - 1} />`)}
    </div>
    ${isAway && html`<button type="button" class="to-end" onClick=${toEnd}><${Icon} name="down" />${isAnswering(id) && liveOf(path.at(-1).id) ? "Follow the answer" : "To the end"}</button>`}
  </div>`;
}
