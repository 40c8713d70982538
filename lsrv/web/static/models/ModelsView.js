// The models of the server, live: memory, entries, what is on this disk, getting more, routes.

import { ViewHead } from "../parts/ViewHead.js";
import { openLayer } from "../parts/layers.js";
import { entries, isAdmin } from "../server/live.js";
import { html } from "../ui.js";
import { Entry } from "./Entry.js";
import { Found } from "./Found.js";
import { MemoryBars } from "./MemoryBars.js";
import { Pull } from "./Pull.js";
import { Routes } from "./Routes.js";
import { problem, useServerState } from "./state.js";

export function ModelsView() {
  useServerState();
  return html`
    <${ViewHead} title="Models" />
    <div class="page">
      ${isAdmin.value === false && html`<p class="hint">Loading and getting models needs an admin key. <button type="button" class="link" onClick=${() => openLayer("key")}>Enter one</button></p>`}
      ${problem.value && html`<p class="problem" role="alert">${problem.value}</p>`}
      <${MemoryBars} />
      <section aria-labelledby="served-title">
        <h2 id="served-title">Served</h2>
        <ul class="cards">
          ${entries.value.map((model) => html`<${Entry} key=${model.id} model=${model} />`)}
        </ul>
        ${!entries.value.length && html`<p class="hint">No model is served yet: models.toml names none. Get one below, or see what is on this disk.</p>`}
      </section>
      ${isAdmin.value && html`<${Pull} /><${Found} />`}
      <${Routes} />
    </div>
  `;
}
