// Asks for the server's key. It is kept for this tab alone, and sent to this server alone.

import { key, keyRefusal, setKey } from "../server/asking.js";
import { html, useState } from "../ui.js";
import { keyIsAsked } from "../server/live.js";
import { closeLayer, focusOnce } from "./layers.js";

export function KeyDialog() {
  const [typed, setTyped] = useState("");
  const isRefused = Boolean(key.value);
  const onSubmit = (event) => {
    event.preventDefault();
    if (!typed.trim()) return;
    setKey(typed);
    closeLayer("key");
  };
  return html`<div class="over">
    <div class="dialog" role="dialog" aria-modal="true" aria-labelledby="key-title">
      <h2 id="key-title">This server needs a key</h2>
      <p>One of <code>api_keys</code> or <code>admin_keys</code> in its models.toml. It stays in this tab, until you close it.</p>
      <form onSubmit=${onSubmit}>
      <label class="field">
        <span>Key</span>
        <input
          type="password"
          autocomplete="off"
          ref=${focusOnce}
          value=${typed}
          aria-invalid=${isRefused}
          aria-describedby=${isRefused ? "key-problem" : undefined}
          onInput=${(event) => setTyped(event.currentTarget.value)}
        />
      </label>
      ${isRefused && html`<p id="key-problem" class="problem" role="alert">${keyRefusal.value?.message ?? "The key is not one of this server's."}</p>`}
      <div class="row end">
        ${!keyIsAsked.value && html`<button class="button" type="button" onClick=${() => closeLayer("key")}>Cancel</button>`}
        <button class="button primary" type="submit">Use it</button>
      </div>
      </form>
    </div>
  </div>`;
}
