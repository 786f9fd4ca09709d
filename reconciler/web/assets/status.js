// Keeps a page up to date and filters while one types. Nothing needs it: without it, the page is what it was when it
// was asked for, and the filter is a form.
//
// There is one way to change a page: ask the server for it again, and make of the old one the new one where they
// differ. So focus, scroll, what is unfolded and what is being typed stay.
"use strict";

(() => {
  const AFTER_TYPING_MS = 150;
  const WITHOUT_EVENTS_MS = 30_000;

  const told = document.getElementById("told");
  let asked = 0;
  let events = null;
  let slow = 0;
  let later = 0;

  // Make `old` what `fresh` is.
  function renew(old, fresh) {
    if (old.isEqualNode(fresh) || (old.dataset && "keep" in old.dataset)) {
      return;
    }
    if (old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
      old.replaceWith(document.importNode(fresh, true));
      return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE) {
      old.data = fresh.data;
      return;
    }
    renewAttributes(old, fresh);
    renewChildren(old, fresh);
  }

  function renewAttributes(old, fresh) {
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) {
        old.removeAttribute(name);
      }
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value && !(name === "open" && old.nodeName === "DETAILS")) {
        old.setAttribute(name, value);
      }
    }
  }

  // Children with an id are found again wherever they have gone; others by their kind, in their order.
  function renewChildren(old, fresh) {
    const wantedIds = new Set([...fresh.children].map((child) => child.id));
    const known = new Map();
    for (const child of [...old.children]) {
      if (child.id && wantedIds.has(child.id)) {
        known.set(child.id, child);
      } else if (child.id) {
        child.remove();
      }
    }
    let place = old.firstChild;
    for (const wanted of [...fresh.childNodes]) {
      const same = wanted.id ? known.get(wanted.id) : nextLike(wanted, place);
      if (!same) {
        old.insertBefore(document.importNode(wanted, true), place);
        continue;
      }
      while (place && place !== same && !place.id) {
        place = removed(place);
      }
      if (same === place) {
        place = place.nextSibling;
      } else {
        old.insertBefore(same, place);
      }
      renew(same, wanted);
    }
    while (place) {
      place = removed(place);
    }
  }

  function nextLike(wanted, place) {
    let one = place;
    while (one && (one.id || one.nodeName !== wanted.nodeName || one.className !== wanted.className)) {
      one = one.nextSibling;
    }
    return one;
  }

  function removed(node) {
    const next = node.nextSibling;
    node.remove();
    return next;
  }

  async function refresh() {
    const number = ++asked;
    clearTimeout(later);
    let answer;
    try {
      answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
      if (answer.status === 401 || answer.status === 403) {
        location.reload();
        return;
      }
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (number === asked) {
        show(fresh);
        askAgain(Number(answer.headers.get("Retry-After")));
      }
    } catch {
      lost();
    }
  }

  // What could not be made just now is no change that anybody is told of.
  function askAgain(seconds) {
    if (seconds > 0) {
      later = setTimeout(() => void refresh(), seconds * 1000);
    }
  }

  function show(fresh) {
    if (document.title !== fresh.title) {
      document.title = fresh.title;
      told.textContent = fresh.title;
    }
    const focused = document.activeElement;
    renew(document.body, fresh.body);
    if (focused !== document.activeElement && focused.isConnected) {
      focused.focus({ preventScroll: true }); // it lost it when its row went elsewhere
    }
  }

  function mark(text, isLost) {
    const live = document.getElementById("live");
    if (live) {
      live.textContent = text;
      live.classList.toggle("lost", isLost);
    }
  }

  function lost() {
    mark("not live", true);
  }

  // A page that nobody sees holds no connection: browsers have only six of them for one host.
  function listen() {
    clearInterval(slow);
    if (events || document.hidden) {
      return;
    }
    events = new EventSource("/live");
    events.addEventListener("open", () => mark("live", false));
    events.addEventListener("message", ({ data }) => data !== document.body.dataset.number && void refresh());
    events.addEventListener("error", () => {
      lost();
      if (events && events.readyState === EventSource.CLOSED) {
        silence();
        slow = setInterval(() => void refresh().then(listen), WITHOUT_EVENTS_MS);
      }
    });
  }

  function silence() {
    if (events) {
      events.close();
      events = null;
    }
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? silence() : listen()));
  addEventListener("pagehide", silence);
  addEventListener("pageshow", listen);

  // Typing filters: the address is what the form would have asked for.
  let typing = 0;

  function filter(form) {
    const wanted = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      if (value) {
        wanted.set(name, value);
      }
    }
    const query = wanted.toString();
    history.replaceState(null, "", query ? `${form.getAttribute("action")}?${query}` : form.getAttribute("action"));
    void refresh();
  }

  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (form && form.method === "get") {
      clearTimeout(typing);
      typing = setTimeout(() => filter(form), AFTER_TYPING_MS);
    }
  });

  document.addEventListener("submit", (event) => {
    if (event.target.method === "get") {
      event.preventDefault();
      clearTimeout(typing);
      filter(event.target);
    }
  });

  listen();
})();
