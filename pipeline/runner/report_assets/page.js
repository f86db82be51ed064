
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const blocks = new Map();
  const MOST_HITS = 100000;
  let query = "";
  let hits = [];
  let current = -1;
  let search = 0;

  // Logs: packed in blocks, one for each instance of a job, and unpacked when they are first needed.

  async function unpack(text) {
    const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }

  function block(number) {
    if (!blocks.has(number)) blocks.set(number, unpack(byId(`_logs-${number}`).textContent));
    return blocks.get(number);
  }

  async function logOf(step) {
    const [number, index] = step.dataset.log.split(":");
    const [head, leftOut = 0, tail = []] = (await block(number))[index];
    return { head, leftOut, tail };
  }

  const plain = (line) =>
    typeof line === "string" ? line : line.filter((_, index) => index % 2).join("");

  function* numbered({ head, leftOut, tail }) {
    let number = 1;
    for (const line of head) yield [number++, line];
    number += leftOut;
    for (const line of tail) yield [number++, line];
  }

  function piece(text, classes) {
    if (!classes) return document.createTextNode(text);
    const span = document.createElement("span");
    span.className = classes;
    span.textContent = text;
    return span;
  }

  function lineElement(number, line) {
    const element = document.createElement("div");
    element.className = "l";
    element.dataset.n = number;
    if (typeof line === "string") element.textContent = line;
    else for (let i = 0; i < line.length; i += 2) element.append(piece(line[i + 1], line[i]));
    if (query) markIn(element);
    return element;
  }

  function markIn(element) {
    if (!element.textContent.toLowerCase().includes(query)) return;
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode()) texts.push(walker.currentNode);
    for (let text of texts) {
      // A few characters change their length with their case; the line is found all the same.
      if (text.data.toLowerCase().length !== text.length) continue;
      let at = text.data.toLowerCase().indexOf(query);
      while (at >= 0) {
        const found = text.splitText(at);
        text = found.splitText(query.length);
        const mark = document.createElement("mark");
        found.replaceWith(mark);
        mark.append(found);
        at = text.data.toLowerCase().indexOf(query);
      }
    }
  }

  async function showLog(step) {
    const area = step.querySelector(".log");
    if (!area || area.dataset.query === query) return;
    area.dataset.query = query;
    if (!("DecompressionStream" in window)) {
      if (!area.childElementCount) {
        const note = document.createElement("p");
        note.textContent = "This browser cannot unpack logs in a page. The whole log is linked above.";
        area.append(note);
      }
      return;
    }
    const log = await logOf(step);
    const made = document.createDocumentFragment();
    for (const [number, line] of numbered(log)) {
      if (log.leftOut && number === log.head.length + log.leftOut + 1) {
        const gap = document.createElement("div");
        gap.className = "gap";
        gap.textContent = `${log.leftOut.toLocaleString("en")} lines are not in this page`;
        made.append(gap);
      }
      made.append(lineElement(number, line));
    }
    const failed = step.classList.contains("s-failed") && !area.dataset.seen;
    area.replaceChildren(made);
    if (failed) area.scrollTop = area.scrollHeight;
    area.dataset.seen = "1";
  }

  document.addEventListener("toggle", (event) => {
    const step = event.target;
    if (step.open && step.dataset && step.dataset.log) showLog(step);
  }, true);

  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      showLog(entry.target);
    }
  }, { rootMargin: "400px" });
  all("details[open][data-log]").forEach((step, index) => index < 10 ? showLog(step) : near.observe(step));

  // Places: a link opens what it leads to, however deep it is folded. ":L12" is a line of a log.

  function reveal(element) {
    for (let node = element; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
  }

  async function goTo(hash) {
    let name = hash.slice(1);
    try { name = decodeURIComponent(name); } catch { /* as it is */ }
    let place = byId(name);
    const line = /^(.*):L(\d+)$/.exec(name);
    if (!place && line) place = byId(line[1]);
    if (!place) return;
    const hidden = place.closest("[hidden]");
    if (hidden) hidden.hidden = false;
    reveal(place);
    if (line && place.dataset.log) {
      await showLog(place);
      const found = place.querySelector(`.l[data-n="${line[2]}"]`);
      if (found) {
        for (const old of all(".l.at")) old.classList.remove("at");
        found.classList.add("at");
        found.scrollIntoView({ block: "center" });
        return;
      }
    }
    place.scrollIntoView();
    const head = place.querySelector("summary");
    if (head) head.focus({ preventScroll: true });
  }

  addEventListener("hashchange", () => goTo(location.hash));
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (link && link.getAttribute("href") === location.hash) goTo(location.hash);
    const line = event.target.closest(".l");
    const step = line && line.closest("[data-log]");
    if (step && event.clientX < line.getBoundingClientRect().left + 60 && !String(getSelection())) {
      location.hash = `${encodeURIComponent(step.id)}:L${line.dataset.n}`;
    }
  });

  // Search

  async function find() {
    const mine = ++search;
    query = byId("_search").value.trim().toLowerCase();
    const found = [];
    const counts = [];
    if (query) {
      for (const step of all("[data-log]")) {
        let count = 0;
        for (const [number, line] of numbered(await logOf(step))) {
          if (!plain(line).toLowerCase().includes(query)) continue;
          count += 1;
          if (found.length < MOST_HITS) found.push({ step, number });
        }
        if (mine !== search) return;
        if (count) counts.push({ step, count, first: found.length });
      }
    }
    hits = found;
    current = -1;
    const total = counts.reduce((sum, one) => sum + one.count, 0);
    byId("_found").textContent = query ? `${total.toLocaleString("en")} line${total === 1 ? "" : "s"}` : "";
    listHits(counts);
    for (const step of all("details[open][data-log]")) if (step.querySelector(".log[data-seen]")) showLog(step);
  }

  function listHits(counts) {
    const area = byId("_hits");
    area.hidden = !counts.length;
    const list = document.createElement("ul");
    for (const { step, count } of counts.slice(0, 200)) {
      const item = document.createElement("li");
      const link = document.createElement("a");
      const number = document.createElement("span");
      link.href = `#${encodeURIComponent(step.id)}`;
      link.textContent = wholeName(step);
      link.addEventListener("click", (event) => {
        event.preventDefault();
        visit(hits.findIndex((hit) => hit.step === step));
      });
      number.textContent = count.toLocaleString("en");
      number.className = "quiet";
      item.append(link, number);
      list.append(item);
    }
    area.replaceChildren(list);
  }

  function wholeName(step) {
    const names = [];
    for (let node = step; node; node = node.parentElement.closest("details.step, details.instance, details.job")) {
      names.unshift(node.querySelector("summary > .name").textContent);
    }
    return names.slice(-2).join(" › ");
  }

  async function visit(index) {
    if (!hits.length) return;
    current = (index + hits.length) % hits.length;
    const { step, number } = hits[current];
    reveal(step);
    await showLog(step);
    for (const old of all("mark.current, .l.at")) old.classList.remove("current", "at");
    const line = step.querySelector(`.l[data-n="${number}"]`);
    line.classList.add("at");
    for (const mark of all("mark", line)) mark.classList.add("current");
    line.scrollIntoView({ block: "center" });
    byId("_found").textContent = `${(current + 1).toLocaleString("en")} of ${hits.length.toLocaleString("en")}`;
  }

  let timer = 0;
  byId("_search").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(find, 150);
  });
  byId("_next").addEventListener("click", () => visit(current + 1));
  byId("_previous").addEventListener("click", () => visit(Math.max(current, 0) - 1));
  document.querySelector(".tools").addEventListener("submit", (event) => event.preventDefault());
  byId("_search").addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      const wanted = event.target.value.trim().toLowerCase();
      const step = event.shiftKey ? Math.max(current, 0) - 1 : current + 1;
      if (wanted === query) visit(step);
      else find().then(() => visit(0));
    } else if (event.key === "Escape") {
      event.target.value = "";
      find();
    }
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    event.preventDefault();
    byId("_search").focus();
  });

  // What is shown

  const jobs = all(".job");
  const order = new Map(jobs.map((job, index) => [job, index]));
  const failed = (job) => /\bs-(failed|timedout|unauthorized)\b/.test(job.className);
  const on = (id, kind, act) => { if (byId(id)) byId(id).addEventListener(kind, act); };
  on("_open-failed", "click", () => {
    for (const step of all(".step.s-failed")) reveal(step);
    for (const job of jobs.filter(failed)) job.open = true;
  });
  on("_close-all", "click", () => { for (const part of all("#_jobs details[open]")) part.open = false; });
  on("_filter", "change", (event) => {
    const wanted = event.target.value;
    const key = wanted === "slow" ? (job) => -job.dataset.seconds : (job) => order.get(job);
    for (const job of [...jobs].sort((a, b) => key(a) - key(b))) {
      job.hidden = wanted === "failed" && !failed(job);
      job.parentElement.append(job);
    }
  });

  // Light and dark. A page opened as a file may have no storage.

  const themes = ["auto", "light", "dark"];
  let theme = "auto";
  try { theme = localStorage.getItem("orbyard-theme") || "auto"; } catch { /* none */ }
  function setTheme(name) {
    theme = themes.includes(name) ? name : "auto";
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    byId("_theme").textContent = `Theme: ${theme}`;
    try { localStorage.setItem("orbyard-theme", theme); } catch { /* none */ }
  }
  byId("_theme").addEventListener("click", () => setTheme(themes[(themes.indexOf(theme) + 1) % 3]));
  setTheme(theme);

  for (const time of all("time[datetime]")) {
    const moment = new Date(time.dateTime);
    time.title = time.textContent;
    time.textContent = moment.toLocaleString([], { dateStyle: "medium", timeStyle: "medium" });
  }
  if (location.hash) goTo(location.hash);
})();
