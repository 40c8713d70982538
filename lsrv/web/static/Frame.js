// The page's frame: the list of conversations, the view beside it, and what may lie over both.

import { Sidebar } from "./chat/Sidebar.js";
import { ChatView } from "./chat/ChatView.js";
import { ActivityView } from "./activity/ActivityView.js";
import { ModelsView } from "./models/ModelsView.js";
import { Announcer } from "./parts/announce.js";
import { KeyDialog } from "./parts/KeyDialog.js";
import { Shortcuts } from "./parts/Shortcuts.js";
import { closeLayer, isOpen } from "./parts/layers.js";
import { place } from "./parts/place.js";
import { connection, keyIsAsked } from "./server/live.js";
import { html } from "./ui.js";

const VIEWS = { chat: ChatView, models: ModelsView, activity: ActivityView };
const MODALS = ["shortcuts"];

export function Frame() {
  const View = VIEWS[place.value.view];
  const isAsked = keyIsAsked.value || isOpen("key");
  const isBehind = isAsked || MODALS.some(isOpen);
  const hasSidebar = isOpen("sidebar");
  return html`
    <div class="frame ${hasSidebar ? "has-sidebar" : ""}" inert=${isBehind}>
      <a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
      <${Sidebar} />
      ${hasSidebar && html`<div class="shade" onClick=${() => closeLayer("sidebar")}></div>`}
      <main id="main" tabindex="-1">
        <${ConnectionBar} />
        <${View} />
      </main>
    </div>
    ${isAsked && html`<${KeyDialog} />`} ${isOpen("shortcuts") && html`<${Shortcuts} />`}
    <${Announcer} />
  `;
}

function skip(event) {
  event.preventDefault(); // the address names the view
  document.getElementById("main").focus();
}

function ConnectionBar() {
  if (connection.value !== "offline") return null;
  return html`<div class="bar bar-alert" role="status">
    The server does not answer. What is written here is kept, and the page goes on when the server is back.
  </div>`;
}
