// Requests as they come.

import { IconButton } from "../parts/icons.js";
import { seconds } from "../parts/format.js";
import { openLayer } from "../parts/layers.js";
import { isAdmin, requests } from "../server/live.js";
import { html } from "../ui.js";

export function ActivityView() {
  return html`
    <header class="head">
      <${IconButton} name="menu" label="Conversations and views" class="only-narrow" onClick=${() => openLayer("sidebar")} />
      <h1>Activity</h1>
    </header>
    <div class="page">
      ${isAdmin.value === false && html`<p class="hint">Activity is for admin keys. <button type="button" class="link" onClick=${() => openLayer("key")}>Enter one</button></p>`}
      ${isAdmin.value && !requests.value.length && html`<p class="hint">Nothing has been asked since this page was opened. Requests appear here as they come.</p>`}
      ${requests.value.length > 0 && html`<${Requests} />`}
    </div>
  `;
}

function Requests() {
  return html`<div class="table" tabindex="0" role="group" aria-label="Requests"><table>
    <thead><tr><th scope="col">When</th><th scope="col">Model</th><th scope="col">Route</th><th scope="col">Status</th><th scope="col">Took</th><th scope="col">Prompt</th><th scope="col">Answer</th></tr></thead>
    <tbody>${requests.value.map(
      (each) => html`<tr key=${each.id}>
        <td class="figures">${new Date(each.startedAt).toLocaleTimeString()}</td><td>${each.model}</td><td>${each.route}</td>
        <td>${each.status ?? "running"}${each.error ? ` ${each.error}` : ""}</td><td class="figures">${seconds(each.seconds)}</td>
        <td class="figures">${each.n_prompt_tokens ?? "–"}</td><td class="figures">${each.n_completion_tokens ?? "–"}</td>
      </tr>`,
    )}</tbody>
  </table></div>`;
}
