// The last lines that a model's worker wrote, and why the one before it is gone.

import { html, useEffect, useState } from "../ui.js";
import { logsOf } from "./state.js";

export function Log({ id }) {
  const [logs, setLogs] = useState(null);
  const [problem, setProblem] = useState("");
  const read = () => {
    logsOf(id).then(setLogs, (error) => setProblem(error.message));
  };
  useEffect(read, [id]);
  if (problem) return html`<p class="problem">${problem}</p>`;
  if (!logs) return null;
  const { worker, previous } = logs;
  return html`<div class="logs">
    <div class="row"><strong>Log of the worker</strong><span class="grow"></span><button type="button" class="link" onClick=${read}>Read again<span class="visually-hidden">, the log of ${id}</span></button></div>
    <${Lines} name=${`Log of ${id}`} log=${worker} none="No worker runs now." />
    ${previous && html`<p class="faint">The one before${previous.end ? `: ${previous.end}` : ""}</p>
      ${previous.lines.length > 0 && html`<${Lines} name=${`Log of the worker of ${id} before`} log=${previous} />`}`}
  </div>`;
}

function Lines({ name, log, none }) {
  if (!log) return html`<p class="hint">${none}</p>`;
  if (!log.lines.length) return html`<p class="hint">It has written nothing.</p>`;
  return html`<pre class="log" tabindex="0" role="group" aria-label=${name}>${log.lines.join("\n")}</pre>`;
}
