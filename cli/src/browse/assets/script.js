// What a keyboard can do beyond what links do by themselves. Everything works without it.
"use strict";

const items = () => Array.from(document.querySelectorAll("a.item"));

// In a grid, up and down mean the row above and below.
function columns(list) {
  const top = list[0].getBoundingClientRect().top;
  const next = list.findIndex((item) => item.getBoundingClientRect().top > top + 4);
  return next < 1 ? list.length : next;
}

function move(step, rows) {
  const list = items();
  if (list.length === 0) return false;
  const at = list.indexOf(document.activeElement);
  const by = rows && list[0].closest(".tiles") ? step * columns(list) : step;
  const to = at < 0 ? 0 : Math.min(Math.max(at + by, 0), list.length - 1);
  list[to].focus();
  list[to].scrollIntoView({ block: "nearest" });
  return true;
}

function follow(selector) {
  const link = document.querySelector(selector);
  if (link) link.click();
  return Boolean(link);
}

function up() {
  if (follow("a[rel=up]")) return true;
  const crumbs = document.querySelectorAll(".crumbs a");
  if (crumbs.length > 1) crumbs[crumbs.length - 2].click();
  else follow("a.home");
  return true;
}

const keys = {
  ArrowDown: () => move(1, true),
  j: () => move(1, true),
  ArrowUp: () => move(-1, true),
  k: () => move(-1, true),
  ArrowRight: () => (document.querySelector(".tiles") ? move(1, false) : follow("a[rel=next]")),
  ArrowLeft: () => (document.querySelector(".tiles") ? move(-1, false) : follow("a[rel=prev]")),
  Home: () => items().length > 0 && (items()[0].focus(), true),
  End: () => items().length > 0 && (items()[items().length - 1].focus(), true),
  n: () => follow("a[rel=next]"),
  p: () => follow("a[rel=prev]"),
  v: () => follow("a[data-key=v]"),
  Backspace: up,
  u: up,
  Escape: up,
  "/": () => (document.querySelector(".search input").focus(), true),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const target = event.target;
  if (target.matches("input, select, textarea, video, audio")) {
    if (event.key === "Escape") target.blur();
    return;
  }
  if (target.matches("pre") && event.key.startsWith("Arrow")) return;
  const act = keys[event.key];
  if (act && act()) event.preventDefault();
});

// A picture that cannot be made small leaves its sign behind.
document.addEventListener("error", (event) => {
  if (event.target instanceof HTMLImageElement && event.target.closest(".frame")) event.target.remove();
}, true);
