// Elements of the page: made in one line, filled with text that is never read as HTML.

/**
 * Return a new element.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, unknown>} [properties] attributes; functions listen to the event of their name.
 * @param {...(Node | string | null)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") made.addEventListener(name, /** @type {EventListener} */ (value));
    else if (typeof value === "boolean") made.toggleAttribute(name, value);
    else if (value !== null && value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/**
 * Return the element of the page with an id, which index.html has.
 *
 * @param {string} id
 */
export function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/**
 * Return a button that opens a chooser of files.
 *
 * @param {string} label
 * @param {string} accept what the chooser offers.
 * @param {(file: File) => void} chosen
 * @param {string} [look] its class.
 */
export function fileButton(label, accept, chosen, look = "") {
  const input = el("input", { type: "file", accept, hidden: true, "aria-label": label, change: () => take() });
  const take = () => {
    const [file] = input.files ?? [];
    if (file) chosen(file);
    input.value = ""; // so that the same file may be chosen again
  };
  return el("span", {}, el("button", { type: "button", class: look, click: () => input.click() }, label), input);
}

/** Return a share as people read it. @param {number} share */
export function percent(share) {
  return new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(
    share,
  );
}

/** Return bytes as people read them. @param {number} count */
export function bytes(count) {
  return count < 1e6
    ? `${Math.max(1, Math.round(count / 1e3))} kB`
    : `${(count / 1e6).toFixed(count < 1e7 ? 2 : 1)} MB`;
}

/** Return a number as people read it. @param {number} value */
export function short(value) {
  return new Intl.NumberFormat("en", { maximumSignificantDigits: 5 }).format(value);
}
