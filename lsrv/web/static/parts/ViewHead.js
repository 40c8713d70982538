// The head of a view that is no chat.

import { html } from "../ui.js";
import { IconButton } from "./icons.js";
import { openLayer } from "./layers.js";

export function ViewHead({ title, children }) {
  return html`<header class="head">
    <${IconButton} name="menu" label="Conversations and views" class="only-narrow" onClick=${() => openLayer("sidebar")} />
    <h1>${title}</h1>
    <span class="grow"></span>
    ${children}
  </header>`;
}
