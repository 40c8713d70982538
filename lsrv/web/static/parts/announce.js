// Words for screen readers about what changed elsewhere on the page.

import { html, signal } from "../ui.js";

const said = signal("");

export function announce(text) {
  said.value = "";
  queueMicrotask(() => (said.value = text));
}

export function Announcer() {
  return html`<div class="visually-hidden" role="status" aria-live="polite">${said.value}</div>`;
}
