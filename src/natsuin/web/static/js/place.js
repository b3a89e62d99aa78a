/** Where the seal mark shall stand: by clicking, dragging, arrow keys or numbers, with a preview on the page. */

import { find, make } from "./dom.js";
import { freePlace, showMarks } from "./marks.js";
import { say } from "./words.js";

const pointsPerMillimetre = 72 / 25.4;
const svgSpace = "http://www.w3.org/2000/svg";

/** Holds the place in points from the upper left of the displayed page, and shows it. */
export class Placing {
  /**
   * @param {import("./viewer.js").Viewer} viewer @param {HTMLFormElement} form the form `[data-place]`
   * @param {import("./marks.js").Mark[]} marks what stands on the pages already
   */
  constructor(viewer, form, marks) {
    this.viewer = viewer;
    this.marks = marks;
    this.form = form;
    this.fields = Object.fromEntries(["page", "size", "left", "top"].map((name) => [name, find(`#mark-${name}`, form)]));
    this.page = viewer.sheets.length;
    this.size = Number(this.fields.size.value) * pointsPerMillimetre;
    this.handle = make("button", { type: "button", "data-mark": true });
    this.preview = make("div", { class: "mark-preview" }, drawing(markName(form)), this.handle);
    const sheet = viewer.sheets[this.page - 1];
    const wished = {
      left: sheet.width - this.size - 25 * pointsPerMillimetre,
      top: sheet.height - this.size - 35 * pointsPerMillimetre,
      size: this.size,
    };
    const onPage = marks.filter((mark) => mark.page === this.page - 1);
    Object.assign(this, freePlace(onPage, sheet, wished));
    this.state = "off";
    this.#bind();
  }

  /** True where the person wants a mark on the page. */
  get visible() {
    return this.form.elements.visible.value === "yes";
  }

  /**
   * @param {"off" | "placing" | "fixed"} state `placing`: the mark follows the person; `fixed`: it is shown as it was
   * sent for approval and cannot be moved; `off`: it is not shown
   */
  setState(state) {
    this.state = state;
    this.handle.disabled = state === "fixed";
    this.viewer.scroller.classList.toggle("placing", state === "placing" && this.visible);
    this.#show();
    this.#showOthers();
  }

