// Starts the components of nhsuk-frontend, on the page and on each part that htmx puts into it.
import { initAll } from "/static/vendor/nhsuk.js";

initAll();
for (const swapped of ["htmx:afterSwap", "htmx:oobAfterSwap"]) {
  document.body.addEventListener(swapped, ({ detail }) => {
    initAll({ scope: detail.elt });
  });
}

// A part that refreshes itself says when it cannot any more.
const stale = (hidden) => document.querySelectorAll("[data-stale]").forEach((notice) => { notice.hidden = hidden; });
for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.body.addEventListener(failure, () => stale(false));
}
document.body.addEventListener("htmx:afterOnLoad", (event) => { if (event.detail.successful) stale(true); });

// What somebody has unfolded among the facts stays unfolded.
document.body.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
  if (detail.target.id !== "facts") return;
  const unfolded = [...detail.target.querySelectorAll("details")].map((one) => one.open);
  detail.fragment.querySelectorAll("details").forEach((one, place) => { one.open = unfolded[place] ?? false; });
});

// Whoever has the focus on a link in such a part keeps it: what is unchanged stays, what is new gets the focus again.
const fresh = ".iep-fresh";
const words = (part) => {
  const copy = part.cloneNode(true);
  copy.querySelectorAll(fresh).forEach((line) => line.remove());
  return copy.textContent.replace(/\s+/g, " ").trim();
};
let focused = null;
document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const { target, serverResponse } = detail;
  focused = null;
  if (!detail.shouldSwap || !target.contains(document.activeElement)) return;
  const answer = new DOMParser().parseFromString(serverResponse, "text/html").body;
  if (words(answer) !== words(target)) {
    focused = document.activeElement.getAttribute("href");
    return;
  }
  detail.shouldSwap = false;
  const [before, after] = [target.querySelector(fresh), answer.querySelector(fresh)];
  if (before && after) before.textContent = after.textContent;
});
document.body.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (focused) detail.target.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
});

// A text that is to be pasted elsewhere is copied by one button; without this script it is selected by hand.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.querySelector(button.dataset.copy).textContent);
    button.textContent = "Copied";
  });
}

// A reason that was typed as the session ended is there again once the same person has signed in, in this tab alone.
// It is kept from one page to the sign-in page, and forgotten by any other.
const TYPED = "typed";
const [reader] = [...document.querySelectorAll("[data-reader]")].map((one) => one.textContent);
const signIn = document.querySelector('form[action="/sign-in"]');
const typed = JSON.parse(sessionStorage.getItem(TYPED));
if (typed && signIn) {
  sessionStorage.setItem(TYPED, JSON.stringify({ ...typed, interrupted: true }));
  signIn.elements.next.value = typed.page;
} else if (typed) {
  sessionStorage.removeItem(TYPED);
  const here = typed.reader === reader && typed.page === location.pathname + location.search;
  for (const [id, text] of here && typed.interrupted ? typed.fields : []) {
    const field = document.getElementById(id);
    if (!field || field.value) continue;
    field.value = text;
    field.closest("details")?.setAttribute("open", "");
    field.focus();
  }
}
let leaves = false;
document.querySelector(".nhsuk-header__account-form")?.addEventListener("submit", () => { leaves = true; });
addEventListener("pagehide", () => {
  const fields = [...document.querySelectorAll("[name=reason], [name=text]")].filter((one) => one.id && one.value);
  // The answer to a form that was wrong has no address of its own to come back to.
  const isAnswer = [...document.forms].some((form) => new URL(form.action).pathname === location.pathname);
  if (!reader || leaves || isAnswer || !fields.length) return;
  const page = location.pathname + location.search;
  sessionStorage.setItem(TYPED, JSON.stringify({ reader, page, fields: fields.map((one) => [one.id, one.value]) }));
});
