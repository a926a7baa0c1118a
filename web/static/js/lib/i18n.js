// @ts-check
/**
 * Screen text. Vietnamese is the source language and stands in the code; another language arrives as a table from the
 * page (gettext catalogue, see web/i18n.py). No DOM here: pages hand the table over.
 */

/** @type {Record<string, string>} */
let table = {};

/** @param {Record<string, string> | null | undefined} messages source text -> translation */
export function install(messages) {
  table = messages ?? {};
}

/** @returns {string} how numbers are written in the user's language (BCP 47) */
export const numbers = () => (Object.keys(table).length ? 'en' : 'vi');

/**
 * The text in the user's language, with `{name}` places filled.
 * @param {string} text
 * @param {Record<string, string | number>} [values]
 */
export function _(text, values) {
  const translated = table[text] || text;
  if (!values) return translated;
  return translated.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
