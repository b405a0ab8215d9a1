// What was typed survives a reload, a change of language and the way back, for as long as the tab is open.

const PREFIX = "mercadito-draft:";

export class Draft {
  constructor(form, storage = sessionStorageOrNone()) {
    const fields = form.elements;
    const version = fields.version?.value ?? "new";
    this.key = `${PREFIX}${fields.cycle_id.value}:${fields.store_id.value}:${version}`;
    this.storage = storage;
  }

  save(values) {
    try {
      this.storage?.setItem(this.key, JSON.stringify(values));
    } catch {
      // Full or forbidden: then it is as it would be without this.
    }
  }

  read() {
    try {
      return JSON.parse(this.storage?.getItem(this.key) ?? "null");
    } catch {
      return null;
    }
  }
}

/** The order of this day and store went through: nothing typed for it before counts any more. */
export function forgetDrafts(cycle, store, storage = sessionStorageOrNone()) {
  for (const key of Object.keys(storage ?? {})) {
    if (key.startsWith(`${PREFIX}${cycle}:${store}:`)) storage.removeItem(key);
  }
}

/** What was typed in one field went through. */
export function forgetTyped(name, storage = sessionStorageOrNone()) {
  storage?.removeItem(PREFIX + name);
}

/** Keep what is typed in one field, a comment say, until it went through. */
export function keepTyped(field, name, storage = sessionStorageOrNone()) {
  const key = `${PREFIX}${name}`;
  field.value ||= storage?.getItem(key) ?? "";
  field.addEventListener("input", () => {
    try {
      storage?.setItem(key, field.value);
    } catch {
      // Full or forbidden: then it is as it would be without this.
    }
  });
}

function sessionStorageOrNone() {
  try {
    return globalThis.sessionStorage ?? null;
  } catch {
    return null;
  }
}
