// The form for the token of the monitor.

import { post } from "./api.js";
import { h, setText } from "./dom.js";

let pending = null;

/** Ask for the token until the monitor accepts it; several callers share one form. */
export function askForToken() {
  pending ??= new Promise((accepted) => {
    const token = h("input", {
      id: "token",
      type: "password",
      autocomplete: "current-password",
      required: true,
      "aria-describedby": "token-problem",
    });
    const problem = h("p", { id: "token-problem", class: "problem", role: "alert" });
    const button = h("button", { type: "submit", class: "main" }, "Log in");
    const form = h(
      "form",
      { class: "login" },
      h("h1", {}, "Log in"),
      h("p", {}, "The monitor printed its token when it was first started, or was given one."),
      h("label", { for: "token" }, "Token"),
      token,
      problem,
      button,
      h(
        "p",
        { class: "note" },
        "Lost it? Start the monitor once with ",
        h("code", {}, "--new-token"),
        ": it shows another token once, and the old one is no longer accepted. A token from a file or from ",
        h("code", {}, "AUSCULT_TOKEN"),
        " is changed there.",
      ),
    );
    const dialog = h("dialog", { class: "login-dialog", "aria-label": "Log in" }, form);
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      setText(problem, "");
      try {
        await post("login", { token: token.value });
        dialog.close();
        dialog.remove();
        pending = null;
        accepted();
      } catch (error) {
        setText(problem, error.status === 401 ? "This is not the token of this monitor." : error.message);
        button.disabled = false;
        token.select();
      }
    });
    document.body.append(dialog);
    dialog.showModal();
  });
  return pending;
}
