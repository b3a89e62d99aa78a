/**
 * The document as pictures with real text over them. pdf.js runs in a worker under trusted types; it runs no script of
 * the document, shows no form and fetches nothing but its own fonts and character maps.
 */

import * as pdfjs from "../vendor/pdfjs/build/pdf.min.mjs";
import { make, onPress } from "./dom.js";
import { say } from "./words.js";

const vendor = new URL("../vendor/pdfjs/", import.meta.url);
const workerAddress = new URL("build/pdf.worker.min.mjs", vendor).href;
const policy = globalThis.trustedTypes?.createPolicy("natsuin", {
  createScriptURL(address) {
    if (address !== workerAddress) throw new TypeError("Only the viewer's own worker may be started");
    return address;
  },
});

const cssUnits = 96 / 72;
const sharpestArea = 16_000_000;

/** Shows a document in `[data-viewer]`. Tells `onPage(number)` and `onSeen(set of page numbers)` as the reader goes on. */
export class Viewer {
  /**
   * @param {HTMLElement} frame the element `[data-viewer]`
   * @param {{width: number, height: number}[]} sheets size of each page in points, as displayed
   */
  constructor(frame, sheets, { onPage = () => {}, onSeen = () => {} } = {}) {
    this.frame = frame;
    this.scroller = frame.querySelector("[data-pages]");
    this.sheets = sheets;
    this.onPage = onPage;
    this.onSeen = onSeen;
    this.page = 1;
    this.seen = new Set();
    this.zoom = 1;
    this.elements = sheets.map((_, index) => this.#makeSheet(index + 1));
    this.scroller.append(...this.elements);
    this.#layOut();
    this.#bindTools();
  }

  /** @param {Uint8Array} bytes handed over to the worker: the caller's array is empty afterwards */
  async open(bytes) {
    pdfjs.GlobalWorkerOptions.workerPort ??= new Worker(policy ? policy.createScriptURL(workerAddress) : workerAddress, {
      type: "module",
    });
    this.document = await pdfjs.getDocument({
      data: bytes,
      enableXfa: false,
      disableWorkerRendering: true,
      cMapUrl: new URL("cmaps/", vendor).href,
      cMapPacked: true,
      standardFontDataUrl: new URL("standard_fonts/", vendor).href,
      // The content policy forbids WebAssembly in the worker; these are its equivalents in JavaScript.
      useWasm: false,
      wasmUrl: new URL("wasm/", vendor).href,
    }).promise;
    if (this.document.numPages !== this.sheets.length) throw new Error("The server counted other pages than the viewer");
    this.#watch();
  }

  /** Bring a page to the top. */
  goTo(number) {
    const page = Math.min(Math.max(Math.round(number) || 1, 1), this.sheets.length);
    const sheet = this.elements[page - 1];
    this.scroller.scrollTop = sheet.offsetTop - this.scroller.offsetTop - 8;
    this.#setPage(page);
  }

  /** CSS pixels per point on the screen at present. */
  get scale() {
    return this.fitScale * this.zoom;
  }

  #makeSheet(number) {
    const label = say("pageLabel", { page: number, pages: this.sheets.length });
    return make(
      "div",
      { class: "sheet", role: "group", "aria-label": label, "data-page": number },
      make("span", { class: "sheet-number", "aria-hidden": "true" }, `${number} / ${this.sheets.length}`),
    );
  }

