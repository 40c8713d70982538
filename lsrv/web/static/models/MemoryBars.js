// Memory by device: what each model was promised of the budget, and what is left.

import { bytes } from "../parts/format.js";
import { html } from "../ui.js";
import { status } from "./state.js";

const N_COLOURS = 6;

export function MemoryBars() {
  if (!status.value) return null;
  const { memory, models } = status.value;
  return html`<section aria-labelledby="memory-title">
    <h2 id="memory-title">Memory</h2>
    ${Object.entries(memory).map(([device, { budget_bytes: budget, promised_bytes: promised }]) => {
      const held = models.map(({ id, planned_bytes: planned }) => [id, planned[device] ?? 0]).filter(([, n]) => n > 0);
      return html`<${Bar} key=${device} name=${device === "CPU" ? "RAM" : device} budget=${budget} promised=${promised} held=${held} />`;
    })}
  </section>`;
}

function Bar({ name, budget, promised, held }) {
  const free = Math.max(0, budget - promised);
  return html`<div class="memory">
    <div class="row"><strong>${name}</strong><span class="grow"></span><span class="figures">${bytes(promised)} of ${bytes(budget)} promised, ${bytes(free)} free</span></div>
    <div class="memory-bar" aria-hidden="true">
      ${held.map(([id, n], i) => html`<span key=${id} class="share share-${i % N_COLOURS}" style=${{ width: `${(100 * n) / budget}%` }} title=${`${id}: ${bytes(n)}`}></span>`)}
    </div>
    ${held.length > 0 && html`<ul class="legend">${held.map(([id, n], i) => html`<li key=${id}><span class="share share-${i % N_COLOURS}"></span>${id} <span class="figures">${bytes(n)}</span></li>`)}</ul>`}
  </div>`;
}
