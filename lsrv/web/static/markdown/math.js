// Formulas: Temml writes MathML, which browsers draw themselves. It is fetched when the first formula is shown.

let loaded = null;

/** Put a rendered formula in the place of `code`, whose text is TeX. What Temml can't read stays as it was written. */
export async function renderMath(code) {
  const tex = code.textContent;
  const isDisplay = code.classList.contains("math-display");
  try {
    loaded ??= import("../vendor/temml.js");
    const { default: temml } = await loaded;
    const place = document.createElement(isDisplay ? "div" : "span");
    place.className = isDisplay ? "formula formula-display" : "formula";
    temml.render(tex, place, { displayMode: isDisplay, throwOnError: true, trust: false, maxExpand: 500 });
    if (isDisplay) {
      place.tabIndex = 0;
      place.setAttribute("role", "group");
      place.setAttribute("aria-label", "Formula");
    }
    code.replaceWith(place);
  } catch {
    if (!(await isThere())) loaded = null;
  }
}

async function isThere() {
  return loaded?.then(
    () => true,
    () => false,
  );
}
