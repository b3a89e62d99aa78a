/** Elements made and found without ever parsing text as HTML, which trusted types forbid anyway. */

import { sayMoment, sayUTC } from "./words.js";

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

/** A moment (milliseconds) in the reader's time zone, with UTC one hover away. */
export function moment(value) {
  const attributes = { datetime: new Date(value).toISOString(), title: sayUTC(value) };
  return make("time", attributes, sayMoment(value));
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
  // A step beside the way, such as waiting for its begin: nothing of the way is done then.
  const way = document.querySelector("[data-steps]");
  if (way) way.hidden = passed;
  for (const step of document.querySelectorAll("[data-step]")) step.hidden = step.dataset.step !== name;
  const heading = find(`[data-step="${name}"] h2`);
  heading.focus({ preventScroll: true });
  heading.scrollIntoView({ block: "center" });
}

/**
 * Run `act` when `form` is sent, once at a time. Pages come with their forms disabled as a whole, so that nobody types into
 * a form that no script listens to, and no browser sends one by its own means.
 */
export function onSubmit(form, act) {
  let running = false;
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
  open(form);
}

/** Let people into a form, once everything in it is listened to. */
export function open(form) {
  find("[data-whole]", form).disabled = false;
}

/** Run `act` when `button` is pressed; until now it was disabled, because nothing listened to it. */
export function onPress(button, act) {
  button.addEventListener("click", act);
  button.disabled = false;
}
