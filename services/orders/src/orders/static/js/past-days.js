// The form for past days: only sources that are set up and can be asked for days are offered.

/** `sources` as `GET /api/v1/prices/schedule` names them. */
export function offerSources(place, sources) {
  const able = new Set(sources.filter(({ can_backfill: can }) => can).map(({ name }) => name));
  for (const option of place.querySelectorAll("option")) option.hidden = option.disabled = option.value !== "" && !able.has(option.value);
  place.querySelector("[data-days]").hidden = able.size === 0;
  place.querySelector("[data-unable]").hidden = able.size > 0;
}
