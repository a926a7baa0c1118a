// @ts-check
/** The few helpers with which components touch the document. Text goes in as text, never as HTML. */

import { install } from './i18n.js';

/** @typedef {string | Node | null | undefined | false} Child */

/**
 * @param {string} tag
 * @param {Record<string, any>} [props] attributes; `on*` functions are listeners; `class`, `hidden`, `data-*` as in HTML
 * @param {...(Child | Child[])} children
 * @returns {HTMLElement}
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2).toLowerCase(), value);
    else if (name === 'value' || name === 'checked' || name === 'disabled') /** @type {any} */ (node)[name] = value;
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  node.append(...children.flat().filter((child) => child || child === '').map((child) => /** @type {any} */ (child)));
  return node;
}

/**
 * An icon of the page's sprite (always beside a word, hence hidden from readers).
 * @param {string} name Lucide name
 */
export function icon(name) {
  const ns = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(ns, 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(ns, 'use');
  use.setAttribute('href', `${document.documentElement.dataset.icons || '/static/vendor/icons.svg'}#${name}`);
  svg.append(use);
  return svg;
}

/**
 * The element with this id; the template promises that it is there.
 * @param {string} id
 * @returns {any}
 */
export function byId(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`the page lacks #${id}`);
  return node;
}

/**
 * Set text only when it changes, so that live regions speak once.
 * @param {Element} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * @param {HTMLElement} node
 * @param {boolean} shown
 */
export function show(node, shown) {
  node.hidden = !shown;
}

/**
 * Replace the children only when `key` (what they were built from) changed: keeps focus and scrolling.
 * @param {HTMLElement} node
 * @param {string} key
 * @param {() => Child[]} build
 */
export function rebuild(node, key, build) {
  if (node.dataset.builtFrom === key) return;
  const focused = /** @type {HTMLElement | null} */ (node.contains(document.activeElement) ? document.activeElement : null);
  const again = focused?.dataset.focus;
  node.dataset.builtFrom = key;
  node.replaceChildren(...build().filter(Boolean).map((child) => /** @type {Node} */ (child)));
  if (again) /** @type {HTMLElement | null} */ (node.querySelector(`[data-focus="${CSS.escape(again)}"]`))?.focus();
}

/**
 * What the page's template put into a JSON block.
 * @param {string} id
 * @returns {any}
 */
export function pageData(id = 'page-data') {
  const block = document.getElementById(id);
  return block ? JSON.parse(block.textContent || 'null') : null;
}

/** Take the translations of the page, if it brings any; every page module calls this first. */
export function installMessages() {
  install(pageData('page-messages'));
}

/** @returns {string} the token that forms and API calls carry against cross-site requests */
export function csrfToken() {
  const meta = document.querySelector('meta[name="csrf-token"]')?.getAttribute('content');
  if (meta) return meta;
  const field = /** @type {HTMLInputElement | null} */ (document.querySelector('input[name="csrftoken"]'));
  return field?.value ?? /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie)?.[1] ?? '';
}
