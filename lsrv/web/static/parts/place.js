// Which view is shown: a part of the address, so that the browser's own "back" works.
//
//   #/ a new chat; #/chat/ID; #/models; #/activity

import { signal } from "../ui.js";

export const place = signal(read());

function read() {
  const [view, id] = location.hash.replace(/^#\/?/, "").split("/");
  if (view === "chat" && id) return { view: "chat", id: decodeURIComponent(id) };
  if (view === "models" || view === "activity") return { view, id: "" };
  return { view: "chat", id: "" };
}

export function addressOf({ view, id = "" }) {
  if (view === "chat") return id ? `#/chat/${encodeURIComponent(id)}` : "#/";
  return `#/${view}`;
}

/** `isReplaced`: "back" does not lead to where one was. */
export function go(to, { isReplaced = false } = {}) {
  const address = addressOf(to);
  if (isReplaced) history.replaceState(null, "", address);
  else if (location.hash !== address) history.pushState(null, "", address);
  place.value = { view: to.view, id: to.id ?? "" };
}

export function startPlace() {
  const follow = () => (place.value = read());
  addEventListener("hashchange", follow);
  addEventListener("popstate", follow);
}
