// Gets a model by its name: what is chosen, how far it is, and a way to stop. The server goes on with what was begun when
// it is asked again.

import { bytes, seconds } from "../parts/format.js";
import { announce } from "../parts/announce.js";
import { ask, asServerError, lines } from "../server/asking.js";
import { refresh } from "../server/live.js";
import { html, signal } from "../ui.js";
import { found, lookForFound, serveFound } from "./state.js";

const typed = signal("");
/** {name, words, completed, total, startedAt, state: "running" | "done" | "stopped" | "failed", steps, abort} */
const pull = signal(null);

export function Pull() {
  const now = pull.value;
  // Keys make two elements of the buttons: one whose type changed under a click would submit the form.
  const isRunning = now?.state === "running";
  const onSubmit = (event) => {
    event.preventDefault();
    if (typed.value.trim() && !isRunning) run(typed.value.trim());
  };
  return html`<section aria-labelledby="pull-title">
    <h2 id="pull-title">Get a model</h2>
    <form class="row pull" onSubmit=${onSubmit}>
      <input aria-label="Name of a model" placeholder="OWNER/NAME:4" autocomplete="off" autocapitalize="off" spellcheck="false" value=${typed.value} onInput=${(event) => (typed.value = event.currentTarget.value)} />
      ${isRunning
        ? html`<button key="stop" type="button" class="button" onClick=${() => now.abort.abort()}>Stop</button>`
        : html`<button key="go" type="submit" class="button primary" disabled=${!typed.value.trim()}>Get it</button>`}
    </form>
    <p class="hint">A name of the Hugging Face Hub, with a width behind a colon (“:4”, “:8”) or a quantization (“:Q5_K_M”), such as Qwen/Qwen3-4B:4.</p>
    ${now && html`<${State} now=${now} />`}
  </section>`;
}

function State({ now }) {
  return html`<div class="card">
    <div class="row"><strong>${now.name}</strong><span class="faint">${WORDS[now.state]}</span></div>
    ${now.state === "running" && html`<div class="waiting"><span>${now.words}${now.total ? html` <span class="figures">${bytes(now.completed)} of ${bytes(now.total)}${left(now)}</span>` : ""}</span>
      <progress max=${now.total || undefined} value=${now.total ? now.completed : undefined} aria-label=${`Getting ${now.name}`}></progress></div>`}
    ${now.state === "failed" && html`<p class="problem" role="alert">${now.words}</p>`}
    ${now.state === "stopped" && html`<p class="hint">What was downloaded is kept; getting it again goes on there.</p>`}
    ${now.steps.length > 0 && html`<details class="more"><summary>What was done</summary><ul class="steps">${now.steps.map((step) => html`<li key=${step}>${step}</li>`)}</ul></details>`}
    ${now.state === "done" && html`<${Done} name=${now.name} />`}
  </div>`;
}

const FIRST = "pulling manifest"; // Ollama's clients wait for it; it says nothing of what is done here

const WORDS = { running: "on its way", done: "is on this disk", stopped: "stopped", failed: "failed" };

function left({ completed, total, startedAt, startedWith }) {
  const rate = (completed - startedWith) / ((Date.now() - startedAt) / 1000);
  return rate > 0 && completed < total ? `, ${seconds((total - completed) / rate)} left` : "";
}

/** How it comes to be served: at once where the server lists what it finds, else by models.toml. */
function Done({ name }) {
  const [id, width] = [name.replace(/:[^:/]*$/, ""), /:([^:/]*)$/.exec(name)?.[1]];
  const here = found.value?.find((each) => each.served_as === null && [each.id, ...each.aliases].some((known) => known.startsWith(id)));
  const toml = `[[models]]\nmodel_id = "${id}"\n${width ? `quantization = { quant = "${width}" }\n` : ""}`;
  return html`
    ${here && html`<button type="button" class="button small primary" onClick=${() => serveFound(here.id)}>Serve it now</button>`}
    <p class="hint">To have it served at every start, add to models.toml, then run lsrv reload:</p>
    <pre class="log" tabindex="0" role="group" aria-label="Lines for models.toml">${toml}</pre>
  `;
}

function set(fields) {
  pull.value = { ...pull.value, ...fields };
}

async function run(name) {
  const abort = new AbortController();
  pull.value = { name, words: "looking", completed: 0, total: 0, startedAt: 0, startedWith: 0, state: "running", steps: [], abort };
  try {
    const body = { model: name };
    for await (const line of lines(await ask("api/pull", { method: "POST", body, signal: abort.signal }))) take(JSON.parse(line));
    if (pull.value.state === "running") throw new Error("the server ended it without a word");
  } catch (error) {
    const told = asServerError(error);
    if (told.name === "AbortError") set({ state: "stopped" });
    else set({ state: "failed", words: told.message });
  }
  announce(`${name} ${WORDS[pull.value.state]}`);
  refresh();
  lookForFound();
}

function take({ status, error, completed, total, digest }) {
  if (error) return set({ state: "failed", words: error });
  if (status === "success") return set({ state: "done", words: "" });
  const { steps } = pull.value;
  if (digest !== pull.value.digest) set({ startedAt: Date.now(), startedWith: completed ?? 0 });
  set({
    digest,
    words: status.replace(/^look /, "looking for "),
    completed: completed ?? 0,
    total: total ?? 0,
    steps: status !== FIRST && !steps.includes(status) ? [...steps, status] : steps,
  });
}
