// One model that is served: how it is, what it is, and what can be done with it.

import { StateDot, stateWord } from "../chat/ModelMenu.js";
import { newChat, rememberModel } from "../chat/opened.js";
import { Icon } from "../parts/icons.js";
import { bytes, count, parameters, seconds } from "../parts/format.js";
import { chatModels, isAdmin, isDefault, models, progress } from "../server/live.js";
import { html, useState } from "../ui.js";
import { Log } from "./Log.js";
import { keep, kept, makeDefault, planOf, status, verb } from "./state.js";

const IS_SERIOUS = new Set(["evicts", "waits"]);

export function Entry({ model }) {
  const [plan, setPlan] = useState(null);
  const { id, meta = {} } = model;
  const word = stateWord(model);
  const load = async () => {
    setPlan(null);
    const told = await planOf(id).catch(() => null); // a load then says itself what is wrong
    if (told && IS_SERIOUS.has(told.verdict)) setPlan(told);
    else verb("load", id);
  };
  const facts = [
    meta.quantization,
    meta.n_params && `${parameters(meta.n_params)} parameters`,
    meta.size && bytes(meta.size),
    meta.n_ctx && `${count(meta.n_ctx)} tokens of context`,
    ...(model.capabilities ?? []),
  ].filter(Boolean);
  return html`<li class="card">
    <div class="row">
      <${StateDot} model=${model} />
      <h3>${model.display_name ?? id}</h3>
      <span class="faint">${word}${word === "unloaded" && meta.unload_reason ? `: ${meta.unload_reason}` : ""}</span>
      ${isDefault(model) && html`<span class="tag">default</span>`}
      ${kept.value.has(id) && html`<span class="tag">kept</span>`}
      <span class="grow"></span>
      <${Verbs} model=${model} word=${word} onLoad=${load} />
    </div>
    ${model.description && html`<p>${model.description}</p>`}
    ${facts.length > 0 && html`<p class="faint">${facts.join(" · ")}</p>`}
    <${Progress} id=${id} />
    ${(meta.n_running > 0 || meta.n_waiting > 0) && html`<p class="figures">${meta.n_running} running, ${meta.n_waiting} waiting</p>`}
    ${plan && html`<div class="asking" role="group" aria-label=${`Load ${id}?`}>
      <p>${plan.summary}.</p>
      <div class="row"><button type="button" class="button small primary" onClick=${() => (setPlan(null), verb("load", id))}>Load it</button>
      <button type="button" class="button small" onClick=${() => setPlan(null)}>Leave it</button></div>
    </div>`}
    ${model.error && html`<p class="problem" role="alert">${model.error.message}</p>`}
    ${isAdmin.value && html`<${Details} model=${model} />`}
  </li>`;
}

function Verbs({ model, word, onLoad }) {
  const { id } = model;
  const named = (text) => html`${text}<span class="visually-hidden"> ${id}</span>`;
  const canChat = chatModels.value.includes(model) && model.status !== "disabled";
  const chat = () => {
    rememberModel(id);
    newChat();
  };
  return html`<div class="row verbs">
    ${canChat && html`<button type="button" class="button small" onClick=${chat}>${named("Chat")}</button>`}
    ${isAdmin.value && word === "loading" && html`<button type="button" class="button small" onClick=${() => verb("unload", id, { force: true })}>${named("Cancel")}</button>`}
    ${isAdmin.value && word === "loaded" && html`<button type="button" class="button small" onClick=${() => verb("unload", id)}>${named("Unload")}</button>`}
    ${isAdmin.value && (word === "unloaded" || word === "error") && html`<button type="button" class="button small" onClick=${onLoad}>${named("Load")}</button>`}
    ${isAdmin.value && word === "disabled" && html`<button type="button" class="button small" onClick=${() => verb("enable", id)}>${named("Enable")}</button>`}
  </div>`;
}

