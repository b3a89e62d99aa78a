/** Elements made and found without ever parsing text as HTML, which trusted types forbid anyway. */

/** The one element that `selector` finds; its absence is a fault of the template. */
export function find(selector, within = document) {
  const found = within.querySelector(selector);
  if (!found) throw new Error(`The page lacks ${selector}`);
  return found;
}

/** An element with attributes and children; a string child becomes text. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A row of a list of facts. */
export function fact(name, ...value) {
  return [make("dt", {}, name), make("dd", {}, ...value)];
}

/** A fingerprint in groups of four, as the server's pages write it. */
export function fingerprint(hex) {
  const groups = hex.match(/.{1,4}/g) ?? [];
  return make("span", { class: "fingerprint" }, ...groups.map((group) => make("span", {}, group)));
}

/** Show one step of a page that has several, tell the list of steps, and move the reader there. */
export function goToStep(name) {
  let passed = true;
  for (const item of document.querySelectorAll("[data-steps] > li")) {
    const current = item.dataset.for === name;
    if (current) passed = false;
    item.classList.toggle("done", passed || (current && name === "done"));
    if (current) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  }
  for (const step of document.querySelectorAll("[data-step]")) step.hidden = step.dataset.step !== name;
  const heading = find(`[data-step="${name}"] h2`);
  heading.focus({ preventScroll: true });
  heading.scrollIntoView({ block: "center" });
}

/**
 * Run `act` when `form` is sent, once at a time. Pages come with their submit buttons disabled, so that nobody can send a
 * form by the browser's own means, with its fields in the address, before the script is there.
 */
export function onSubmit(form, act) {
  let running = false;
  find('button[type="submit"]', form).disabled = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (running) return;
    running = true;
    try {
      await act();
    } finally {
      running = false;
    }
  });
}
