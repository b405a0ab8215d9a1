// The page of a market day: a row is saved where it stands; the rest of what was typed on the page stays typed.

const GLOW_MS = 1_500;

document.querySelector(".plannedoffers")?.addEventListener("submit", (event) => {
  const row = event.target.closest("[data-planned]");
  if (!row) return;
  event.preventDefault();
  if (row.getAttribute("aria-busy") === "true") return;
  save(row, event.target, event.submitter);
});

async function save(row, form, button) {
  const action = button?.getAttribute("formaction") ?? form.action;
  row.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!fresh.querySelector("[data-notice]")) location.reload(); // signed out, or something this page can't show
    else put(row, fresh);
  } catch {
    form.action = action;
    form.submit(); // the browser's own way says what is wrong with the network
  } finally {
    row.removeAttribute("aria-busy");
  }
}

/** Put the row as the server has it now in place; one that was taken out goes. */
function put(row, fresh) {
  const notice = fresh.querySelector("[data-notice]");
  const now = fresh.getElementById(row.id);
  const isOpen = row.querySelector("details")?.open;
  document.querySelector("[data-notice]").replaceChildren(...notice.cloneNode(true).childNodes);
  document.querySelector("[data-said]").textContent = notice.textContent.trim().replace(/\s+/g, " ");
  for (const name of ["#offers", ".takeall"]) refresh(name, fresh);
  if (!now) {
    (row.nextElementSibling ?? row.previousElementSibling)?.focus({ preventScroll: true });
    row.remove();
    return;
  }
  const wrong = now.querySelector("[aria-invalid]");
  if (isOpen && wrong) now.querySelector("details").open = true;
  row.replaceWith(now);
  now.classList.add("news");
  setTimeout(() => now.classList.remove("news"), GLOW_MS);
  (wrong ?? now).focus({ preventScroll: true });
}

function refresh(selector, fresh) {
  const shown = document.querySelector(selector);
  const now = fresh.querySelector(selector);
  if (shown && now) shown.replaceChildren(...now.childNodes);
  else shown?.remove();
}
