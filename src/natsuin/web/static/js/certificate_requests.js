/** Certificate requests, saved as the files that authorities take. */

import { find, onPress } from "./dom.js";
import { saveText } from "./save.js";

/** Bind every button that saves the request standing in the element it names. */
export function bindRequests() {
  for (const button of document.querySelectorAll("[data-save-request]")) {
    const place = find(`#${button.dataset.saveRequest}`);
    onPress(button, () => saveText(place.textContent, "certificate-request.csr", "application/pkcs10"));
  }
}
