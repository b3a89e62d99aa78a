/** The signed document, with the fingerprint of the very bytes shown. */

import { find } from "../dom.js";
import { showDocument } from "../shown.js";

await showDocument(find(".workspace"));
