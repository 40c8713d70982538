// The settings of one conversation: what the model is told first, how it chooses words, the form of its answers.

import { IconButton } from "../parts/icons.js";
import { closeLayer, focusOnce } from "../parts/layers.js";
import { models } from "../server/live.js";
import { html } from "../ui.js";
import { changeShown } from "./ChatView.js";
import { currentModel } from "./opened.js";
import { NUMBERS, nSet, numberProblem, schemaProblem, toolsProblem } from "./settings.js";

export function SettingsDrawer({ shown }) {
  const { settings } = shown.value;
  const set = (fields) => changeShown(shown, { settings: { ...shown.value.settings, ...fields } });
  const close = () => closeLayer("settings");
  return html`
    <div class="shade only-narrow" onClick=${close}></div>
    <aside class="drawer" aria-labelledby="settings-title">
      <header class="drawer-head">
        <h2 id="settings-title" tabindex="-1" ref=${focusOnce}>Settings of this chat</h2>
        <span class="grow"></span>
        <${IconButton} name="close" label="Close the settings" onClick=${close} />
      </header>
      <p class="hint">What is left empty is as the server has it.</p>
      <${Area} label="System prompt" rows=${5} value=${settings.system} onChange=${(system) => set({ system })} hint="What the model is told before everything else." />
      <${Adapters} settings=${settings} set=${set} />
      <fieldset>
        <legend>Choice of words</legend>
        <div class="numbers">${NUMBERS.map((number) => html`<${NumberField} key=${number.name} number=${number} value=${settings[number.name] ?? ""} onChange=${(value) => set({ [number.name]: value })} />`)}</div>
        <${Area} label="Stop at" rows=${2} value=${settings.stop} onChange=${(stop) => set({ stop })} hint="A text per line; the answer ends before it." />
      </fieldset>
      <fieldset>
        <legend>Thinking</legend>
        <div class="row" role="radiogroup" aria-label="Thinking">
          ${[["", "As the model does"], ["on", "On"], ["off", "Off"]].map(
            ([value, label]) => html`<label class="check"><input type="radio" name="thinking" checked=${(settings.thinking ?? "") === value} onChange=${() => set({ thinking: value })} />${label}</label>`,
          )}
        </div>
      </fieldset>
      <fieldset>
        <legend>Form of the answer</legend>
        <${Area} label="JSON Schema" rows=${6} isCode value=${settings.schema} problem=${schemaProblem(settings.schema)} onChange=${(schema) => set({ schema })} hint="Paste a schema: every answer is JSON that it allows." />
        <${Area} label="Tools" rows=${6} isCode value=${settings.tools} problem=${toolsProblem(settings.tools)} onChange=${(tools) => set({ tools })} hint="A list in OpenAI's form. You write what the calls give." />
      </fieldset>
      <div class="row end"><button type="button" class="button" disabled=${!nSet(settings)} onClick=${() => changeShown(shown, { settings: {} })}>Reset all</button></div>
    </aside>
  `;
}

function Area({ label, rows, value = "", problem = "", hint, isCode = false, onChange }) {
  const id = `area-${label.toLowerCase().replace(/\W/g, "-")}`;
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <textarea id=${id} rows=${rows} class=${isCode ? "code-input" : ""} spellcheck=${!isCode} value=${value} aria-invalid=${Boolean(problem)} aria-describedby=${`${id}-hint`} onInput=${(event) => onChange(event.currentTarget.value)}></textarea>
    <span id=${`${id}-hint`} class=${problem ? "problem" : "hint"}>${problem || hint}</span>
  </div>`;
}

function NumberField({ number, value, onChange }) {
  const { name, label, hint } = number;
  const problem = numberProblem(number, value);
  const id = `number-${name}`;
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <input id=${id} inputmode="decimal" autocomplete="off" placeholder="server’s" value=${value} aria-invalid=${Boolean(problem)} aria-describedby=${`${id}-hint`} onInput=${(event) => onChange(event.currentTarget.value.trim())} />
    <span id=${`${id}-hint`} class=${problem ? "problem" : "hint"}>${problem || hint}</span>
  </div>`;
}

/** Adapters of the chosen model, each with its weight; those that the server applies by itself need no word. */
function Adapters({ settings, set }) {
  const offered = models.value.filter((model) => model.parent === currentModel.value);
  if (!offered.length) return null;
  const chosen = settings.adapters ?? [];
  const nameOf = (model) => model.id.slice(model.parent.length + 1);
  const toggle = (name, isOn) =>
    set({ adapters: isOn ? [...chosen, { name, weight: "1" }] : chosen.filter((each) => each.name !== name) });
  const weigh = (name, weight) => set({ adapters: chosen.map((each) => (each.name === name ? { name, weight } : each)) });
  return html`<fieldset>
    <legend>Adapters</legend>
    ${offered.map((model) => {
      const name = nameOf(model);
      const own = chosen.find((each) => each.name === name);
      return html`<div class="row" key=${name}>
        <label class="check"><input type="checkbox" checked=${Boolean(own)} onChange=${(event) => toggle(name, event.currentTarget.checked)} />${name}</label>
        <span class="grow"></span>
        ${own && html`<label class="check">Weight <input class="short" inputmode="decimal" value=${own.weight} aria-invalid=${!Number.isFinite(Number(own.weight))} onInput=${(event) => weigh(name, event.currentTarget.value)} /></label>`}
      </div>`;
    })}
  </fieldset>`;
}
