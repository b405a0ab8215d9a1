// As much of a document as the scripts of market reports make and ask of it: elements, texts, simple selectors.

const SIMPLE = /^(?<tag>[a-z]\w*)?(?:\[(?<name>[\w-]+)(?:="(?<value>[^"]*)")?\])?$/;

class FakeText {
  constructor(text) {
    this.textContent = String(text);
  }
}

class FakeElement {
  hidden = false;
  open = false;
  style = {};
  nodes = [];
  listeners = {};
  parent = null;

  constructor(tag, world) {
    Object.assign(this, { tag, world });
    this.attributes = {};
  }

  get children() {
    return this.nodes.filter((node) => node instanceof FakeElement);
  }

  get dataset() {
    const named = Object.entries(this.attributes).filter(([name]) => name.startsWith("data-"));
    return Object.fromEntries(named.map(([name, value]) => [name.slice(5), value]));
  }

  get textContent() {
    return this.nodes.map((node) => node.textContent).join("");
  }

  set textContent(text) {
    this.nodes = text === "" ? [] : [new FakeText(text)];
  }

  get isConnected() {
    return this === this.world.body || Boolean(this.parent?.isConnected);
  }

  setAttribute(name, value) {
    this.attributes[name] = value;
    if (name === "hidden") this.hidden = true;
  }

  append(...nodes) {
    for (const node of nodes) this.insertBefore(node, null);
  }

  insertBefore(node, before) {
    const made = node instanceof FakeElement || node instanceof FakeText ? node : new FakeText(node);
    made.parent?.drop(made);
    made.parent = this;
    const at = before === null ? this.nodes.length : this.nodes.indexOf(before);
    this.nodes.splice(at, 0, made);
  }

  drop(node) {
    this.nodes = this.nodes.filter((each) => each !== node);
    node.parent = null;
  }

  remove() {
    if (this.contains(this.world.activeElement)) this.world.activeElement = this.world.body;
    this.parent?.drop(this);
  }

  replaceChildren(...nodes) {
    this.nodes = [];
    this.append(...nodes);
  }

  contains(other) {
    return this === other || this.children.some((child) => child.contains(other));
  }

  all() {
    return this.children.flatMap((child) => [child, ...child.all()]);
  }

  fits(selector) {
    const { tag, name, value } = SIMPLE.exec(selector).groups;
    if (tag && tag !== this.tag) return false;
    if (name === "open") return this.open;
    return !name || (name in this.attributes && (value === undefined || this.attributes[name] === value));
  }

  /** Lists of simple selectors, ` ` and ` > ` between them read alike. */
  querySelectorAll(selectors) {
    return selectors.split(", ").flatMap((selector) =>
      selector
        .split(/ (?:> )?/)
        .reduce((found, part) => found.flatMap((each) => each.all().filter((one) => one.fits(part))), [this]),
    );
  }

  querySelector(selectors) {
    return this.querySelectorAll(selectors)[0] ?? null;
  }

  closest(selector) {
    return this.fits(selector) ? this : (this.parent?.closest(selector) ?? null);
  }

  addEventListener(name, listener) {
    this.listeners[name] = listener;
  }

  focus() {
    this.world.activeElement = this;
  }
}

/** Put a document into the global scope, as the scripts expect it; return it. */
export function fakeDocument(lang = "en") {
  const world = { createElement: (tag) => new FakeElement(tag, world), querySelector: () => null, documentElement: { lang } };
  world.body = world.createElement("body");
  world.activeElement = world.body;
  globalThis.document = world;
  return world;
}
