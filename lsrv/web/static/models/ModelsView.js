// The models of the server, live.

import { IconButton } from "../parts/icons.js";
import { bytes, count } from "../parts/format.js";
import { openLayer } from "../parts/layers.js";
import { askJson } from "../server/asking.js";
import { entries, isAdmin, progress, refresh } from "../server/live.js";
import { html, signal } from "../ui.js";
import { StateDot, stateWord } from "../chat/ModelMenu.js";

const problem = signal("");

export function ModelsView() {
  return html`
    <header class="head">
      <${IconButton} name="menu" label="Conversations and views" class="only-narrow" onClick=${() => openLayer("sidebar")} />
      <h1>Models</h1>
    </header>
    <div class="page">
      ${isAdmin.value === false && html`<p class="hint">Loading and unloading needs an admin key. <button type="button" class="link" onClick=${() => openLayer("key")}>Enter one</button></p>`}
      ${problem.value && html`<p class="problem" role="alert">${problem.value}</p>`}
      <ul class="cards">
        ${entries.value.map((model) => html`<${Entry} key=${model.id} model=${model} />`)}
      </ul>
    </div>
  `;
}

async function run(verb, model) {
  problem.value = "";
  try {
    const { status, error } = await askJson(`v1/models/${verb}`, { method: "POST", body: { model_id: model.id } });
    if (error) problem.value = `${model.id}: ${error}`;
    return status;
  } catch (error) {
    problem.value = `${model.id}: ${error.message}`;
  } finally {
    refresh();
  }
}

function Entry({ model }) {
  const { meta = {} } = model;
  const load = progress.value[model.id];
  const facts = [meta.quantization, meta.size && bytes(meta.size), meta.n_ctx && `${count(meta.n_ctx)} context`, ...(model.capabilities ?? [])];
  const isLoaded = model.status === "loaded";
  return html`<li class="card">
    <div class="row">
      <${StateDot} model=${model} /><h2>${model.id}</h2><span class="faint">${stateWord(model)}</span><span class="grow"></span>
      ${isAdmin.value && html`<button type="button" class="button small" onClick=${() => run(isLoaded ? "unload" : "load", model)}>${isLoaded ? "Unload" : "Load"}<span class="visually-hidden"> ${model.id}</span></button>`}
    </div>
    <p class="faint">${facts.filter(Boolean).join(" · ")}</p>
    ${load && html`<progress max="1" value=${load.fraction} aria-label=${`Loading ${model.id}`}></progress>`}
    ${model.error && html`<p class="problem">${model.error.message}</p>`}
  </li>`;
}
