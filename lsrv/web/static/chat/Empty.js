// What a new chat shows: what can be asked here, by what is served.

import { currentModel } from "./opened.js";
import { setDraft } from "./drafts.js";
import { chatModels, connection, modelOf } from "../server/live.js";
import { html } from "../ui.js";

const OF_DEMO = ["What is lsrv?", "What is the capital of France?", "Spell the word lantern backwards."];
const OF_ANY = [
  "Explain how a hash map works, with a small example in Python.",
  "Write a polite email that moves a meeting to Thursday.",
  "Make a table of the planets with their distance from the sun.",
];

export function Empty() {
  const model = modelOf(currentModel.value);
  if (!chatModels.value.length) {
    if (connection.value !== "online") return html`<div class="empty"><p class="faint" role="status">Looking for the server…</p></div>`;
    return html`<div class="empty">
      <h2>No model here can chat yet</h2>
      <p>Name one in models.toml, or <a href="#/models">get one by its name</a>.</p>
    </div>`;
  }
  const isDemo = model?.root?.startsWith("lsrv-demo");
  const choose = (text) => {
    setDraft("", { text });
    document.querySelector(".composer textarea")?.focus();
  };
  return html`<div class="empty">
    <h2>${isDemo ? "Say hello to the demo" : "Ask anything"}</h2>
    <p>
      ${isDemo
        ? html`A toy of four million parameters is here to show that everything works. It knows what lsrv is and some
            capitals. <a href="#/models">Get a larger model</a> for real questions.`
        : "What you write goes to the server that this page is from, and nowhere else."}
    </p>
    <ul class="samples">
      ${(isDemo ? OF_DEMO : OF_ANY).map((text) => html`<li><button type="button" class="sample" onClick=${() => choose(text)}>${text}</button></li>`)}
    </ul>
  </div>`;
}
