// The requests that came since the page was opened, the newest first; running ones count their seconds.

import { count, rate, seconds } from "../parts/format.js";
import { requests } from "../server/live.js";
import { html, signal, useEffect } from "../ui.js";

const now = signal(Date.now());

export function Requests() {
  const nRunning = requests.value.filter((each) => each.status === undefined).length;
  useEffect(() => {
    const timer = setInterval(() => (now.value = Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  return html`
    <p class="faint">${nRunning} running, ${requests.value.length - nRunning} done</p>
    <div class="table" tabindex="0" role="group" aria-label="Requests"><table>
      <thead><tr>${["When", "Model", "Route", "State", "Took", "Prompt", "Answer", "Speed"].map((name) => html`<th scope="col" key=${name}>${name}</th>`)}</tr></thead>
      <tbody>${requests.value.map((each) => html`<${Row} key=${each.id} request=${each} />`)}</tbody>
    </table></div>
  `;
}

function Row({ request }) {
  const isRunning = request.status === undefined;
  const took = isRunning ? Math.max(0, (now.value - request.startedAt) / 1000) : request.seconds;
  const speed = request.n_completion_tokens > 1 && request.seconds ? request.n_completion_tokens / request.seconds : null;
  return html`<tr>
    <td class="figures">${new Date(request.startedAt).toLocaleTimeString()}</td>
    <td>${request.model}</td>
    <td><code>${request.route}</code></td>
    <td><${State} request=${request} /></td>
    <td class="figures">${seconds(isRunning ? Math.floor(took) : took)}</td>
    <td class="figures">${count(request.n_prompt_tokens)}</td>
    <td class="figures">${count(request.n_completion_tokens)}</td>
    <td class="figures" title="with the wait and the prompt in it">${rate(speed)}</td>
  </tr>`;
}

const WORDS = { 200: "answered", 499: "the client left", 429: "too busy" };

function State({ request }) {
  if (request.status === undefined) return html`<span class="work">running</span>`;
  const words = request.error ?? WORDS[request.status] ?? "";
  return html`<span class=${request.status >= 400 ? "problem" : ""}>${request.status}${words ? ` ${words}` : ""}</span>`;
}
