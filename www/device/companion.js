// The way between the phone page and the watch's page that it opened: one port at a time, which goes on into the Workers.
// What goes through it is not seen here; the Worker of the phone, which carries it, can neither read nor forge it.

/** The watch's window. A page that was loaded anew finds it by its name. @type {Window | null} */
let watch = null;

/** Opens the watch's page, or brings it to the front as it stands: loaded anew it would lose what is under way on it. */
export function openWatch() {
  if (!watch || watch.closed) watch = open("", "glimpse-watch", "popup,width=200,height=200");
  if (!watch) return;
  if (!isThere(watch)) watch.location.href = `${location.origin}/watch`;
  watch.focus();
}

/** Whether the watch's page is in a window, and not another one or none. @param {Window} window */
function isThere(window) {
  try {
    return window.location.origin === location.origin && window.location.pathname === "/watch";
  } catch {
    return false;
  }
}

/**
 * At the phone: hands on the port that a watch sends, in place of the one before; nothing, when the watch is gone. A port that
 * is let go of tells its other end so in some browsers only, and a code on a screen that is gone must not wait for anybody.
 * @param {(port: MessagePort | null) => void} give
 */
export function carryFor(give) {
  addEventListener("message", ({ origin, data, ports }) => {
    if (origin === location.origin && data?.type === "companion") give(ports[0] ?? null);
  });
}

/**
 * At the watch: sends a port to the phone page that opened it; whether anybody takes it shows by an answer through the other
 * one. Nothing, where no page opened it, or that page is closed.
 * @returns {MessagePort | null}
 */
export function askPhone() {
  const phone = whoOpened();
  if (!phone) return null;
  const { port1, port2 } = new MessageChannel();
  phone.postMessage({ type: "companion" }, location.origin, [port2]);
  return port1;
}

/** At the watch: its page goes away, and whatever it had under way ends with it. */
export function leavePhone() {
  whoOpened()?.postMessage({ type: "companion" }, location.origin);
}

function whoOpened() {
  const phone = /** @type {Window | null} */ (opener);
  return phone?.closed ? null : phone;
}
