// What the server does: requests as they come, the logs of its workers, and the settings in force.

import { ViewHead } from "../parts/ViewHead.js";
import { openLayer } from "../parts/layers.js";
import { Log } from "../models/Log.js";
import { useServerState } from "../models/state.js";
import { entries, isAdmin, requests } from "../server/live.js";
import { html, useState } from "../ui.js";
import { Requests } from "./Requests.js";
import { ServerFacts } from "./ServerFacts.js";

export function ActivityView() {
  useServerState();
  return html`
    <${ViewHead} title="Activity" />
    <div class="page">
      ${isAdmin.value === false && html`<p class="hint">Activity is for admin keys. <button type="button" class="link" onClick=${() => openLayer("key")}>Enter one</button></p>`}
      ${isAdmin.value && html`
        <section aria-labelledby="requests-title">
          <h2 id="requests-title">Requests</h2>
          ${requests.value.length ? html`<${Requests} />` : html`<p class="hint">Nothing has been asked since this page was opened. Requests appear here as they come.</p>`}
        </section>
        <${ServerFacts} />
        <${WorkerLogs} />`}
    </div>
  `;
}

function WorkerLogs() {
  const [chosen, setChosen] = useState("");
  const ids = entries.value.map((model) => model.id);
  const id = ids.includes(chosen) ? chosen : ids[0];
  if (!id) return null;
  const state = entries.value.find((model) => model.id === id).status;
  return html`<section aria-labelledby="logs-title">
    <h2 id="logs-title">Logs</h2>
    <label class="row">Of <select value=${id} onChange=${(event) => setChosen(event.currentTarget.value)}>${ids.map((each) => html`<option key=${each} value=${each}>${each}</option>`)}</select></label>
    <${Log} id=${id} key=${`${id} ${state}`} />
  </section>`;
}
