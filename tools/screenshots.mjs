// Pictures of the built site, on a desk and on a telephone, in the light and in the dark; and a search.
//
//     npm install --no-save playwright-core
//     node tools/screenshots.mjs build/site build/shots [PAGE...]
//
// CHROMIUM is the browser, /usr/bin/chromium unless set. Complains of pages that are wider than the
// screen and of a search that finds nothing.

import { createServer } from "node:http";
import { mkdtemp, mkdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium } from "playwright-core";

const [site, shots, ...named] = process.argv.slice(2);
const pages = named.length
  ? named
  : ["index", "start", "reading", "colour", "speed", "from-opencv", "any-frame", "api/reading"];
const TYPES = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml" };
const SCREENS = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };

const server = createServer(async (request, response) => {
  const file = path.join(site, decodeURIComponent(new URL(request.url, "http://x").pathname));
  try {
    const body = await readFile(file);
    response.writeHead(200, { "content-type": TYPES[path.extname(file)] ?? "text/plain" });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const home = `http://127.0.0.1:${server.address().port}`;

await mkdir(shots, { recursive: true });
const browser = await chromium.launchPersistentContext(await mkdtemp(path.join(tmpdir(), "shots-")), {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
let complaints = 0;
const page = await browser.newPage();
for (const [screen, viewport] of Object.entries(SCREENS)) {
  for (const colorScheme of ["light", "dark"]) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme });
    for (const name of pages) {
      await page.goto(`${home}/${name}.html`);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      if (width > viewport.width) {
        complaints += 1;
        console.log(`${name} is ${width} wide on a ${screen} of ${viewport.width}`);
      }
      const file = `${name.replaceAll("/", "-")}-${screen}-${colorScheme}.png`;
      await page.screenshot({ path: path.join(shots, file), fullPage: true });
    }
  }
}
await page.setViewportSize(SCREENS.desktop);
for (const word of ["rotation", "demosaic", "get_frames_played_at"]) {
  await page.goto(`${home}/index.html`);
  await page.fill("input.sidebar-search", word);
  await page.press("input.sidebar-search", "Enter");
  await page.waitForFunction(() => document.querySelector(".search-summary")?.innerText);
  const found = await page.locator("#search-results ul.search > li").count();
  console.log(`search for ${word}: ${found} found`);
  complaints += found === 0;
  await page.screenshot({ path: path.join(shots, `search-${word}.png`) });
}
await browser.close();
server.close();
process.exit(complaints ? 1 : 0);
