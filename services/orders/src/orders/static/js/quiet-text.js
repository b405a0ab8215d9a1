// Texts that scripts write.

/** Write a text where it differs: what is announced would be announced again. */
export function put(place, text) {
  if (place && place.textContent !== text) place.textContent = text;
}
