// Raw text of a file, so that it can be read and cannot fool the reader: nothing in it is invisible or turns its neighbours around.

const MAX_CHARACTERS = 2_000;
const PICTURES = 0x2400;
const DELETE = 0x7f;
const DELETE_PICTURE = "\u2421";
// Controls, and what changes the direction of text or takes no room.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Write what cannot be seen as a picture or as its number, and cut off after 2,000 characters. */
export function visibleText(text) {
  const cut = text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}…` : text;
  return cut.replace(UNSEEN, (found) => {
    const code = found.charCodeAt(0);
    if (code === DELETE) return DELETE_PICTURE;
    return code < 0x20 ? String.fromCharCode(PICTURES + code) : `[U+${code.toString(16).toUpperCase().padStart(4, "0")}]`;
  });
}
