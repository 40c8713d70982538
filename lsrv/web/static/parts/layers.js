// What lies over the page: drawers, menus, dialogs. Which are open is decided here, at once, by whoever opens or closes;
// elements follow. So Escape closes the topmost one whatever has the focus, also in the instant in which it opened.

import { signal } from "../ui.js";

/** Names of open layers, the topmost last, each with what had the focus when it opened. */
const open = signal([]);

export function isOpen(name) {
  return open.value.some((layer) => layer.name === name);
}

export function openLayer(name) {
  if (isOpen(name)) return;
  const opener = document.activeElement;
  open.value = [...open.value, { name, opener }];
}

export function closeLayer(name) {
  const layer = open.value.find((each) => each.name === name);
  if (!layer) return;
  open.value = open.value.filter((each) => each !== layer);
  if (layer.opener?.isConnected && layer.opener !== document.body) layer.opener.focus();
}

export function toggleLayer(name) {
  if (isOpen(name)) closeLayer(name);
  else openLayer(name);
}

/** Whether there was one to close. */
export function closeTopmost() {
  const top = open.value.at(-1);
  if (top) closeLayer(top.name);
  return Boolean(top);
}

/** Give the focus to what a layer shows first: for the `ref` of that element. */
export function focusOnce(element) {
  if (element && !element.dataset.hadFocus) {
    element.dataset.hadFocus = "yes";
    element.focus();
  }
}
