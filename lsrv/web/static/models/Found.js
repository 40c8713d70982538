// Models that other programs left on this disk: each can be served with one click, for this run.

import { bytes } from "../parts/format.js";
import { html, useEffect } from "../ui.js";
import { found, lookForFound, serveFound } from "./state.js";

export function Found() {
  useEffect(() => {
    lookForFound();
  }, []);
  const others = found.value?.filter((model) => model.served_as === null) ?? [];
  if (!others.length) return null;
  return html`<section aria-labelledby="found-title">
    <h2 id="found-title">On this disk, not served</h2>
    <ul class="cards">
      ${others.map(
        (model) => html`<li class="card" key=${model.path}>
          <div class="row"><h3>${model.id}</h3><span class="faint">${[model.found_in, model.quantization, bytes(model.size_bytes)].filter(Boolean).join(" · ")}</span><span class="grow"></span>
            <button type="button" class="button small" onClick=${() => serveFound(model.id)}>Serve<span class="visually-hidden"> ${model.id}</span></button></div>
          <p class="faint path">${model.path}</p>
        </li>`,
      )}
    </ul>
  </section>`;
}
