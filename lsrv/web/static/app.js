// Where the page begins: what it listens to is started, then it is painted.

import { startChat } from "./chat/opened.js";
import { loadMarkdown } from "./markdown/Markdown.js";
import { startKeyboard } from "./parts/keyboard.js";
import { startPlace } from "./parts/place.js";
import { start as startLive } from "./server/live.js";
import { html, render } from "./ui.js";
import { Frame } from "./Frame.js";

startKeyboard();
startPlace();
startChat();
startLive();

const place = document.getElementById("app");
place.replaceChildren();
render(html`<${Frame} />`, place);
loadMarkdown();
