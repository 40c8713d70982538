// The server itself: how long it runs, from which file, and with what.

import { bytes, seconds } from "../parts/format.js";
import { status } from "../models/state.js";
import { defaultModel, entries, isDefault } from "../server/live.js";
import { html } from "../ui.js";

export function ServerFacts() {
  if (!status.value) return null;
  const { version, pid, uptime_s: uptime, config, is_draining: isDraining, memory, n_spare_workers: nSpare, models } = status.value;
  const nLoaded = models.filter((model) => model.status === "loaded").length;
  const facts = [
    ["Version", `lsrv ${version}`],
    ["Runs", `for ${seconds(uptime)}, process ${pid}${isDraining ? "; it is shutting down" : ""}`],
    ["Config", config ?? "none: started without a file"],
    ["Default model", entries.value.find(isDefault)?.id || defaultModel.value || "none"],
    ["Models", `${models.length}, ${nLoaded} in memory`],
    ["Memory for models", Object.entries(memory).map(([device, { budget_bytes: n }]) => `${bytes(n)} of ${device === "CPU" ? "RAM" : device}`).join(", ")],
    ["Spare workers", String(nSpare)],
    ["Requests running", String(models.reduce((sum, model) => sum + model.n_running, 0))],
  ];
  return html`<section aria-labelledby="server-title">
    <h2 id="server-title">Server</h2>
    <dl class="facts">${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
  </section>`;
}
