// A text with Markdown in it, as elements. What renders it is fetched after the page has been painted; until then, the
// text stands there as it is.

import { html, signal, useLayoutEffect, useRef } from "../ui.js";

const renderer = signal(null);

export async function loadMarkdown() {
  const [{ blocksOf }, { elementsOf }] = await Promise.all([import("./parse.js"), import("./elements.js")]);
  renderer.value = { blocksOf, elementsOf };
}

const cached = new Map(); // text -> blocks, of texts that are complete
const MAX_CACHED = 400;

function blocksOf(text, isWriting) {
  if (isWriting) return renderer.value.blocksOf(text);
  if (!cached.has(text)) {
    if (cached.size >= MAX_CACHED) cached.delete(cached.keys().next().value);
    cached.set(text, renderer.value.blocksOf(text));
  }
  return cached.get(text);
}

export function Markdown({ text, isWriting = false }) {
  if (!renderer.value) return html`<div class="markdown plain">${text}</div>`;
  const blocks = blocksOf(text, isWriting);
  return html`<div class="markdown">
    ${blocks.map((block, i) => html`<${Block} key=${i} block=${block} isFinal=${!isWriting || i < blocks.length - 1} />`)}
  </div>`;
}

function Block({ block, isFinal }) {
  const place = useRef(null);
  useLayoutEffect(() => {
    place.current.replaceChildren(renderer.value.elementsOf(block.html, isFinal));
  }, [block.key, isFinal]);
  return html`<div class="block" ref=${place}></div>`;
}
