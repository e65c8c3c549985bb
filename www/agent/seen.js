// Whether a person can see what they press. A page around the frame can cover it, cut it off or make it tiny; what a person
// types or presses then is not what they meant.

/** A frame that shows less than this many CSS pixels each way shows nobody what they do. */
const LEAST = 240;
/** How much of the pressed thing must be in sight. */
const IN_SIGHT = 0.9;
/** How long the browser may take for its first word on something that has just come up. */
const WAIT_MILLIS = 1_000;

/** @typedef {{ said: Promise<unknown>, say: () => void, heard: boolean, clear: boolean }} Sight */

export class Seen {
  /** @type {Map<Element, Sight>} */
  #watched = new Map();
  /** @type {IntersectionObserver} */
  #observer;

  /** The button by which a form was sent. @type {Element | null} */
  #pressed = null;

  constructor() {
    // Browsers that know `trackVisibility` say as well whether something lies above it.
    const options = /** @type {IntersectionObserverInit} */ ({ threshold: [0, 0.5, IN_SIGHT, 1], trackVisibility: true, delay: 100 });
    this.#observer = new IntersectionObserver((entries) => {
      for (const entry of /** @type {any[]} */ (entries)) {
        const sight = this.#watched.get(entry.target);
        if (!sight) continue;
        sight.clear = entry.intersectionRatio >= IN_SIGHT && entry.isVisible !== false;
        sight.heard = true;
        sight.say();
      }
    }, options);
    addEventListener("focusin", () => this.watch());
    addEventListener("submit", ({ submitter }) => (this.#pressed = submitter), { capture: true });
  }

  /** Watches from here on all that can be pressed, before it is. */
  watch() {
    for (const element of this.#watched.keys()) {
      if (element.checkVisibility()) continue;
      this.#observer.unobserve(element);
      this.#watched.delete(element);
    }
    for (const element of document.querySelectorAll("form input, form button")) {
      if (this.#watched.has(element) || !element.checkVisibility()) continue;
      /** @type {() => void} */
      let say = () => {};
      const said = new Promise((done) => (say = () => done(undefined)));
      this.#watched.set(element, { said, say, heard: false, clear: false });
      this.#observer.observe(element);
    }
  }

  /** Whether what was pressed could be seen when this was asked. @returns {Promise<boolean>} */
  async now() {
    // It has the focus, but in a browser that gives none to a button that a mouse presses.
    const [here, pressed] = [document.activeElement, this.#pressed];
    this.#pressed = null;
    const sight = (here && this.#watched.get(here)) ?? (pressed && this.#watched.get(pressed));
    if (!sight || innerWidth < LEAST || innerHeight < LEAST) return false;
    // What the browser has said by then counts, and not what comes to light after.
    if (sight.heard) return sight.clear;
    await Promise.race([sight.said, new Promise((done) => setTimeout(done, WAIT_MILLIS))]);
    return sight.clear;
  }
}
