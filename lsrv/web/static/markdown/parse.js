// Markdown to blocks: what stands between blank lines, each as HTML of its own, so that of an answer that is being written
// only its last block is made anew. HTML in a text is text. Formulas become <code class="math">, which `math.js` renders.

import { Marked } from "../vendor/marked.js";

const BLOCK_MATH = [
  { start: "$$", rule: /^\$\$([\s\S]+?)\$\$(?=\s|$|[.,;:])/ },
  { start: "\\[", rule: /^\\\[([\s\S]+?)\\\]/ },
];
const INLINE_MATH = [
  { start: "\\(", rule: /^\\\(([\s\S]+?)\\\)/ },
  { start: "$$", rule: /^\$\$([^$\n]+?)\$\$/, isDisplay: true },
  // A dollar is a sign of money unless it hugs a formula: "$5 and $10" are prices.
  { start: "$", rule: /^\$(?!\s)((?:\\.|[^$\\\n])+?)(?<!\s)\$(?![\d\w])/ },
];

function mathExtension(name, level, kinds) {
  return {
    name,
    level,
    start(text) {
      const places = kinds.map(({ start }) => text.indexOf(start)).filter((at) => at >= 0);
      return places.length ? Math.min(...places) : undefined;
    },
    tokenizer(text) {
      for (const { rule, isDisplay } of kinds) {
        const found = rule.exec(text);
        if (found) return { type: name, raw: found[0], formula: found[1].trim(), isDisplay: level === "block" || isDisplay };
      }
      return undefined;
    },
    renderer: ({ formula, isDisplay }) => `<code class="math${isDisplay ? " math-display" : ""}">${escaped(formula)}</code>`,
  };
}

export function escaped(text) {
  return text.replace(/[&<>"']/g, (each) => `&#${each.charCodeAt(0)};`);
}

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text }) => escaped(text),
    image: ({ href, text }) => `<a href="${escaped(href)}">${escaped(text || href)}</a>`, // nothing is fetched from elsewhere
  },
});
marked.use({
  extensions: [mathExtension("mathBlock", "block", BLOCK_MATH), mathExtension("mathInline", "inline", INLINE_MATH)],
});

/** [{key, html}]: blocks with the same key have the same HTML, which is made when it is asked for. */
export function blocksOf(text) {
  return marked
    .lexer(text)
    .filter((token) => token.type !== "space" && token.type !== "def")
    .map((token) => ({
      key: token.raw,
      get html() {
        return marked.parser([token]);
      },
    }));
}
