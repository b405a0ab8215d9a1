// Elements made by scripts. Whatever is put into one is text and never markup, whoever wrote it.

/** Make an element; children are elements or texts, and what is null, undefined or false is left out. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Return a copy of an icon that the page brought along in its `<template data-icons>`. */
export function icon(name) {
  const drawn = document.querySelector("[data-icons]")?.content.querySelector(`[data-icon="${name}"] svg`);
  return drawn?.cloneNode(true) ?? null;
}
