// Icons: one stroke on a grid of 24, in the colour of the text beside them. They say nothing to a screen reader; the
// button that has one has a name.

import { html } from "../ui.js";

const PATHS = {
  add: "M12 5v14M5 12h14",
  alert: "M12 8v5M12 16.5v.01M10.3 4 2.6 17.5A2 2 0 0 0 4.3 20.5h15.4a2 2 0 0 0 1.7-3L13.7 4a2 2 0 0 0-3.4 0z",
  activity: "M3 12h4l3-8 4 16 3-8h4",
  attach: "M20 11.5 12 19.6a5 5 0 0 1-7.1-7.1l8.5-8.5a3.3 3.3 0 0 1 4.7 4.7l-8.5 8.5a1.7 1.7 0 0 1-2.4-2.4l7.8-7.7",
  back: "M15 5l-7 7 7 7",
  chat: "M20 12a8 8 0 0 1-11.6 7.1L4 20l1-4.2A8 8 0 1 1 20 12z",
  check: "M5 12.5l4.5 4.5L19 7.5",
  close: "M6 6l12 12M18 6 6 18",
  columns: "M4 5h16v14H4zM12 5v14",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  down: "M6 9l6 6 6-6",
  download: "M12 4v11m0 0 4.5-4.5M12 15l-4.5-4.5M5 20h14",
  edit: "M4 20h4L19 9a2.1 2.1 0 0 0-3-3L5 17zM14 8l3 3",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  forward: "M9 5l7 7-7 7",
  menu: "M4 7h16M4 12h16M4 17h16",
  models: "M4 6h16v5H4zM4 13h16v5H4zM8 8.5v.01M8 15.5v.01",
  more: "M4.2 12h1.6M11.2 12h1.6M18.2 12h1.6",
  pin: "M9 4h6l-1 6 3 3H7l3-3zM12 13v7",
  play: "M7 5v14l11-7z",
  retry: "M20 12a8 8 0 1 1-2.3-5.7M20 4v4h-4",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.3 15.3 20 20",
  send: "M12 20V5M5.5 11.5 12 5l6.5 6.5",
  settings: "M4 8h9M17 8h3M4 16h3M11 16h9M15 6v4M9 14v4",
  stop: "M7 7h10v10H7z",
  thought: "M12 4a6 6 0 0 0-3.5 10.9V17h7v-2.1A6 6 0 0 0 12 4zM9.5 20h5",
  tool: "M14.5 6.5a4 4 0 0 1 5-1.3l-3 3 .3 2.5 2.5.3 2.2-2.2a4 4 0 0 1-5.6 4.6L9 20.3A2.2 2.2 0 0 1 5.8 17l6.9-6.9a4 4 0 0 1 1.8-3.6z",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  upload: "M12 16V4m0 0 4.5 4.5M12 4 7.5 8.5M5 20h14",
};

export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}

/** A button that is an icon. `label`: its name, for people who can't see it and as a tip for those who can. */
export function IconButton({ name, label, class: extra = "", ...rest }) {
  return html`<button type="button" class="icon-button ${extra}" aria-label=${label} title=${label} ...${rest}>
    <${Icon} name=${name} />
  </button>`;
}
