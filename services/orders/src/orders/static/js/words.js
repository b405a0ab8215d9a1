// Sentences come translated with the page (data-words); here only numbers and names are put in.

export function readWords(element) {
  try {
    return JSON.parse(element.dataset.words);
  } catch {
    return {};
  }
}

/** Fill `%(name)s` places. A text with forms is chosen by `num` and the page's language. */
export function say(text, values = {}, locale = globalThis.document?.documentElement.lang || "en") {
  const chosen = typeof text === "object" && text ? form(text, values.num, locale) : text;
  return (chosen ?? "").replace(/%\((\w+)\)s/g, (place, name) => values[name] ?? place);
}

function form(forms, num, locale) {
  return forms[new Intl.PluralRules(locale).select(num)] ?? forms.other;
}

/** Cents as dollars, the same in both languages. */
export function money(cents) {
  const dollars = Math.trunc(Math.abs(cents) / 100).toString().replace(/\B(?=(\d{3})+$)/g, ",");
  return `${cents < 0 ? "-" : ""}$${dollars}.${String(Math.abs(cents) % 100).padStart(2, "0")}`;
}
