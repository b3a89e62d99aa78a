/** My keys: everything is on the page; certificate requests and statements are saved from here. */

import { bindRequests } from "../certificate_requests.js";
import { bindStatements } from "../statements.js";

bindRequests();
bindStatements();
