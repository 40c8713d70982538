// Routes: names that several models answer for, with what became of their requests and of shadow copies.

import { html } from "../ui.js";
import { routes } from "./state.js";

export function Routes() {
  if (!routes.value.length) return null;
  return html`<section aria-labelledby="routes-title">
    <h2 id="routes-title">Routes</h2>
    ${routes.value.map(
      (route) => html`<div class="card" key=${route.id}>
        <h3>${route.id}</h3>
        <div class="table" tabindex="0" role="group" aria-label=${`Models of ${route.id}`}><table>
          <thead><tr><th scope="col">Model</th><th scope="col">Weight</th><th scope="col">Answered</th><th scope="col">Failed</th><th scope="col">Fell back</th></tr></thead>
          <tbody>${route.members.map(
            (member) => html`<tr key=${member.model}><th scope="row">${member.model}</th><td>${member.weight ?? "–"}</td><td>${member.n_answered}</td><td>${member.n_failed}</td><td>${member.n_fallbacks}</td></tr>`,
          )}</tbody>
        </table></div>
        ${route.shadow?.length > 0 && html`<details class="more"><summary>Shadow copies<span class="visually-hidden"> of ${route.id}</span></summary><pre class="log" tabindex="0">${JSON.stringify(route.shadow, null, 1)}</pre></details>`}
      </div>`,
    )}
  </section>`;
}