function Progress({ id }) {
  const load = progress.value[id];
  if (!load) return null;
  return html`<div class="waiting">
    <span>${load.stage}${load.what ? `: ${load.what}` : ""} <span class="figures">${Math.round(load.fraction * 100)} %</span></span>
    <progress max="1" value=${load.fraction} aria-label=${`Loading ${id}`}></progress>
  </div>`;
}

function Details({ model }) {
  const [isOpen, setOpen] = useState(false);
  const [plan, setPlan] = useState(null);
  const { id, meta = {} } = model;
  const onToggle = async (event) => {
    setOpen(event.currentTarget.open);
    if (event.currentTarget.open) setPlan(await planOf(id).catch((error) => ({ summary: error.message })));
  };
  return html`<details class="more" onToggle=${onToggle}>
    <summary>Details<span class="visually-hidden"> of ${id}</span></summary>
    ${isOpen && html`
      <dl class="facts">${factsOf(model, plan).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
      <div class="row">
        ${model.status === "loaded" && html`<button type="button" class="button small" aria-pressed=${kept.value.has(id)} onClick=${() => keep(id, !kept.value.has(id))}><${Icon} name="pin" />${kept.value.has(id) ? "Let it go when idle" : "Keep it when idle"}</button>`}
        ${!isDefault(model) && model.status !== "disabled" && html`<button type="button" class="button small" onClick=${() => makeDefault(id)}>Make it the default</button>`}
        ${model.status !== "disabled" && html`<button type="button" class="button small" onClick=${() => verb("disable", id)}>Disable</button>`}
      </div>
      <${Log} id=${id} key=${`${id} ${model.status}`} />`}
  </details>`;
}

/** [name, value] of all that is known; what is not known has no line. */
function factsOf(model, plan) {
  const { meta = {} } = model;
  const now = status.value?.models.find((each) => each.id === model.id);
  const adapters = models.value.filter((each) => each.parent === model.id).map((each) => each.id.slice(model.id.length + 1));
  const unloads = Object.entries(now?.n_unloads ?? {}).filter(([, n]) => n > 0);
  const facts = [
    ["Also called", [model.root, ...(model.aliases ?? [])].filter((name) => name !== model.id).join(", ")],
    ["A load now", plan?.verdict === "loaded" ? "" : plan?.summary],
    ["File", plan?.path],
    ["Architecture", meta.arch],
    ["Context", meta.n_ctx && `${count(meta.n_ctx)} of ${count(meta.n_ctx_train)} trained: ${meta.n_ctx_because}`],
    ["Slots", meta.n_slots && `${meta.n_slots_busy} of ${meta.n_slots} busy`],
    ["Placed", meta.placed_because],
    ["Memory", plan?.needed_bytes && Object.entries(plan.needed_bytes).map(([device, n]) => `${bytes(n)} of ${device === "CPU" ? "RAM" : device}`).join(", ")],
    ["Of it", plan?.weights_bytes > 0 && `weights ${bytes(plan.weights_bytes)}, KV cache ${bytes(plan.kv_bytes)}, compute ${bytes(plan.compute_bytes)}, prompts ${bytes(plan.prompts_bytes)}, process ${bytes(plan.process_bytes)}`],
    ["Adapters", adapters.join(", ")],
    ["Pinned", now?.is_pinned && "never unloaded to make room"],
    ["Loaded", now?.n_loads > 0 && `${times(now.n_loads)}, the last time in ${seconds(now.last_load_s)}`],
    ["Unloaded", unloads.map(([reason, n]) => `${n} ${reason}`).join(", ")],
    ["Crashed", now?.n_crashes > 0 && times(now.n_crashes)],
    ["Process", now?.worker && `${now.worker.pid}, for ${seconds(now.worker.uptime_s)}`],
  ];
  return facts.filter(([, value]) => value);
}

function times(n) {
  return n === 1 ? "once" : `${n} times`;
}
