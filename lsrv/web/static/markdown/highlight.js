// Colours of code: highlight.js, fetched when the first code is shown, and of its languages those that come up.

const LANGUAGES = new Map(
  Object.entries({
    bash: "bash sh shell zsh console",
    cpp: "cpp c c++ cc h hpp",
    csharp: "csharp cs c#",
    css: "css",
    diff: "diff patch",
    dockerfile: "dockerfile docker",
    go: "go golang",
    ini: "ini toml",
    java: "java",
    javascript: "javascript js jsx mjs node",
    json: "json jsonc json5",
    kotlin: "kotlin kt",
    lua: "lua",
    markdown: "markdown md",
    php: "php",
    python: "python py python3",
    ruby: "ruby rb",
    rust: "rust rs",
    sql: "sql postgresql mysql sqlite",
    swift: "swift",
    typescript: "typescript ts tsx",
    xml: "xml html svg vue",
    yaml: "yaml yml",
  }).flatMap(([file, names]) => names.split(" ").map((name) => [name, file])),
);
const MAX_CHARS = 50_000; // above it, colours take longer than anybody reads

const loaded = new Map(); // file -> promise of highlight.js with that language

function load(file) {
  if (!loaded.has(file)) {
    const both = Promise.all([import("../vendor/highlight/core.js"), import(`../vendor/highlight/${file}.js`)]);
    loaded.set(
      file,
      both.then(([{ default: core }, { default: grammar }]) => {
        core.registerLanguage(file, grammar);
        return core;
      }),
    );
  }
  return loaded.get(file);
}

/** Colour the element `code`, as soon as its language is here; `fragmentOf` makes elements of HTML. */
export async function highlight(code, language, fragmentOf) {
  const file = LANGUAGES.get(language.toLowerCase());
  const text = code.textContent;
  if (!file || text.length > MAX_CHARS) return;
  try {
    const core = await load(file);
    code.replaceChildren(fragmentOf(core.highlight(text, { language: file, ignoreIllegals: true }).value));
  } catch {
    loaded.delete(file); // the server was away: the code stays as it is, and the next one tries again
  }
}
