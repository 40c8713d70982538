// The list of keys that work everywhere.

import { html } from "../ui.js";
import { shortcuts } from "./keyboard.js";
import { closeLayer, focusOnce } from "./layers.js";

export function Shortcuts() {
  const close = () => closeLayer("shortcuts");
  return html`<div class="over" onClick=${(event) => event.target === event.currentTarget && close()}>
    <div class="dialog" role="dialog" aria-modal="true" aria-labelledby="shortcuts-title">
      <h2 id="shortcuts-title">Keys</h2>
      <dl class="keys">
        ${shortcuts().map(([keys, what]) => html`<div><dt>${keys.split("+").map((each) => html`<kbd>${each}</kbd>`)}</dt><dd>${what}</dd></div>`)}
        <div><dt><kbd>Enter</kbd></dt><dd>Send</dd></div>
        <div><dt><kbd>Shift</kbd><kbd>Enter</kbd></dt><dd>A new line</dd></div>
      </dl>
      <div class="row end"><button type="button" class="button" ref=${focusOnce} onClick=${close}>Close</button></div>
    </div>
  </div>`;
}
