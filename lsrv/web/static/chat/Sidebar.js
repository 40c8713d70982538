// The list of conversations, with a search through all that was said in them, and the way to the other views.

import { Icon, IconButton } from "../parts/icons.js";
import { ago } from "../parts/format.js";
import { closeLayer, openLayer } from "../parts/layers.js";
import { bind } from "../parts/keyboard.js";
import { addressOf, place } from "../parts/place.js";
import { connection } from "../server/live.js";
import { html, signal, useEffect, useRef } from "../ui.js";
import { isAnswering } from "./answering.js";
import { exportAll, importFiles, importResult } from "./exchange.js";
import { forget, newChat } from "./opened.js";
import { heads, search, storeProblem } from "./store.js";

const wanted = signal("");
const found = signal(null); // ids, or null without a search

const VIEWS = [
  { view: "chat", icon: "chat", name: "Chat" },
  { view: "models", icon: "models", name: "Models" },
  { view: "activity", icon: "activity", name: "Activity" },
];

export function Sidebar() {
  return html`<nav class="sidebar" aria-label="Views and conversations">
    <div class="sidebar-head">
      <span class="brand"><img src="ui/icon.svg" alt="" width="24" height="24" />lsrv</span>
      <span class="dot dot-${connection.value}" role="img" aria-label=${`Server: ${connection.value}`} title=${`Server: ${connection.value}`}></span>
      <span class="grow"></span>
      <${IconButton} name="close" label="Close the list" class="only-narrow" onClick=${() => closeLayer("sidebar")} />
    </div>
    <button type="button" class="button primary wide" onClick=${newChat}><${Icon} name="add" />New chat</button>
    <ul class="views">
      ${VIEWS.map(
        ({ view, icon, name }) => html`<li>
          <a
            href=${addressOf({ view })}
            aria-current=${place.value.view === view ? "page" : undefined}
            onClick=${() => closeLayer("sidebar")}
            ><${Icon} name=${icon} />${name}</a
          >
        </li>`,
      )}
    </ul>
    <${Conversations} />
    <${Foot} />
  </nav>`;
}

function Conversations() {
  const field = useRef(null);
  useEffect(() => {
    bind("mod+k", "Search the conversations", () => {
      openLayer("sidebar"); // which a wide page shows anyway
      field.current.focus();
      field.current.select();
    });
  }, []);
  const shown = found.value ? heads.value.filter(({ id }) => found.value.has(id)) : heads.value;
  return html`
    <label class="search">
      <${Icon} name="search" />
      <span class="visually-hidden">Search the conversations</span>
      <input type="search" placeholder="Search" ref=${field} value=${wanted.value} onInput=${onSearch} />
    </label>
    ${found.value && html`<p class="hint" role="status">${shown.length} found</p>`}
    ${!heads.value.length && html`<p class="hint">Conversations appear here. They stay in this browser.</p>`}
    ${storeProblem.value && html`<p class="hint problem" role="alert">${storeProblem.value}</p>`}
    <ul class="conversations">
      ${shown.map((head) => html`<${Head} key=${head.id} head=${head} />`)}
    </ul>
  `;
}

let nSearches = 0;

async function onSearch(event) {
  wanted.value = event.currentTarget.value;
  const own = ++nSearches;
  const ids = wanted.value.trim() ? await search(wanted.value) : null;
  if (own === nSearches) found.value = ids;
}

function Head({ head }) {
  const isShown = place.value.view === "chat" && place.value.id === head.id;
  const title = head.title || "Untitled";
  return html`<li>
    <a
      href=${addressOf({ view: "chat", id: head.id })}
      aria-current=${isShown ? "page" : undefined}
      onClick=${() => closeLayer("sidebar")}
    >
      <span class="title">${title}</span>
      <span class="faint">${isAnswering(head.id) ? "answering…" : ago(head.updatedAt)}</span>
    </a>
    <${IconButton} name="trash" label=${`Delete “${title}”`} class="quiet" onClick=${() => confirmed(head, title)} />
  </li>`;
}

function confirmed(head, title) {
  if (confirm(`Delete “${title}”? It is nowhere else but here.`)) forget(head.id);
}

function Foot() {
  const file = useRef(null);
  const onFiles = async (event) => {
    const { files } = event.currentTarget;
    await importFiles([...files]);
    if (file.current) file.current.value = "";
  };
  return html`<div class="sidebar-foot">
    ${importResult.value && html`<p class="hint" role="status">${importResult.value}</p>`}
    <div class="row">
      <button type="button" class="link" onClick=${() => file.current.click()}>Import</button>
      <button type="button" class="link" onClick=${exportAll} disabled=${!heads.value.length}>Export all</button>
      <button type="button" class="link" onClick=${() => openLayer("shortcuts")}>Keys</button>
      <a class="link" href="docs" target="_blank" rel="noopener">API</a>
    </div>
    <input type="file" accept=".json,.md,.markdown,.txt" multiple hidden ref=${file} onChange=${onFiles} aria-label="Import conversations" />
  </div>`;
}