  #showOthers() {
    showMarks(this.viewer, this.marks, this.state === "placing" && this.visible);
  }

  /** Whether the typed numbers keep the mark on the page. */
  get fits() {
    if (!this.visible) return true;
    return Object.values(this.fields).every((field) => field.value !== "" && field.checkValidity());
  }

  /** For the server: points from the lower left of the page as displayed; undefined where no mark is wanted. */
  get placement() {
    if (!this.visible) return undefined;
    const sheet = this.viewer.sheets[this.page - 1];
    const y = sheet.height - this.top - this.size;
    const rounded = (value) => Math.round(value * 100) / 100;
    return {
      page: this.page - 1,
      x: rounded(Math.max(this.left, 0)),
      y: rounded(Math.max(y, 0)),
      width: rounded(this.size),
      height: rounded(this.size),
    };
  }

  /** The place in words. */
  get words() {
    return this.visible ? say("markPlaced", this.#millimetres()) : say("markNone");
  }

  #millimetres() {
    const round = (points) => Math.round(points / pointsPerMillimetre);
    return { page: this.page, left: round(this.left), top: round(this.top) };
  }

  #bind() {
    const { page, size, left, top } = this.fields;
    page.addEventListener("change", () => this.#move({ page: Number(page.value) }, true));
    size.addEventListener("change", () => this.#move({ size: Number(size.value) * pointsPerMillimetre }));
    left.addEventListener("change", () => this.#move({ left: Number(left.value) * pointsPerMillimetre }));
    top.addEventListener("change", () => this.#move({ top: Number(top.value) * pointsPerMillimetre }));
    for (const radio of this.form.elements.visible) radio.addEventListener("change", () => this.setState("placing"));
    find("#key", this.form).addEventListener("change", () => this.preview.replaceChildren(drawing(markName(this.form)), this.handle));
    this.viewer.scroller.addEventListener("click", (event) => this.#placeAt(event));
    this.viewer.scroller.addEventListener("rescaled", () => {
      this.#show();
      this.#showOthers();
    });
    this.handle.addEventListener("keydown", (event) => this.#nudge(event));
    this.handle.addEventListener("pointerdown", (event) => this.#drag(event));
  }

  #placeAt(event) {
    const sheet = event.target.closest?.(".sheet");
    if (!sheet || this.state !== "placing" || !this.visible || event.target.closest("[data-mark]")) return;
    const box = sheet.getBoundingClientRect();
    this.#move({
      page: Number(sheet.dataset.page),
      left: (event.clientX - box.left) / this.viewer.scale - this.size / 2,
      top: (event.clientY - box.top) / this.viewer.scale - this.size / 2,
    });
  }

  #nudge(event) {
    const step = (event.shiftKey ? 10 : 1) * pointsPerMillimetre;
    const move = {
      ArrowLeft: { left: this.left - step },
      ArrowRight: { left: this.left + step },
      ArrowUp: { top: this.top - step },
      ArrowDown: { top: this.top + step },
      PageUp: { page: this.page - 1 },
      PageDown: { page: this.page + 1 },
    }[event.key];
    if (!move) return;
    event.preventDefault();
    this.#move(move, "page" in move);
    this.handle.focus({ preventScroll: !("page" in move) });
  }

  #drag(event) {
    if (this.state !== "placing") return;
    event.preventDefault();
    this.handle.focus({ preventScroll: true });
    const start = { x: event.clientX, y: event.clientY, left: this.left, top: this.top };
    const follow = (moved) =>
      this.#move({
        left: start.left + (moved.clientX - start.x) / this.viewer.scale,
        top: start.top + (moved.clientY - start.y) / this.viewer.scale,
      });
    this.handle.setPointerCapture(event.pointerId);
    this.handle.addEventListener("pointermove", follow);
    const end = () => this.handle.removeEventListener("pointermove", follow);
    this.handle.addEventListener("pointerup", end, { once: true });
    this.handle.addEventListener("pointercancel", end, { once: true });
  }

  #move({ page = this.page, left = this.left, top = this.top, size = this.size }, bringIntoView = false) {
    const within = (value, least, most) => Math.min(Math.max(value, least), Math.max(most, least));
    this.page = within(Math.round(page) || 1, 1, this.viewer.sheets.length);
    const sheet = this.viewer.sheets[this.page - 1];
    this.size = within(size || 0, 12 * pointsPerMillimetre, Math.min(60 * pointsPerMillimetre, sheet.width, sheet.height));
    this.left = within(left, 0, sheet.width - this.size);
    this.top = within(top, 0, sheet.height - this.size);
    this.#show();
    if (bringIntoView) this.showPlace();
  }

  /** Scroll so that the mark is in view. */
  showPlace() {
    if (!this.visible) return;
    const sheet = this.viewer.elements[this.page - 1];
    const scroller = this.viewer.scroller;
    const middle = sheet.offsetTop - scroller.offsetTop + (this.top + this.size / 2) * this.viewer.scale;
    scroller.scrollTop = middle - scroller.clientHeight / 2;
  }

  #show() {
    const millimetres = this.#millimetres();
    this.fields.page.value = String(this.page);
    this.fields.size.value = String(Math.round(this.size / pointsPerMillimetre));
    this.fields.left.value = String(millimetres.left);
    this.fields.top.value = String(millimetres.top);
    find("[data-placement]", this.form).hidden = !this.visible;
    find("[data-place-words]", this.form).textContent = this.words;
    if (this.state === "off" || !this.visible) {
      this.preview.remove();
      return;
    }
    const scale = this.viewer.scale;
    this.handle.setAttribute("aria-label", say("markLabel", millimetres));
    this.preview.style.left = `${this.left * scale}px`;
    this.preview.style.top = `${this.top * scale}px`;
    this.preview.style.width = this.preview.style.height = `${this.size * scale}px`;
    const sheet = this.viewer.elements[this.page - 1];
    if (this.preview.parentElement !== sheet) sheet.append(this.preview);
  }
}

function markName(form) {
  const field = find("#key", form);
  return (field.selectedOptions?.[0] ?? field).dataset.name ?? "";
}

/** A round seal with the name in columns from right to left: about what the server will draw. */
function drawing(name) {
  const svg = document.createElementNS(svgSpace, "svg");
  svg.setAttribute("viewBox", "0 0 100 100");
  svg.setAttribute("aria-hidden", "true");
  const ring = document.createElementNS(svgSpace, "circle");
  for (const [key, value] of Object.entries({ cx: 50, cy: 50, r: 46, fill: "none", stroke: "currentColor", "stroke-width": 4 })) {
    ring.setAttribute(key, String(value));
  }
  svg.append(ring);
  const columns = columnsOf(name);
  const rows = Math.max(...columns.map((column) => column.length), 1);
  const size = Math.min(66 / rows, 66 / columns.length, 34);
  for (const [index, column] of columns.entries()) {
    const x = 50 + ((columns.length - 1) / 2 - index) * size * 1.05;
    for (const [row, character] of [...column].entries()) {
      const glyph = document.createElementNS(svgSpace, "text");
      glyph.setAttribute("x", String(x));
      glyph.setAttribute("y", String(50 + (row - (column.length - 1) / 2) * size * 1.05 + size * 0.36));
      glyph.setAttribute("font-size", String(size));
      glyph.setAttribute("text-anchor", "middle");
      glyph.setAttribute("fill", "currentColor");
      glyph.textContent = character;
      svg.append(glyph);
    }
  }
  return svg;
}

function columnsOf(name) {
  const words = name.split(/[\s\u3000]+/).filter(Boolean);
  if (words.length === 0) return ["印"];
  const wide = /[\u3040-\u30ff\u3400-\u9fff]/.test(name);
  return wide ? words.slice(0, 2).map((word) => [...word].slice(0, 5).join("")) : [words.map((word) => word[0]).join("").slice(0, 3)];
}
