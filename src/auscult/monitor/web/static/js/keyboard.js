// Keys that work everywhere, and the list of all keys. A view adds its own by `keys` and `key(name)`.

import { h } from "./dom.js";

const EVERYWHERE = [
  ["o", "All machines", () => go("#/")],
  ["e", "Events", () => go("#/events")],
  ["w", "Wall", () => go("#/wall")],
  ["t", "Change colours", () => document.getElementById("theme").click()],
  ["?", "Show this list", () => undefined],
];
const STORED = "auscult.keys";

function go(hash) {
  location.hash = hash;
}

function enabled() {
  try {
    return localStorage.getItem(STORED) !== "off";
  } catch {
    return true;
  }
}

function setEnabled(on) {
  try {
    localStorage.setItem(STORED, on ? "on" : "off");
  } catch {
    // Without storage the keys stay on.
  }
}

/** Listen to keys outside of fields; `app.view.keys` are [key, description, action] of the present view. */
export function installKeys(app) {
  document.getElementById("help").addEventListener("click", () => showKeys(app));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input, select, textarea, dialog, audio, [contenteditable]")) return;
    if (event.key === "?") {
      event.preventDefault();
      showKeys(app);
      return;
    }
    if (!enabled()) return;
    const known = [...(app.view?.keys ?? []), ...EVERYWHERE].find(([key]) => key === event.key);
    if (!known) return;
    event.preventDefault();
    known[2]();
  });
}

const NAMES = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", " ": "space" };

function list(title, keys) {
  const rows = keys.map(([key, description]) => [
    h("dt", {}, h("kbd", {}, NAMES[key] ?? key)),
    h("dd", {}, description),
  ]);
  return h("section", {}, h("h2", {}, title), h("dl", { class: "keys" }, rows));
}

function showKeys(app) {
  if (document.querySelector("dialog[open]")) return;
  const single = h("input", { type: "checkbox", id: "single-keys" });
  single.checked = enabled();
  single.addEventListener("change", () => setEnabled(single.checked));
  const own = app.view?.keys ?? [];
  const dialog = h(
    "dialog",
    { class: "keys-dialog", "aria-label": "Keyboard shortcuts" },
    h(
      "div",
      { class: "columns" },
      own.length ? list("This page", own) : null,
      list("Everywhere", EVERYWHERE),
    ),
    h("p", {}, single, h("label", { for: "single-keys" }, "Single keys are shortcuts")),
    h("form", { method: "dialog" }, h("button", { class: "main" }, "Close")),
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
}
