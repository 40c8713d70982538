// Calls of tools, folded: name, arguments, and what came of them. Who asked for tools of their own writes the results here.

import { Icon } from "../parts/icons.js";
import { html, useState } from "../ui.js";
import { isAnswering, sendResults } from "./answering.js";

/** `isOpen`: nothing has been said since, so results are wanted. Without `shown` they can't be given. */
export function Calls({ shown, node, calls = [], isOpen = false }) {
  const [results, setResults] = useState({});
  if (!calls.length) return null;
  const isWanted = isOpen && shown && node.state === "done" && calls.some((call) => call.result === undefined);
  const onSubmit = (event) => {
    event.preventDefault();
    sendResults(shown, node.id, results);
  };
  return html`<form class="calls" onSubmit=${onSubmit}>
    ${calls.map(
      (call) => html`<details class="call" key=${call.id || call.name} open=${isWanted}>
        <summary><${Icon} name="tool" />Calls <code>${call.name}</code></summary>
        <pre tabindex="0" aria-label=${`Arguments of ${call.name}`}>${pretty(call.arguments)}</pre>
        ${call.result !== undefined && html`<pre tabindex="0" aria-label=${`Result of ${call.name}`}>${pretty(call.result)}</pre>`}
        ${isWanted &&
        html`<label class="field"><span>What it gave</span>
          <textarea rows="2" value=${results[call.id] ?? ""} onInput=${(event) => setResults({ ...results, [call.id]: event.currentTarget.value })}></textarea>
        </label>`}
      </details>`,
    )}
    ${isWanted && html`<div class="row end"><button type="submit" class="button small primary" disabled=${isAnswering(shown.value.id)}>Send the ${calls.length > 1 ? "results" : "result"}</button></div>`}
  </form>`;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text; // still coming, or no JSON
  }
}
