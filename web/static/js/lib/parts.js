// @ts-check
/**
 * Swapping parts of a page that the server rendered: the server stays the one place that knows how things look. Only
 * parts whose HTML changed are touched; focus stays where it was (``data-focus``), and so do scrolling and what was opened
 * (``data-keep``).
 */

/**
 * @param {HTMLElement} root
 * @param {string} html the same page part, rendered anew
 * @returns {string[]} names of the parts that changed
 */
export function swap(root, html) {
  const fresh = new DOMParser().parseFromString(html, 'text/html');
  /** @type {string[]} */
  const changed = [];
  for (const part of root.querySelectorAll('[data-part]')) {
    const name = /** @type {HTMLElement} */ (part).dataset.part ?? '';
    const now = fresh.querySelector(`[data-part="${name}"]`);
    if (!now || normal(now) === normal(part)) continue;
    const focused = part.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement).dataset.focus : '';
    const top = part.scrollTop;
    const open = [...part.querySelectorAll('details[open][data-keep]')].map((one) => /** @type {HTMLElement} */ (one).dataset.keep ?? '');
    for (const attribute of now.attributes) part.setAttribute(attribute.name, attribute.value);
    part.replaceChildren(...[...now.childNodes].map((node) => document.importNode(node, true)));
    for (const key of open) part.querySelector(`[data-keep="${CSS.escape(key)}"]`)?.setAttribute('open', '');
    part.scrollTop = top;
    if (focused) /** @type {HTMLElement | null} */ (part.querySelector(`[data-focus="${CSS.escape(focused)}"]`))?.focus();
    changed.push(name);
  }
  return changed;
}

/** @param {Element} part what it says, without the clocks that run by themselves and without what pages hide */
function normal(part) {
  const copy = /** @type {Element} */ (part.cloneNode(true));
  for (const clock of copy.querySelectorAll('[data-since],[data-clock]')) clock.textContent = '';
  for (const hidden of copy.querySelectorAll('[hidden]')) hidden.removeAttribute('hidden');
  for (const opened of copy.querySelectorAll('[data-keep]')) opened.removeAttribute('open');
  for (const token of copy.querySelectorAll('[name="csrftoken"]')) token.remove();
  return copy.innerHTML;
}

/**
 * Waiting times and record clocks run between two swaps.
 * @param {ParentNode} root
 * @param {number} now UNIX seconds
 * @param {(seconds: number) => string} span
 * @param {(seconds: number) => string} counter
 */
export function tick(root, now, span, counter) {
  for (const node of root.querySelectorAll('[data-since]'))
    node.textContent = span(now - Number(/** @type {HTMLElement} */ (node).dataset.since));
  for (const node of root.querySelectorAll('[data-clock]'))
    node.textContent = counter(now - Number(/** @type {HTMLElement} */ (node).dataset.clock));
}
