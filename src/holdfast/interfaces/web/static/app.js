// What pages gain with scripts: running clocks, live regions, the find dialogue, keys, copying.
// Every page reads and every form works without this file.
(() => {
  "use strict";

  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

  // --- Words for times: the same sentences as rendering.py, which a browser test compares. ----------

  const pair = (large, largeUnit, small, smallUnit) =>
    small ? `${large} ${largeUnit} ${small} ${smallUnit}` : `${large} ${largeUnit}`;

  function units(seconds) {
    const whole = Math.floor(seconds);
    const minutes = Math.floor(whole / 60), hours = Math.floor(whole / 3600), days = Math.floor(whole / 86400);
    if (days) return pair(days, "d", hours % 24, "h");
    if (hours) return pair(hours, "h", minutes % 60, "min");
    if (minutes) return `${minutes} min`;
    return `${whole} s`;
  }

  function left(seconds) {
    if (Math.abs(seconds) < 1) return "due now";
    return seconds > 0 ? `${units(seconds)} left` : `breached by ${units(-seconds)}`;
  }

  function ago(seconds) {
    if (Math.abs(seconds) < 1) return "just now";
    return seconds > 0 ? `${units(seconds)} ago` : `in ${units(-seconds)}`;
  }

  // --- Clocks. The server's time counts, because the reader's machine may be wrong. ----------------

  const serverNow = Date.parse($('meta[name="holdfast-now"]')?.content);
  const loadedAt = performance.now();
  const now = () => serverNow + performance.now() - loadedAt;

  function state(element, due, at) {
    if (at >= due) return "late";
    const soon = Date.parse(element.dataset.soon);
    return at >= soon ? "soon" : "running";
  }

  const words = { running: "running", soon: "near", late: "breached" };

  function show(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function tick() {
    const at = now();
    for (const element of $$("[data-due]")) {
      const due = Date.parse(element.dataset.due);
      show(element, left((due - at) / 1000));
      const tile = element.closest("[data-clock], .remaining");
      if (!tile) continue;
      const is = state(element, due, at);
      if (tile.classList.contains(is)) continue;
      tile.classList.remove("running", "soon", "late");
      tile.classList.add(is);
      const word = $(".clock-word", tile);
      if (word) word.textContent = words[is];
    }
    for (const element of $$("[data-since]")) {
      show(element, ago((at - Date.parse(element.dataset.since)) / 1000));
    }
    showTime(new Date(at));
  }

  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const two = (number) => String(number).padStart(2, "0");

  function showTime(at) {
    const utc = $("[data-now]");
    if (!utc) return;
    const text = `${at.getUTCDate()} ${months[at.getUTCMonth()]} ${at.getUTCFullYear()}, ${two(at.getUTCHours())}:${two(at.getUTCMinutes())} UTC`;
    show(utc, text);
    utc.dateTime = `${at.toISOString().slice(0, 19)}Z`;
    const zone = readerZone();
    if (!zone || zone === "UTC") return;
    const city = zone.split("/").pop().replaceAll("_", " ");
    const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone }).format(at);
    show($("[data-now-local]"), `· ${clock} ${city}`);
  }

  const readerZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

  // The server shows local times next to UTC once it knows the zone; it is no secret and no identity.
  function tellZone() {
    const zone = readerZone();
    if (zone && !document.cookie.includes(`zone=${zone}`)) {
      document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax`;
    }
  }

  // --- Live regions. An event names what changed; regions that show it are fetched again. ----------

  let waiting = null;
  const changed = new Set();

  const concerns = (element) =>
    changed.has("*") || element.dataset.live.split(" ").some((topic) => changed.has(topic));

  // A region in use is left alone: nobody loses a half-written note or an opened question.
  const inUse = (element) =>
    (element.contains(document.activeElement) && document.activeElement.matches("input, textarea, select")) ||
    element.querySelector("details[open] form") !== null;

  async function refresh() {
    waiting = null;
    const regions = $$("[data-live]").filter((element) => element.id && concerns(element));
    const later = new Set(regions.filter(inUse).flatMap((element) => element.dataset.live.split(" ")));
    const ready = regions.filter((element) => !inUse(element));
    changed.clear();
    for (const topic of later) changed.add(topic);
    if (!ready.length) return;
    let answer;
    try {
      answer = await fetch(location.href, { headers: { "X-Live": "1" }, credentials: "same-origin" });
    } catch {
      return; // The stream reports the same loss, and refreshes everything when it is back.
    }
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of ready) {
      const made = fresh.getElementById(old.id);
      if (!made || !old.isConnected || inUse(old) || made.outerHTML === old.outerHTML) continue;
      swap(old, document.adoptNode(made));
    }
    prepare();
    tick();
  }

  function swap(old, made) {
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    const again = focused?.id ? `#${CSS.escape(focused.id)}` : focused?.href ? `a[href="${CSS.escape(focused.getAttribute("href"))}"]` : null;
    const isOpen = $$("details[open][id]", old).map((element) => element.id);
    old.replaceWith(made);
    for (const id of isOpen) made.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
    if (again) made.querySelector(again)?.focus({ preventScroll: true });
    window.htmx?.process(made);
  }

  function mark(topics) {
    for (const topic of topics) changed.add(topic);
    waiting ??= setTimeout(refresh, 250);
  }

  function listen() {
    const address = document.body.dataset.events;
    if (!address || !window.EventSource) return;
    const stream = new EventSource(address);
    let lost = false;
    stream.onmessage = (event) => mark(event.data.split(/\s+/).filter(Boolean));
    stream.onerror = () => {
      lost = true;
      document.body.classList.add("offline-now");
    };
    stream.onopen = () => {
      document.body.classList.remove("offline-now");
      if (lost) mark(["*"]); // Something may have been missed.
      lost = false;
    };
    addEventListener("pagehide", () => stream.close());
    addEventListener("pageshow", (event) => event.persisted && location.reload());
  }

  // --- Find ----------------------------------------------------------------------------------------

  const palette = $("#palette");
  const query = palette && $("input", palette);

  function openPalette() {
    if (!palette || palette.open) return;
    palette.showModal();
    query.value = "";
    query.focus();
    window.htmx?.trigger(query, "opened");
  }

  const hits = () => $$('[role="option"]', palette);

  function choose(hit) {
    for (const other of hits()) other.setAttribute("aria-selected", String(other === hit));
    if (!hit) return query.removeAttribute("aria-activedescendant");
    query.setAttribute("aria-activedescendant", hit.id);
    hit.scrollIntoView({ block: "nearest" });
  }

  function paletteKey(event) {
    const all = hits();
    const at = all.findIndex((hit) => hit.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (all.length) choose(all[(at + step + all.length) % all.length]);
    } else if (event.key === "Enter" && all[at]) {
      event.preventDefault();
      all[at].click();
    }
  }

  // --- Keys ----------------------------------------------------------------------------------------

  const typing = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;
  const singleKeys = () => localStorage.getItem("single-keys") !== "off";

  function press(element) {
    for (let up = element.parentElement?.closest("details"); up; up = up.parentElement?.closest("details")) up.open = true;
    if (element.matches("textarea, input, select")) return element.focus();
    if (!element.matches("summary")) return element.click();
    element.parentElement.open = true;
    ($("textarea, input:not([type=hidden]), select, button", element.parentElement) ?? element).focus();
  }

  function move(event) {
    const list = document.activeElement.closest("[data-list]") ?? ($("dialog[open]") ? null : $("[data-list]"));
    const rows = list ? $$("a[data-go]", list).filter((row) => row.offsetParent) : [];
    if (!rows.length) return;
    const at = rows.findIndex((row) => row.closest("tr, li") === document.activeElement.closest("tr, li"));
    if (at < 0 && document.activeElement !== document.body && document.activeElement.id !== "main") return;
    const next = at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + (event.key === "ArrowDown" ? 1 : -1)));
    event.preventDefault();
    rows[next].focus();
  }

  function key(event) {
    if ((event.metaKey || event.ctrlKey) && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      return openPalette();
    }
    if (event.metaKey || event.ctrlKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Escape") return closeMenus();
    if (typing(event.target)) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") return move(event);
    if (!singleKeys() || event.repeat || $("dialog[open]")) return;
    if (event.key === "?") return $("#keys")?.showModal();
    const element = $$("[data-key]").find(
      (candidate) => candidate.dataset.key === event.key.toLowerCase() && (candidate.offsetParent || candidate.closest("details:not([open])")),
    );
    if (!element) return;
    event.preventDefault();
    press(element);
  }

  function closeMenus(except) {
    for (const menu of $$(".menu[open], .more[open]")) if (menu !== except) menu.open = false;
  }

  // --- Small helps ---------------------------------------------------------------------------------

  function say(text) {
    const said = $("#said");
    if (said) said.textContent = text;
  }

  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
      say("Copied");
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => (button.textContent = "Copy"), 1600);
  }

  function click(event) {
    const target = event.target;
    closeMenus(target.closest(".menu, .more"));
    const finder = target.closest("[data-find]");
    if (finder && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
      event.preventDefault();
      return openPalette();
    }
    const copier = target.closest("[data-copy]");
    if (copier) return copy(copier);
    const opener = target.closest("[data-open]");
    if (opener) return document.getElementById(opener.dataset.open)?.showModal();
    if (target.matches("dialog")) target.close(); // a click beside the dialogue
  }

  function prepare() {
    for (const element of $$(".copy[hidden], [data-open][hidden]")) element.hidden = false;
  }

  // A page that answers a refused form belongs to another address: reloading goes there, and sends nothing.
  function belong() {
    const address = $('link[rel="canonical"]')?.getAttribute("href");
    if (address) history.replaceState(null, "", address);
  }

  function start() {
    belong();
    document.documentElement.classList.add("with-script");
    document.documentElement.classList.toggle("on-mac", /Mac|iPhone|iPad/.test(navigator.platform));
    prepare();
    tellZone();
    if (!Number.isNaN(serverNow)) {
      tick();
      setInterval(tick, 1000);
    }
    listen();
    document.addEventListener("keydown", key);
    document.addEventListener("click", click);
    document.addEventListener("change", (event) => {
      if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
      if (event.target.id === "single-keys") localStorage.setItem("single-keys", event.target.checked ? "on" : "off");
    });
    document.addEventListener("focusout", () => changed.size && !waiting && mark([]));
    document.addEventListener("toggle", (event) => !event.target.open && changed.size && mark([]), true);
    if (palette) {
      palette.addEventListener("keydown", paletteKey);
      // What was found for other words is not what is meant now.
      query.addEventListener("input", () => choose(undefined));
      // Before a word is typed Enter opens, and does nothing: nobody acknowledges by slip.
      palette.addEventListener("htmx:afterSwap", () => choose(hits().find((hit) => query.value.trim() || hit.matches("a"))));
    }
    const switchKeys = $("#single-keys");
    if (switchKeys) switchKeys.checked = singleKeys();
  }

  window.holdfast = { left, ago };
  start();
})();
