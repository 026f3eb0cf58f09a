// Shows reactions as they happen, in each <openheart-reactions live="…">. MIT, the openheart developers.
// How to use it: https://openheart.github.io/openheart/howto/live.html

const LONGEST = 4000; // characters of an address that every server takes
const SOON = 15_000; // milliseconds before a refused page retries; doubled each time
const LATE = 600_000;

const sources = new Map(); // address -> its EventSource
let asked;

const place = (tag) => new URL(tag.getAttribute("live"), document.baseURI);
const tags = () => document.querySelectorAll("openheart-reactions[live]");

function show(address, { target, counts }) {
  for (const tag of tags()) {
    const { origin, pathname, hash } = place(tag);
    if (address !== origin + pathname || decodeURIComponent(hash.slice(1)) !== target) continue;
    // Wait for the answers to presses on this page: these counts may be older.
    const { page } = tag;
    page?.turn.then(() => page.take(counts));
  }
}

function open(address, wait = SOON) {
  const source = new EventSource(address);
  const [server] = address.split("?");
  source.addEventListener("reaction", ({ data }) => show(server, JSON.parse(data)));
  source.onopen = () => (wait = SOON);
  source.onerror = () => {
    // A browser reconnects by itself, but not after a refusal.
    if (source.readyState !== EventSource.CLOSED) return;
    const again = () => sources.get(address) === source && open(address, Math.min(2 * wait, LATE));
    setTimeout(again, wait * (1 + Math.random()));
  };
  sources.set(address, source);
}

// One connection to each server, for all tags; none while the page is hidden.
function listen() {
  asked = undefined;
  const wanted = new Map();
  for (const tag of document.hidden ? [] : tags()) {
    const { origin, pathname, search } = place(tag);
    const query = wanted.get(origin + pathname) ?? "";
    const more = (query ? "&" : "?") + search.slice(1);
    const fits = !query.includes(search.slice(1)) && query.length + more.length < LONGEST;
    if (fits) wanted.set(origin + pathname, query + more);
  }
  const addresses = new Set([...wanted].map(([server, query]) => server + query));
  for (const [address, source] of sources) {
    if (addresses.has(address)) continue;
    source.close();
    sources.delete(address);
  }
  for (const address of addresses) sources.has(address) || open(address);
}

const soon = () => (asked ??= setTimeout(listen)); // when all tags are there
new MutationObserver(soon).observe(document, {
  subtree: true,
  childList: true,
  attributes: true,
  attributeFilter: ["live"],
});
document.addEventListener("visibilitychange", soon);
soon();
