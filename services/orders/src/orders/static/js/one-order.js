// The page after an order went through.

import { forgetDrafts } from "./draft.js";

if (document.querySelector("[data-done]")) forgetDrafts();
