// What a model said: its thoughts folded, its text, why it ended, and its figures.

import { Icon } from "../parts/icons.js";
import { count, rate, seconds } from "../parts/format.js";
import { Markdown } from "../markdown/Markdown.js";
import { modelOf, progress } from "../server/live.js";
import { html } from "../ui.js";

/** `live`: what has come of it so far, while it comes. */
export function Answer({ node, live, name = node.model, isBlind = false }) {
  const said = live ?? node;
  const isWriting = Boolean(live);
  return html`
    <header class="answer-head"><span class="answer-name">${name}</span></header>
    ${Boolean(said.reasoning) && html`<${Thought} text=${said.reasoning} isThinking=${live?.isThinking} seconds_=${node.stats?.thought_s} isWriting=${isWriting} />`}
    ${isWriting && !live.hasBegun && html`<${Waiting} model=${node.model} notice=${live.notice} isBlind=${isBlind} />`}
    ${Boolean(said.content) && html`<${Markdown} text=${said.content} isWriting=${isWriting} />`}
    ${!isWriting && html`<${Ending} node=${node} />`} ${!isWriting && node.stats && html`<${Figures} stats=${node.stats} model=${node.model} isBlind=${isBlind} />`}
  `;
}

function Thought({ text, isThinking, seconds_, isWriting }) {
  const words = isThinking ? "Thinking…" : seconds_ ? `Thought for ${seconds(seconds_)}` : "Thought";
  return html`<details class="thought ${isThinking ? "is-live" : ""}">
    <summary><${Icon} name="thought" />${words}</summary>
    <${Markdown} text=${text} isWriting=${isWriting} />
  </details>`;
}

/** What an answer waits for before its first word: a place, the model's load, or its prompt being read. */
function Waiting({ model, notice, isBlind }) {
  const load = progress.value[model] ?? progress.value[modelOf(model)?.parent];
  if (load && !isBlind) {
    return html`<div class="waiting" role="status">
      <span>Loading ${model}: ${load.what || load.stage}</span>
      <progress max="1" value=${load.fraction} aria-label=${`Loading ${model}`}></progress>
    </div>`;
  }
  return html`<div class="waiting"><span class="pulse" aria-hidden="true"></span><span>${isBlind ? "Waiting" : notice || "Reading"}</span></div>`;
}

const ENDINGS = {
  stopped: "Stopped.",
  cut: "The page was closed while this was written.",
};

function Ending({ node }) {
  if (node.state === "failed") return html`<${Failure} error=${node.error} hasText=${Boolean(node.content)} />`;
  if (ENDINGS[node.state]) return html`<p class="hint">${ENDINGS[node.state]}</p>`;
  if (node.stats?.finish === "length") return html`<p class="hint">It ended at its longest length, or the context is full.</p>`;
  if (!node.content && !node.reasoning && !node.calls?.length) return html`<p class="hint">The model said nothing.</p>`;
  return null;
}

const ADVICE = {
  context_length_exceeded: "Begin a new chat, edit an earlier message to be shorter, or choose a model with a longer context.",
  unreachable: "When the server is back, ask for another answer.",
  queue_full: "Many requests wait for this model. Try again in a moment.",
  model_not_found: "Choose another model above, then ask for another answer.",
  model_disabled: "Enable it under Models, or choose another model above.",
  invalid_grammar: "The schema is in the settings of this chat.",
};

function Failure({ error, hasText }) {
  return html`<div class="failure" role="group" aria-label="Error">
    <${Icon} name="alert" />
    <div>
      <p>${hasText ? "The answer broke off: " : ""}${error?.message}</p>
      ${ADVICE[error?.code] && html`<p class="faint">${ADVICE[error.code]}</p>`}
    </div>
  </div>`;
}

function Figures({ stats, model, isBlind }) {
  const n_ctx = modelOf(model)?.meta?.n_ctx;
  const n_used = (stats.n_prompt ?? 0) + (stats.n_completion ?? 0);
  const figures = [
    stats.rate && !isBlind ? [rate(stats.rate), "speed of the answer"] : null,
    stats.ttft_s !== null && !isBlind ? [`${seconds(stats.ttft_s)} to first`, "time to the first token"] : null,
    stats.n_completion ? [`${count(stats.n_completion)} tokens`, "length of the answer"] : null,
    n_used && n_ctx && !isBlind ? [`${count(n_used)} of ${count(n_ctx)} context`, "context in use, of what there is"] : null,
    stats.n_cached ? [`${count(stats.n_cached)} cached`, "tokens of the prompt that did not have to be read again"] : null,
    stats.isCached ? ["kept answer", "given before, and not computed again"] : null,
  ].filter(Boolean);
  if (!figures.length) return null;
  return html`<p class="figures answer-figures">${figures.map(([figure, what]) => html`<span title=${what}>${figure}</span>`)}</p>`;
}
