// Keys that work wherever the focus is. Each is a value below, so that the page can list them.

import { closeTopmost, openLayer } from "./layers.js";

const bound = new Map(); // key -> {what, run, isPlain}

/** `combination`: "Escape", "mod+k" …; `mod` is Ctrl, and ⌘ on a Mac. */
export function bind(combination, what, run) {
  bound.set(combination, { what, run });
}

export const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

export function shortcuts() {
  return [...bound].map(([combination, { what }]) => [combination.replace("mod", isMac ? "⌘" : "Ctrl"), what]);
}

function combinationOf(event) {
  const modified = isMac ? event.metaKey : event.ctrlKey;
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return `${modified ? "mod+" : ""}${event.shiftKey && event.key.length > 1 ? "shift+" : ""}${name}`;
}

export function startKeyboard() {
  // On the document, while the event goes down: nothing that has the focus can keep it.
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.isComposing || event.altKey) return;
      if (event.key === "Escape" && closeTopmost()) {
        event.preventDefault();
        event.stopPropagation();
        return;
      }
      const found = bound.get(combinationOf(event));
      if (found && found.run(event) !== false) event.preventDefault();
    },
    { capture: true },
  );
  bind("mod+/", "Show these shortcuts", () => openLayer("shortcuts"));
}
