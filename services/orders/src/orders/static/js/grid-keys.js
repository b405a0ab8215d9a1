// The quiet way for keyboards: up and down go from quantity to quantity, + and - count, Enter goes on, / searches.
// Tab goes where it always goes, and no key is taken while one writes text.

const STEPS = { "+": 1, "-": -1 };
const MOVES = { ArrowUp: -1, ArrowDown: 1, Enter: 1 };

/** `boxes` returns the quantity fields as they stand; `step(input, by)` counts. */
export function listenToKeys(form, search, boxes, step) {
  form.addEventListener("keydown", (event) => {
    if (!isPlain(event) || !event.target.id?.startsWith("quantity-")) return;
    if (event.key in STEPS) step(event.target, STEPS[event.key]);
    else if (event.key in MOVES) move(boxes(), event.target, MOVES[event.key]);
    else return;
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || !isPlain(event) || isWriting(event.target)) return;
    event.preventDefault();
    search.focus();
    search.select();
  });
}

function isPlain(event) {
  return !event.ctrlKey && !event.metaKey && !event.altKey && !event.isComposing;
}

/** A quantity takes digits only, so that a slash there can't be meant as text. */
function isWriting(target) {
  if (target.id?.startsWith("quantity-")) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

function move(boxes, from, by) {
  const to = boxes[boxes.indexOf(from) + by];
  if (!to) return;
  to.focus();
  to.select();
}
