// The way between the phone page and the watch's page that it opened: one port at a time, which goes on into the Workers.
// What goes through it is not seen here; the Worker of the phone, which carries it, can neither read nor forge it.

/** Opens the watch's page, or brings it to the front. */
export function openWatch() {
  open("/watch", "glimpse-watch", "popup,width=200,height=200");
}

/**
 * At the phone: hands on the ports that a watch sends.
 * @param {(port: MessagePort) => void} give
 */
export function carryFor(give) {
  addEventListener("message", ({ origin, data, ports }) => {
    if (origin === location.origin && data?.type === "companion" && ports[0]) give(ports[0]);
  });
}

/**
 * At the watch: sends a port to the phone page that opened it; whether anybody takes it shows by an answer through the other
 * one. Nothing, where no page opened it, or that page is closed.
 * @returns {MessagePort | null}
 */
export function askPhone() {
  const phone = /** @type {Window | null} */ (opener);
  if (!phone || phone.closed) return null;
  const { port1, port2 } = new MessageChannel();
  phone.postMessage({ type: "companion" }, location.origin, [port2]);
  return port1;
}
