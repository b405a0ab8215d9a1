// npm run vendor: copy what pages use of npm's packages to where it is served from, its licence beside it (ADR 37).

import { copyFileSync, mkdirSync } from "node:fs";

const FILES = {
  "chart.js/dist/chart.umd.min.js": "chart.umd.min.js",
  "chart.js/LICENSE.md": "chart.LICENSE.md",
};
const SERVED = "src/orders/static/vendor";

mkdirSync(SERVED, { recursive: true });
for (const [source, name] of Object.entries(FILES)) copyFileSync(`node_modules/${source}`, `${SERVED}/${name}`);
