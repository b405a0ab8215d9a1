// Packs in the reader's words, as the server writes them (domain/packs.py); its glossary comes with the page.

const MADE = "vasos|bolsas de malla|bolsas de plástico|sacos de malla";
const AMOUNT = String.raw`(?<![\w/-])((?:\d[\d/ -]*kg/)?(?:\d[\d/ -]*)(?:lb|bushel|kg|oz|inch|pulgadas)(?: \([\d.]+ lb\))?)\.? (CONTAINER|${MADE})\b`;
const COUNTED = String.raw`\b(\d+) (\d+(?:[ ./]\d[\d/]*)?)-(lb|oz|pint|pinta|quart) (CONTAINER|${MADE})\b`;
const PART = String.raw`(?<![\w/.-])(\d/\d) (CONTAINER)\b`;
const WORD = String.raw`\b(CONTAINER)\b`;
const PHRASE = String.raw`(?<![\w-])(PHRASE)(?![\w-])`;
const SIZE = /\b(\d+) (tamaños?)(?!\w)/gu;

/** A function that writes a pack; without a glossary it leaves it as it is. */
export function packWriter({ containers, phrases } = {}) {
  if (!containers) return (pack) => pack;
  const container = (word) => containers[word.toLowerCase()] ?? word;
  const phrase = (word) => phrases[word.toLowerCase()] ?? word;
  const [amount, counted, part, word] = [AMOUNT, COUNTED, PART, WORD].map((text) => pattern(text, "CONTAINER", containers));
  const known = pattern(PHRASE, "PHRASE", phrases);
  return (pack) =>
    pack
      .replace(known, (_, found) => phrase(found))
      .replace(counted, (_, many, size, unit, what) => `de ${many} ${container(what)} de ${size} ${phrases[unit] ?? unit}`)
      .replace(amount, (_, size, what) => `${container(what)} de ${size}`)
      .replace(part, (_, size, what) => `${container(what)} de ${size}`)
      .replace(word, (_, found) => container(found))
      .replace(SIZE, "$2 $1");
}

function pattern(text, place, words) {
  const longestFirst = Object.keys(words).sort((a, b) => b.length - a.length).map((each) => each.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(text.replaceAll(place, longestFirst.join("|")), "gi");
}
