// `<glimpse-agent server="https://glimpse.example">`: the agents' portal of Glimpse in a frame. It wraps that frame and tells what
// the frame tells; no code, key or record ever comes here, and there is nothing here to ask for one.

/** The version of the messages that frame and element understand. */
const VERSION = 1;

/** What the frame may ask for, in CSS pixels. */
const HEIGHT = { least: 320, most: 2_000 };

/** Attributes that the frame is told of, with how long they may be. */
const WISHES = { language: 35, theme: 5, case: 100, reason: 200 };

/**
 * What the frame says, read: whatever is not exactly that is nothing.
 * @typedef {{ type: "ready" } | { type: "resize", height: number } | { type: "session-started" } | { type: "session-ended", code: string } | { type: "error", code: string }} Said
 */

/**
 * Reads a message of the frame.
 * @param {unknown} data
 * @returns {Said | null}
 */
function read(data) {
  if (typeof data !== "object" || data === null) return null;
  const { glimpse, type, ...rest } = /** @type {Record<string, unknown>} */ (data);
  if (glimpse !== VERSION) return null;
  const names = Object.keys(rest).join();
  if (type === "ready" || type === "session-started") return names === "" ? { type } : null;
  if (type === "resize") {
    const { height } = rest;
    const fits = typeof height === "number" && Number.isInteger(height) && height >= HEIGHT.least && height <= HEIGHT.most;
    return names === "height" && fits ? { type, height } : null;
  }
  if (type !== "session-ended" && type !== "error") return null;
  const { code } = rest;
  return names === "code" && typeof code === "string" && /^[a-z0-9-]{1,64}$/.test(code) ? { type, code } : null;
}

/**
 * The element. Its attributes are `server`, the origin of Glimpse; `language`, `theme` (`auto`, `light` or `dark`), `case` and
 * `reason`, which the agent finds filled in; and `fixed`, with which the frame keeps the height that the page gives it.
 *
 * It fires `glimpse-ready`, `glimpse-session-started`, `glimpse-session-ended` and `glimpse-error`; the last two have a code in
 * `detail.code`.
 */
export class GlimpseAgent extends HTMLElement {
  static observedAttributes = ["server", ...Object.keys(WISHES)];

  /** @type {HTMLIFrameElement | null} */
  #frame = null;
  #origin = "";
  #ready = false;

  connectedCallback() {
    addEventListener("message", this.#hear);
    this.#load();
  }

  disconnectedCallback() {
    removeEventListener("message", this.#hear);
    this.#frame?.remove();
    this.#frame = null;
    this.#ready = false;
  }

  /** @param {string} name */
  attributeChangedCallback(name) {
    if (!this.isConnected) return;
    if (name === "server") this.#load();
    else this.#configure();
  }

  /** Shows the frame of the server that the attribute names, if it names one. */
  #load() {
    this.#frame?.remove();
    this.#frame = null;
    this.#ready = false;
    this.#origin = originOf(this.getAttribute("server"));
    if (!this.#origin) return;
    const frame = document.createElement("iframe");
    frame.src = `${this.#origin}/agent/embed`;
    frame.title = this.getAttribute("title") ?? "Glimpse";
    frame.referrerPolicy = "no-referrer";
    frame.style.cssText = `display: block; inline-size: 100%; block-size: 100%; min-block-size: ${HEIGHT.least}px; border: 0`;
    // With each document that comes into it: after a session another one does.
    frame.addEventListener("load", () => {
      this.#ready = false;
      this.#say({ type: "hello" });
    });
    this.#frame = frame;
    (this.shadowRoot ?? this.attachShadow({ mode: "open" })).append(frame);
  }

  /** @param {Record<string, string>} message */
  #say(message) {
    // To that origin alone, whoever is in the frame by then.
    this.#frame?.contentWindow?.postMessage({ glimpse: VERSION, ...message }, this.#origin);
  }

  #configure() {
    if (!this.#ready) return;
    /** @type {Record<string, string>} */
    const wishes = {};
    for (const [name, longest] of Object.entries(WISHES)) {
      const wish = this.getAttribute(name);
      if (wish !== null) wishes[name] = wish.slice(0, longest);
    }
    this.#say({ type: "configure", ...wishes });
  }

  /** @param {MessageEvent} event */
  #hear = (event) => {
    if (!this.#frame || event.source !== this.#frame.contentWindow || event.origin !== this.#origin) return;
    const said = read(event.data);
    if (!said) return;
    if (said.type === "resize") {
      if (!this.hasAttribute("fixed")) this.#frame.style.blockSize = `${said.height}px`;
      return;
    }
    if (said.type === "ready") {
      this.#ready = true;
      this.#configure();
    }
    const detail = "code" in said ? { code: said.code } : {};
    this.dispatchEvent(new CustomEvent(`glimpse-${said.type}`, { detail }));
  };
}

/**
 * An origin as a browser writes it, or nothing.
 * @param {string | null} text
 * @returns {string}
 */
function originOf(text) {
  if (!text || !URL.canParse(text)) return "";
  const { protocol, origin } = new URL(text);
  return protocol === "https:" || protocol === "http:" ? origin : "";
}

if (!customElements.get("glimpse-agent")) customElements.define("glimpse-agent", GlimpseAgent);
