// Starts the page: connects, follows the address, and shows what concerns every view.

import { get, unauthorized } from "./api.js";
import { AlarmAnnouncer } from "./announce.js";
import { h } from "./dom.js";
import { Frame } from "./frame.js";
import { installKeys } from "./keyboard.js";
import { askForToken } from "./login.js";
import { parse } from "./router.js";
import { Live } from "./stream.js";
import * as event from "./event.js";
import * as events from "./events.js";
import * as machine from "./machine.js";
import * as overview from "./overview.js";
import * as wall from "./wall.js";

const VIEWS = { overview, machine, event, events, wall };
const TITLES = { overview: "Machines", machine: "Machine", event: "Event", events: "Events", wall: "Wall" };

const live = new Live();
const app = { live, info: null, view: null };
const frame = new Frame(live);
new AlarmAnnouncer(live);
installKeys(app);

/** Show the view that the address names; the one before removes its listeners first. */
function show() {
  const route = parse(location.hash);
  const main = document.getElementById("main");
  app.view?.close();
  app.view = null;
  main.replaceChildren();
  main.className = `view-${route.page}`;
  document.body.dataset.page = route.page;
  frame.setPage(route.page, TITLES[route.page]);
  live.open(route.page === "machine" ? route.id : null);
  app.view = VIEWS[route.page].open(main, route, app);
  window.scrollTo(0, 0);
}

async function start() {
  const main = document.getElementById("main");
  try {
    app.info = await get("api/info");
  } catch (error) {
    if (error.status === 401) return; // the form for the token is open, and starts again
    main.replaceChildren(
      h("p", { class: "problem" }, `The monitor does not answer: ${error.message}. Trying again …`),
    );
    setTimeout(start, 2000);
    return;
  }
  frame.setSimulation(app.info.simulation);
  addEventListener("hashchange", show);
  show();
}

unauthorized.addEventListener("needed", async () => {
  if (app.info) {
    location.reload(); // another token than before: what was shown with that one is shown no longer
    return;
  }
  await askForToken();
  start();
});

start();
