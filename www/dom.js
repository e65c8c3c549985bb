// The one way in which this page makes elements. Text goes in as text: there is no markup string anywhere in www/.

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * Makes an element. Properties that start with `on` are listeners, `class` and `data-*`, `aria-*` and other names with a
 * dash are attributes, everything else is a property of the element.
 * @param {string} tag
 * @param {Record<string, unknown>} [properties]
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on") && typeof value === "function") {
      element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else if (name === "class") {
      element.className = String(value);
    } else if (name === "role" || name === "for" || name.includes("-")) {
      element.setAttribute(name, String(value));
    } else {
      Reflect.set(element, name, value);
    }
  }
  element.append(...kept(children));
  return element;
}

/**
 * Makes an SVG element; every property is an attribute.
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...Child} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...kept(children));
  return element;
}

/**
 * Replaces what an element holds.
 * @param {Element} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
  element.replaceChildren(...kept(children));
}

/**
 * Sets text only where it differs, so that a screen reader is told of changes and of nothing else.
 * @param {Element} element
 * @param {string} text
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * An element of the static page.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`no #${id} in the page`);
  return element;
}

/**
 * Draws anew what `root` holds, in another language, and takes over what a person typed or chose there, and where they are.
 * A passphrase is typed again.
 * @param {HTMLElement} root
 * @param {() => void} draw
 */
export function keeping(root, draw) {
  const here = document.activeElement?.id;
  const before = new Map(fields(root).map((field) => [nameOf(field), stateOf(field)]));
  draw();
  for (const [name, state] of before) {
    // Looked for each time: what was chosen above may have other fields drawn below.
    const field = fields(root).find((each) => nameOf(each) === name);
    // Of choices of which one holds, the one that is chosen takes the others back.
    if (!field || same(state, stateOf(field)) || (field.type === "radio" && !state.checked)) continue;
    if (state.checked === undefined) field.value = state.value;
    else Reflect.set(field, "checked", state.checked);
    field.dispatchEvent(new Event(field.matches("select, [type=radio], [type=checkbox]") ? "change" : "input", { bubbles: true }));
  }
  if (here && document.activeElement?.id !== here) document.getElementById(here)?.focus({ preventScroll: true });
}

/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Field */

/** Not those that hold at once, and are drawn from what holds. @param {HTMLElement} root @returns {Field[]} */
function fields(root) {
  const all = /** @type {NodeListOf<Field>} */ (root.querySelectorAll("input:not([type=password], [type=file]), textarea, select:not([data-at-once])"));
  return [...all].filter((field) => nameOf(field));
}

/** What a field is called, also where a group of them has one name. @param {Field} field */
function nameOf(field) {
  return field.matches("[type=radio]") ? `${field.name}=${field.value}` : field.id || field.name;
}

/** @typedef {{ value: string, checked: boolean | undefined }} State */

/** @param {State} one @param {State} other */
const same = (one, other) => one.value === other.value && one.checked === other.checked;

/** @param {Field} field @returns {State} */
function stateOf(field) {
  return { value: field.value, checked: field.matches("[type=radio], [type=checkbox]") ? Boolean(Reflect.get(field, "checked")) : undefined };
}

/** @param {Child[]} children @returns {(Node | string)[]} */
function kept(children) {
  return children
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}
