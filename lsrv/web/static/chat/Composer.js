// Where a message is written: text, attached text files, what is left of the context, and the button that sends or stops.

import { Icon, IconButton } from "../parts/icons.js";
import { announce } from "../parts/announce.js";
import { bytes, count } from "../parts/format.js";
import { connection, modelOf } from "../server/live.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../ui.js";
import { isAnswering, send, stop } from "./answering.js";
import { START } from "./conversation.js";
import { clearDraft, draftOf, setDraft } from "./drafts.js";
import { currentModel, ensureKept, rememberModel } from "./opened.js";
import { settingsProblems } from "./settings.js";

const LONG_PASTE_CHARS = 4000; // longer texts become a file beside the message
const MAX_FILE_BYTES = 4 * 1024 * 1024;
const PICTURES = new Set(["image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp"]);

export function Composer({ shown, path }) {
  const { id, settings } = shown.value;
  const draft = draftOf(id);
  const field = useRef(null);
  const [problem, setProblem] = useState("");
  const [isOver, setOver] = useState(false);
  const isBusy = isAnswering(id);
  const { text, files } = draft.value;
  const model = modelOf(currentModel.value);
  const isBlind = files.some(({ image }) => image) && model?.capabilities?.length && !model.capabilities.includes("vision");
  const isWaiting = path.at(-1)?.state === "done" && path.at(-1)?.calls?.length > 0;

  useLayoutEffect(() => fitHeight(field.current), [text, id]);
  useEffect(() => {
    if (matchMedia("(pointer: fine)").matches) field.current.focus({ preventScroll: true });
    setProblem("");
  }, [id]);

  const submit = () => {
    if (isBusy || (!text.trim() && !files.length)) return;
    const problems = settingsProblems(settings);
    if (problems.length) return setProblem(`Not sent. ${problems.join(" ")}`);
    if (!currentModel.value) return setProblem("There is no model to ask: models.toml names none that can chat.");
    setProblem("");
    const kept = ensureKept();
    rememberModel(currentModel.value);
    clearDraft(id);
    send(kept, path.at(-1)?.id ?? START, { text, files });
  };
  const take = async (list) => setProblem(await attach(id, draft, list));
  const onKeyDown = (event) => {
    const isPlainEnter = event.key === "Enter" && !event.shiftKey && !event.isComposing;
    if (!isPlainEnter || matchMedia("(pointer: coarse)").matches) return;
    event.preventDefault();
    submit();
  };
  const onPaste = (event) => {
    const pasted = event.clipboardData.getData("text/plain");
    if (event.clipboardData.files.length) {
      event.preventDefault();
      take([...event.clipboardData.files]);
    } else if (pasted.length > LONG_PASTE_CHARS) {
      event.preventDefault();
      setDraft(id, { files: [...files, { name: `pasted-${files.length + 1}.txt`, text: pasted }] });
      announce("The long text was attached as a file.");
    }
  };
  const onDrop = (event) => {
    event.preventDefault();
    setOver(false);
    take([...event.dataTransfer.files]);
  };
  return html`<form
    class="composer ${isOver ? "is-over" : ""}"
    onSubmit=${(event) => (event.preventDefault(), submit())}
    onDragOver=${(event) => (event.preventDefault(), setOver(true))}
    onDragLeave=${() => setOver(false)}
    onDrop=${onDrop}
  >
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    ${isWaiting && html`<p class="hint">The model waits for what its calls gave: write it there, or go on with another message.</p>`}
    ${isBlind && html`<p class="hint">${currentModel.value} sees no pictures; choose a model with vision.</p>`}
    <${Files} id=${id} files=${files} />
    <div class="composer-box">
      <textarea
        ref=${field}
        rows="1"
        aria-label="Message"
        placeholder=${connection.value === "offline" ? "The server does not answer; drafts are kept" : "Ask something"}
        value=${text}
        onInput=${(event) => setDraft(id, { text: event.currentTarget.value })}
        onKeyDown=${onKeyDown}
        onPaste=${onPaste}
      ></textarea>
      <div class="composer-row">
        <${AttachButton} onFiles=${take} />
        <${ContextMeter} path=${path} />
        <span class="grow"></span>
        ${isBusy
          ? html`<button key="stop" type="button" class="round" aria-label="Stop" title="Stop (Escape)" onClick=${() => stop(id)}><${Icon} name="stop" /></button>`
          : html`<button key="send" type="submit" class="round primary" aria-label="Send" title="Send (Enter)" disabled=${!text.trim() && !files.length}><${Icon} name="send" /></button>`}
      </div>
    </div>
  </form>`;
}

function fitHeight(area) {
  area.style.height = "auto";
  area.style.height = `${Math.min(area.scrollHeight, innerHeight * 0.4)}px`;
}

function AttachButton({ onFiles }) {
  const input = useRef(null);
  const onChange = async (event) => {
    await onFiles([...event.currentTarget.files]);
    if (input.current) input.current.value = "";
  };
  return html`<${IconButton} name="attach" label="Attach files" onClick=${() => input.current.click()} />
    <input type="file" multiple hidden ref=${input} onChange=${onChange} aria-label="Files" />`;
}

/** Add files to a draft; what was wrong with those that were not taken, "" if nothing. */
async function attach(id, draft, list) {
  const problems = [];
  for (const file of list) {
    const isPicture = PICTURES.has(file.type);
    const read = file.size > MAX_FILE_BYTES ? null : await (isPicture ? addressOf(file) : textOf(file));
    if (file.size > MAX_FILE_BYTES) problems.push(`${file.name} is larger than ${bytes(MAX_FILE_BYTES)}.`);
    else if (read === null) problems.push(`${file.name} is neither text nor a picture that can be read.`);
    else setDraft(id, { files: [...draft.value.files, { name: file.name, [isPicture ? "image" : "text"]: read }] });
  }
  return problems.join(" ");
}

/** The text of a file, or null where it is none in UTF-8. */
async function textOf(file) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    return text.includes("\0") ? null : text;
  } catch {
    return null;
  }
}

/** A picture as a data URI, or null where the browser can't read it. */
function addressOf(file) {
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => resolve(null);
    reader.readAsDataURL(file);
  });
}

function Files({ id, files }) {
  if (!files.length) return null;
  const remove = (at) => setDraft(id, { files: files.filter((_, i) => i !== at) });
  return html`<ul class="files" aria-label="Attached">
    ${files.map(
      ({ name, text, image }, at) => html`<li class="file">
        ${image ? html`<img class="thumbnail" src=${image} alt="" />` : html`<${Icon} name="file" />`}
        <span>${name}</span>${text && html`<span class="faint">${bytes(text.length)}</span>`}
        <${IconButton} name="close" label=${`Remove ${name}`} onClick=${() => remove(at)} />
      </li>`,
    )}
  </ul>`;
}

/** Tokens in use, of those that the model's context has. */
function ContextMeter({ path }) {
  const last = path.findLast((node) => node.stats?.n_prompt);
  const n_ctx = modelOf(currentModel.value)?.meta?.n_ctx;
  if (!last || !n_ctx) return null;
  const used = last.stats.n_prompt + (last.stats.n_completion ?? 0);
  const share = Math.min(1, used / n_ctx);
  const words = `${count(used)} of ${count(n_ctx)} tokens of context used`;
  return html`<span class="context" title=${words}>
    <meter min="0" max=${n_ctx} value=${used} high=${n_ctx * 0.8} optimum="0" aria-label=${words}></meter>
    <span class="figures" aria-hidden="true">${Math.round(share * 100)} %</span>
  </span>`;
}