  #layOut() {
    const style = getComputedStyle(this.scroller);
    const room = this.scroller.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const widest = Math.max(...this.sheets.map((sheet) => sheet.width));
    this.fitScale = Math.min(Math.max(room, 120) / widest, 1.6 * cssUnits);
    for (const [index, element] of this.elements.entries()) {
      const sheet = this.sheets[index];
      element.style.width = `${sheet.width * this.scale}px`;
      element.style.height = `${sheet.height * this.scale}px`;
      element.style.setProperty("--total-scale-factor", String(this.scale));
    }
  }

  #bindTools() {
    const field = this.frame.querySelector("#page-number");
    field.addEventListener("change", () => this.goTo(Number(field.value)));
    field.disabled = false;
    const acts = {
      previous: () => this.goTo(this.page - 1),
      next: () => this.goTo(this.page + 1),
      smaller: () => this.#setZoom(this.zoom / 1.25),
      larger: () => this.#setZoom(this.zoom * 1.25),
      fit: () => this.#setZoom(1),
    };
    for (const button of this.frame.querySelectorAll("[data-viewer-act]")) {
      onPress(button, acts[button.dataset.viewerAct]);
    }
    this.scroller.addEventListener("keydown", (event) => {
      if (event.target !== this.scroller || event.ctrlKey || event.metaKey || event.altKey) return;
      const act = { n: acts.next, j: acts.next, p: acts.previous, k: acts.previous, "+": acts.larger, "-": acts.smaller }[event.key];
      if (act) act();
    });
    let waiting;
    new ResizeObserver(() => {
      clearTimeout(waiting);
      waiting = setTimeout(() => this.#redraw(), 120);
    }).observe(this.scroller);
  }

  #setZoom(zoom) {
    this.zoom = Math.min(Math.max(zoom, 0.4), 5);
    this.#redraw();
  }

  #redraw() {
    const before = this.scale;
    this.#layOut();
    if (before === this.scale) return;
    this.goTo(this.page);
    for (const element of this.elements) {
      if (element.dataset.drawn) this.#draw(element);
    }
    this.scroller.dispatchEvent(new CustomEvent("rescaled"));
  }

  #watch() {
    const near = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          if (isIntersecting && !target.dataset.drawn) this.#draw(target);
        }
      },
      { root: this.scroller, rootMargin: "100% 0px" },
    );
    for (const element of this.elements) near.observe(element);
    this.scroller.addEventListener("scroll", () => this.#look(), { passive: true });
    this.#look();
  }

  /** Which page the reader is at, and which lower edges have come into view: a page is seen when its end was. */
  #look() {
    const view = this.scroller.getBoundingClientRect();
    const middle = view.top + view.height / 2;
    let seenMore = false;
    for (const [index, element] of this.elements.entries()) {
      const box = element.getBoundingClientRect();
      if (box.top <= middle && box.bottom > middle) this.#setPage(index + 1);
      const endShown = box.bottom <= view.bottom + 24 && box.bottom > view.top;
      if (endShown && element.dataset.drawn === "done" && !this.seen.has(index + 1)) {
        this.seen.add(index + 1);
        seenMore = true;
      }
    }
    if (seenMore) this.onSeen(this.seen);
  }

  #setPage(number) {
    if (number === this.page) return;
    this.page = number;
    this.frame.querySelector("#page-number").value = String(number);
    this.onPage(number);
  }

  async #draw(element) {
    const number = Number(element.dataset.page);
    const drawing = (element.drawing = Symbol("drawing"));
    element.dataset.drawn ||= "begun";
    const page = await this.document.getPage(number);
    const natural = page.getViewport({ scale: 1 });
    const viewport = page.getViewport({ scale: (this.sheets[number - 1].width * this.scale) / natural.width });
    const wished = globalThis.devicePixelRatio || 1;
    const density = Math.min(wished, Math.sqrt(sharpestArea / (viewport.width * viewport.height)));
    const canvas = make("canvas", { role: "presentation" });
    canvas.width = Math.floor(viewport.width * density);
    canvas.height = Math.floor(viewport.height * density);
    await page.render({ canvas, viewport, transform: [density, 0, 0, density, 0, 0] }).promise;
    const layer = make("div", { class: "textLayer" });
    await new pdfjs.TextLayer({ textContentSource: page.streamTextContent(), container: layer, viewport }).render();
    if (element.drawing !== drawing) return;
    for (const old of element.querySelectorAll(":scope > canvas, :scope > .textLayer")) old.remove();
    element.prepend(canvas, layer);
    element.dataset.drawn = "done";
    this.#look();
  }
}
