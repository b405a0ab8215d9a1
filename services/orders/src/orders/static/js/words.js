// Sentences come translated with the page (data-words); here only numbers and names are put in.

export function readWords(element) {
  try {
    return JSON.parse(element.dataset.words);
  } catch {
    return {};
  }
}

/** Fill `%(name)s` places. A text with forms is chosen by `num` and the page's language. */
export function say(text, values = {}, language = locale()) {
  const chosen = typeof text === "object" && text ? form(text, values.num, language) : text;
  return (chosen ?? "").replace(/%\((\w+)\)s/g, (place, name) => values[name] ?? place);
}

/** `text` for a count, which is written as the page's language writes numbers. */
export function sayCount(text, num, written) {
  return say(typeof text === "object" && text ? form(text, num, locale()) : text, { num: written });
}

function locale() {
  return globalThis.document?.documentElement.lang || "en";
}

function form(forms, num, language) {
  return forms[new Intl.PluralRules(language).select(num)] ?? forms.other;
}

/** Cents as dollars, the same in both languages. */
export function money(cents) {
  const dollars = Math.trunc(Math.abs(cents) / 100).toString().replace(/\B(?=(\d{3})+$)/g, ",");
  return `${cents < 0 ? "-" : ""}$${dollars}.${String(Math.abs(cents) % 100).padStart(2, "0")}`;
}
