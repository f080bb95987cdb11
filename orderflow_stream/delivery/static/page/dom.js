// Small hands for the document. Data goes in as text, never as markup.

/** @param {string} id @returns {any} */
export const byId = (id) => document.getElementById(id);

/** Set the text of a node where it has changed. @param {Element} node @param {string} text */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @param {string} tag @param {string} [className] @param {string} [text] */
export function make(tag, className = "", text = "") {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

/** Set or take away an attribute where it has changed. @param {Element} node @param {string|null} value */
export function mark(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** A line of cells for a table. @param {[string, string][]} cells text and class */
export function line(cells) {
  const row = make("tr");
  for (const [text, className] of cells) row.append(make("td", className, text));
  return row;
}

/** A colour as the style sheet has it. @param {string} name of the variable */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
