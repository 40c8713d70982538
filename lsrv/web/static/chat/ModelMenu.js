// Chooses a model: all that can chat, with their states, found by typing. `name` tells several of them on one page apart.

import { Icon } from "../parts/icons.js";
import { bytes, count } from "../parts/format.js";
import { closeLayer, focusOnce, isOpen, toggleLayer } from "../parts/layers.js";
import { chatModels, modelOf, progress } from "../server/live.js";
import { html, useState } from "../ui.js";

const GROUPS = [
  ["In memory", (model) => model.status === "loaded" || model.status === "reloading"],
  ["Loaded when asked", (model) => model.status && model.status !== "disabled"],
  ["Routes", (model) => model.route],
  ["Not available", () => true],
];

export function ModelMenu({ name, label, chosen, isHidden = false, onChoose }) {
  const layer = `model-menu-${name}`;
  const isShown = isOpen(layer);
  const model = modelOf(chosen);
  return html`<div class="menu-place">
    <button
      type="button"
      class="model-button"
      aria-haspopup="dialog"
      aria-expanded=${isShown}
      aria-label=${`${label}: ${isHidden ? "hidden" : chosen || "none"}`}
      onClick=${() => toggleLayer(layer)}
    >
      ${isHidden ? html`<span class="dot"></span>` : html`<${StateDot} model=${model} />`}
      <span class="model-name">${isHidden ? "hidden until you choose" : chosen || "no model"}</span>
      <${Icon} name="down" />
    </button>
    ${isShown && html`<${Menu} layer=${layer} label=${label} chosen=${chosen} onChoose=${onChoose} />`}
  </div>`;
}

export function StateDot({ model }) {
  const word = stateWord(model);
  return html`<span class="dot dot-${word.replace(/\W/g, "-")}" title=${word} aria-hidden="true"></span>`;
}

export function stateWord(model) {
  if (!model) return "unknown";
  if (progress.value[model.id] || model.status === "reloading") return "loading";
  if (model.route) return "route";
  return model.status ?? "unknown";
}

function Menu({ layer, label, chosen, onChoose }) {
  const [wanted, setWanted] = useState("");
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = chatModels.value.filter(({ id, aliases = [] }) => {
    const names = [id, ...aliases].join(" ").toLowerCase();
    return words.every((word) => names.includes(word));
  });
  const take = (id) => {
    closeLayer(layer);
    onChoose(id);
  };
  const onSubmit = (event) => {
    event.preventDefault();
    if (matches.length) take(matches[0].id);
  };
  return html`
    <div class="shade clear" onClick=${() => closeLayer(layer)}></div>
    <div class="menu" role="dialog" aria-label=${label} onKeyDown=${moveByArrows}>
      <form onSubmit=${onSubmit}><label class="search">
        <${Icon} name="search" /><span class="visually-hidden">Find a model</span>
        <input type="search" placeholder="Find a model" ref=${focusOnce} value=${wanted} onInput=${(event) => setWanted(event.currentTarget.value)} />
      </label></form>
      ${grouped(matches).map(
        ([group, models]) => html`<section aria-label=${group}>
          <h2>${group}</h2>
          <ul>
            ${models.map((model) => html`<li key=${model.id}><${Choice} model=${model} isChosen=${model.id === chosen} onChoose=${take} /></li>`)}
          </ul>
        </section>`,
      )}
      ${!matches.length && html`<p class="hint">${wanted ? "No model of that name." : "This server has no model that can chat."} <a href="#/models">Models</a></p>`}
    </div>
  `;
}

function grouped(models) {
  const groups = new Map(GROUPS.map(([name]) => [name, []]));
  for (const model of models) groups.get(GROUPS.find(([, holds]) => holds(model))[0]).push(model);
  return [...groups].filter(([, members]) => members.length);
}

function Choice({ model, isChosen, onChoose }) {
  const { meta = {} } = model;
  const facts = [
    model.parent ? `adapter of ${model.parent}` : "",
    model.route ? `route` : "",
    meta.quantization,
    meta.size ? bytes(meta.size) : "",
    meta.n_ctx ? `${count(meta.n_ctx)} context` : "",
  ];
  return html`<button type="button" class="choice" aria-pressed=${isChosen} onClick=${() => onChoose(model.id)}>
    <${StateDot} model=${model} />
    <span class="choice-name">${model.id}</span>
    <span class="faint">${facts.filter(Boolean).join(" · ")}</span>
    <span class="visually-hidden">, ${stateWord(model)}</span>
    ${isChosen && html`<${Icon} name="check" />`}
  </button>`;
}

function moveByArrows(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const stops = [...event.currentTarget.querySelectorAll("input, .choice")];
  const at = stops.indexOf(document.activeElement);
  stops[(at + step + stops.length) % stops.length].focus();
  event.preventDefault();
}
