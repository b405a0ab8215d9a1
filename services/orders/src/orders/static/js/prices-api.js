// What the price service answers: /api/v1/prices/openapi.json.

import { asker } from "./service-api.js";

export { ServiceAway as PricesAway, SignedOut } from "./service-api.js";

export const askPrices = asker("/api/v1/prices");
