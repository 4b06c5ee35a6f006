// Addresses of views, in the part after "#", so that the page works below any path prefix.

const PAGES = { machine: "machine", event: "event", events: "events", wall: "wall" };

/** Return the page, the number and the values of an address: "#/machine/3?span=3600". */
export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [first = "", second = ""] = path.split("/");
  const values = new URLSearchParams(query);
  const id = /^\d+$/.test(second) ? Number(second) : null;
  const page = PAGES[first] ?? "overview";
  if ((page === "machine" || page === "event") && id === null) return { page: "overview", id: null, values };
  return { page, id, values };
}

/** The address of a machine. */
export const machineAddress = (id) => `#/machine/${id}`;

/** The address of an event. */
export const eventAddress = (id) => `#/event/${id}`;

/** The address of the events of a machine. */
export const eventsAddress = (id) => `#/events?machine=${id}`;
