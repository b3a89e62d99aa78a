/** What stands on the pages already: shown while a place is chosen, and kept free where a new mark is put by itself. */

import { make } from "./dom.js";
import { say } from "./words.js";

const gap = 4;

/** @typedef {{page: number, x: number, y: number, width: number, height: number}} Mark points from the lower left, page from 0 */

/** True where a square with its upper left corner there would touch one of the marks. All in points. */
function touches(marks, sheet, { left, top, size }) {
  return marks.some(({ x, y, width, height }) => {
    const above = sheet.height - y - height;
    return left < x + width + gap && left + size > x - gap && top < above + height + gap && top + size > above - gap;
  });
}

/**
 * The free place that is nearest to the one wished: first to its left, then a row higher, and so on.
 * @param {Mark[]} marks those of this page
 * @param {{width: number, height: number}} sheet @param {{left: number, top: number, size: number}} wished
 * @returns {{left: number, top: number}} the place wished itself where the page has no free one
 */
export function freePlace(marks, sheet, { left, top, size }) {
  const step = size / 4;
  for (let higher = top; higher >= 0; higher -= step) {
    for (let further = left; further >= 0; further -= step) {
      if (!touches(marks, sheet, { left: further, top: higher, size })) return { left: further, top: higher };
    }
  }
  return { left, top };
}

/** Show or hide the marks. @param {import("./viewer.js").Viewer} viewer @param {Mark[]} marks */
export function showMarks(viewer, marks, shown) {
  for (const old of viewer.scroller.querySelectorAll(".mark-there")) old.remove();
  if (!shown) return;
  for (const { page, x, y, width, height } of marks) {
    const sheet = viewer.sheets[page];
    if (!sheet) continue;
    const box = make("div", { class: "mark-there" }, make("span", {}, say("markThere")));
    const pixels = (points) => `${points * viewer.scale}px`;
    Object.assign(box.style, { left: pixels(x), top: pixels(sheet.height - y - height), width: pixels(width), height: pixels(height) });
    viewer.elements[page].append(box);
  }
}
