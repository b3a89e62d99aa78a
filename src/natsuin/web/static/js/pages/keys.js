/** My keys: everything is on the page; only certificate requests are saved from here. */

import { bindRequests } from "../certificate_requests.js";

bindRequests();
