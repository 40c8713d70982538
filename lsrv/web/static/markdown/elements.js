// HTML to elements: through DOMPurify, which is the one place where text may become elements at all (the page's policy of
// trusted types allows no other). Then code gets its copy button and colours, tables get a place to scroll.

import DOMPurify from "../vendor/dompurify.js";
import { copyText } from "../parts/copy.js";
import { highlight } from "./highlight.js";
import { renderMath } from "./math.js";

const purifier = DOMPurify(window);
const RULES = {
  ALLOWED_TAGS:
    "a b blockquote br code del dd div dl dt em h1 h2 h3 h4 h5 h6 hr i input li ol p pre s span strong sub sup table tbody td th thead tr ul".split(
      " ",
    ),
  ALLOWED_ATTR: ["href", "title", "class", "start", "align", "type", "checked", "disabled"],
  RETURN_DOM_FRAGMENT: true,
};

const LINKS = /^(?:https?|mailto):/i; // an address without a scheme would be one of this server

purifier.addHook("afterSanitizeAttributes", (element) => {
  if (element.nodeName === "A") {
    if (!LINKS.test(element.getAttribute("href") ?? "")) element.removeAttribute("href");
    element.setAttribute("target", "_blank");
    element.setAttribute("rel", "noopener noreferrer nofollow");
  }
});

/** A fragment of safe elements. `isFinal`: no more of this block is to come, so that its colours are worth their time. */
export function elementsOf(html, isFinal) {
  const fragment = purifier.sanitize(html, RULES);
  for (const math of fragment.querySelectorAll("code.math")) renderMath(math);
  for (const pre of fragment.querySelectorAll("pre")) decorateCode(pre, isFinal);
  for (const table of fragment.querySelectorAll("table")) wrapTable(table);
  for (const box of fragment.querySelectorAll("input")) box.setAttribute("aria-label", box.checked ? "done" : "to do");
  return fragment;
}

/** The elements of highlighted code: highlight.js writes HTML, too. */
export function fragmentOf(html) {
  return purifier.sanitize(html, { ALLOWED_TAGS: ["span"], ALLOWED_ATTR: ["class"], RETURN_DOM_FRAGMENT: true });
}

function decorateCode(pre, isFinal) {
  const code = pre.querySelector("code") ?? pre;
  const language = /language-(\S+)/.exec(code.className)?.[1] ?? "";
  const text = code.textContent;
  const head = document.createElement("div");
  head.className = "code-head";
  const name = document.createElement("span");
  name.textContent = language || "text";
  const copy = document.createElement("button");
  copy.type = "button";
  copy.className = "code-copy";
  copy.textContent = "Copy";
  copy.setAttribute("aria-label", `Copy ${language || "text"}`);
  copy.addEventListener("click", async () => {
    copy.textContent = (await copyText(text)) ? "Copied" : "Not copied";
    setTimeout(() => (copy.textContent = "Copy"), 1500);
  });
  head.append(name, copy);
  const box = document.createElement("div");
  box.className = "code";
  pre.replaceWith(box);
  box.append(head, pre);
  makeScrollable(pre, `Code, ${language || "text"}`);
  if (isFinal) highlight(code, language, fragmentOf);
}

function wrapTable(table) {
  const box = document.createElement("div");
  box.className = "table";
  table.replaceWith(box);
  box.append(table);
  makeScrollable(box, "Table");
}

/** What is wider than its place scrolls, and with it a keyboard can do that. */
function makeScrollable(element, name) {
  element.tabIndex = 0;
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", name);
}
