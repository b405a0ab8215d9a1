// What notify answers: /api/v1/notifications/openapi.json.

import { asker } from "./service-api.js";

export { ServiceAway, SignedOut } from "./service-api.js";

export const askMails = asker("/api/v1/notifications");
