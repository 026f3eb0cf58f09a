// <openheart-reactions>: emoji to press, with counts. MIT, the openheart developers.
// How to use it: https://openheart.github.io/openheart/howto/element.html

const EMOJI = "❤️ 👍 🎉 😂 🤔"; // The server writes its own.
const AT_ONCE = 100; // targets in one request
const LONGEST = 4000; // characters of a query that every server takes
const PATIENCE = 10_000; // milliseconds
const HOME = import.meta.resolve("../");
// By the status of an answer that is not openheart's.
const SAID = {
  401: "Please log in first.",
  404: "The server does not know this page.",
  429: "Too many requests. Please wait a little.",
  undefined: "The server cannot be reached. Please try again later.",
};

const style = new CSSStyleSheet(); // A page's policy may forbid <style>.
style.replaceSync(`
:host { display: block; position: relative }
:host([hidden]), span:empty { display: none }
div { display: flex; flex-wrap: wrap; gap: .5rem }
button {
  display: flex; gap: .4em; align-items: center; min-height: 2.75rem; padding: 0 .8em; font: inherit; color: inherit;
  background: none; border: 1px solid var(--openheart-border, #8888); border-radius: 99px; cursor: pointer;
}
button:is(:hover, :focus-visible) { outline: 2px solid var(--openheart-accent, #d6336c) }
[part=count] { min-width: 2ch; font-variant-numeric: tabular-nums }
output { position: absolute; z-index: 1; margin: .3em 0; padding: .3em; color: CanvasText; background: Canvas; border: 1px solid }
.unseen { clip-path: inset(50%) }
`);

const make = (name, values) => Object.assign(document.createElement(name), values);
const plain = (emoji) => emoji.replaceAll("\uFE0F", ""); // ❤ and ❤️ are one.

async function ask(address, options) {
  const load = (more) => fetch(address, { signal: AbortSignal.timeout(PATIENCE), ...more });
  const answer = await load(options).catch(async (error) => {
    if (error.name !== "TypeError") throw error;
    // It may be there, and answer or lead elsewhere without a word for this page.
    await load({ mode: "no-cors" });
    throw { status: "CORS" };
  });
  const { ok, redirected, status } = answer;
  const found = /json/.test(answer.headers.get("Content-Type")) && (await answer.json());
  if (ok && (found || status === 204)) return found;
  throw { status: redirected ? 401 : status, ...found };
}

// What all tags with one target share.
class Page {
  tags = new Set();
  pressed = []; // what the server has not answered yet
  turn = Promise.resolve();

  take(counts) {
    if (counts) this.counts = new Map(Object.entries(counts).map(([emoji, count]) => [plain(emoji), count]));
    this.show();
  }

  show(error) {
    this.hidden ||= error?.type === "reading-not-allowed";
    for (const tag of this.tags) tag.show(this.hidden ? null : error);
  }

  press(emoji, tag) {
    let sent;
    const send = () => (sent ??= ask(this.server + this.query, { method: "POST", body: emoji, keepalive: true }));
    addEventListener("pagehide", send); // The last chance.
    this.pressed.push(emoji);
    this.show();
    // One at a time, so that the answer that comes last is the newest.
    this.turn = this.turn
      .then(send)
      .then((counts) => this.take(counts), (error) => error)
      .then((error) => {
        this.pressed.shift();
        this.show();
        tag.show(error, emoji);
      });
  }
}

const pages = {};
let unread = [];

function readAll() {
  while (unread.length) {
    const [first] = unread;
    let room = LONGEST;
    const fits = (page) => page.server === first.server && ((room -= page.query.length) > 0 || page === first);
    const batch = unread.filter(fits).slice(0, AT_ONCE);
    unread = unread.filter((page) => !batch.includes(page));
    read(batch);
  }
}

async function read(batch) {
  try {
    const found = await ask(batch[0].server + batch.map((page) => page.query).join("&"));
    // The answer to a press is newer.
    for (const page of batch) page.counts ?? page.take(found[page.target]);
  } catch (error) {
    // One bad target fails alone.
    const alone = batch[1] && /target/.test(error.type);
    for (const page of batch) alone ? read([page]) : page.show(error);
  }
}

class Reactions extends HTMLElement {
  static observedAttributes = ["emoji", "server", "target"];
  #box = make("div");
  #note = make("output", { part: "message" });

  connectedCallback() {
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [style];
    root.replaceChildren(this.#box, this.#note);
    const inside = [...this.querySelectorAll("button")].map((button) => button.name).join();
    const emoji = (this.#text("emoji", inside) || EMOJI).match(/[^\s,]+/g) ?? [];
    this.#box.replaceChildren(...emoji.map((name) => {
      const button = make("button", { name, part: "button" });
      button.append(make("span", { part: "emoji", textContent: name }), make("span", { part: "count" }));
      button.addEventListener("click", () => this.page.press(name, this));
      return button;
    }));
    const server = new URL(this.#text("server", HOME), document.baseURI).href.replace(/\/*$/, "/?");
    const target = this.#text("target", location.host + location.pathname);
    const query = "target=" + encodeURIComponent(target);
    let page = pages[server + query];
    // Counts read while a press waits may be older.
    if (!page?.tags.size && !page?.pressed[0]) {
      page = pages[server + query] = Object.assign(new Page(), { server, target, query });
      if (unread.push(page) === 1) setTimeout(readAll); // when all tags are there
    }
    this.page = page;
    page.tags.add(this);
    this.show();
  }

  disconnectedCallback() {
    this.page.tags.delete(this);
  }

  attributeChangedCallback() {
    this.page?.tags.delete(this) && this.connectedCallback();
  }

  show(error, sent) {
    const { counts, hidden, pressed } = this.page;
    const known = error?.detail ?? SAID[error?.status];
    let said = error && this.#text("failed", known ?? "The site refused the request", known ? "" : ` (${error.status})`);
    for (const button of this.#box.children) {
      const { name } = button;
      const count = counts && (counts.get(plain(name)) ?? 0) + pressed.filter((emoji) => emoji === name).length;
      button.lastChild.textContent = count ?? (hidden ? "" : "\xA0");
      button.ariaLabel = `${this.#text("label", "React with")} ${name}${counts ? ": " + count : ""}`;
      if (name === sent) said ||= counts ? name + " " + count : this.#text("thanks", "Thank you!");
    }
    this.#note.textContent = said;
    this.#note.className = said && (error || !counts) ? "" : "unseen";
  }

  #text(name, other, more = "") {
    return this.getAttribute(name) ?? other + more;
  }
}

customElements.get("openheart-reactions") ?? customElements.define("openheart-reactions", Reactions);
