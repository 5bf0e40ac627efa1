// Opens pages of the report in Chromium, network blocked, and uses them as a reader would. Prints one JSON document.
// node browser.js CHROMIUM AXE PAGE LARGE_PAGE DIRECTORY
"use strict";
const fs = require("fs");
const { chromium } = require("playwright-core");
const [program, axePath, pagePath, largePath, directory] = process.argv.slice(2);
const axe = fs.readFileSync(axePath, "utf8");
const found = { console: [], requests: [], axe: {}, overflow: {}, checks: {} };

async function opened(browser, path, options) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce", ...options });
  await context.setOffline(true);
  const page = await context.newPage();
  page.setDefaultTimeout(15000);
  page.on("console", (message) => found.console.push(message.type() + ": " + message.text()));
  page.on("pageerror", (error) => found.console.push("error: " + error.message));
  page.on("dialog", (dialog) => { found.console.push("dialog: " + dialog.message()); dialog.dismiss(); });
  page.on("request", (request) => { if (!/^(file|data|blob):/.test(request.url())) found.requests.push(request.url()); });
  await page.goto("file://" + path);
  return page;
}

async function everything(page) {
  await page.evaluate(async () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
    for (let y = 0; y < document.body.scrollHeight; y += 600) { scrollTo(0, y); await new Promise((done) => setTimeout(done, 20)); }
    scrollTo(0, 0);
  });
}

async function violations(page) {
  await page.evaluate(axe);
  const result = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  return result.violations.map((each) => each.id + ": " + each.help + " | " + each.nodes.slice(0, 3).map((node) => node.html.slice(0, 160) + " " + (node.any[0] ? node.any[0].message : "")).join(" || "));
}

async function tables(page) {
  const checks = found.checks;
  const times = () => page.$$eval("#functions tbody tr", (rows) => rows.map((row) => +row.cells[3].dataset.v));
  const time = page.locator("#functions thead th", { hasText: /^Time$/ });
  await time.locator("button").click();
  const down = await times();
  checks.sortedDown = down.length > 1 && down.every((value, index) => !index || down[index - 1] >= value);
  checks.sortSaid = (await time.getAttribute("aria-sort")) === "descending";
  await time.locator("button").click();
  const up = await times();
  checks.sortedUp = up.every((value, index) => !index || up[index - 1] <= value);
  const shown = () => page.$$eval("#time-lines tbody tr", (rows) => rows.filter((row) => !row.hidden).length);
  checks.rowsBefore = await shown();
  await page.locator("#trends .tools input").fill("test_3[");
  checks.rowsFiltered = await shown();
  await page.locator("#trends .tools input").fill("");
  await page.locator("#time-lines .pick").last().click();
  await page.locator("#trends figure.chart canvas").first().waitFor();
  checks.chartOnDemand = await page.locator("#trends figure.chart canvas").count() > 0;
}

async function theme(page) {
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const before = await background();
  await page.locator("#theme").click();
  found.checks.themeSwitched = before !== (await background());
  await page.locator("#theme").click();
  found.checks.themeSwitchedBack = before === (await background());
}

async function flame(page) {
  const checks = found.checks;
  const frames = page.locator("#flame-wall .f");
  const visible = () => page.$$eval("#flame-wall .f", (all) => all.filter((frame) => frame.style.display !== "none").length);
  checks.frames = await visible();
  // The element itself: zooming writes names into frames, and the search for one would then find another.
  const last = await frames.filter({ hasText: "busy (run.py)" }).first().elementHandle();
  await last.click();
  checks.framesZoomed = await visible();
  checks.zoomedIsWide = parseFloat(await last.getAttribute("width")) > 99;
  checks.zoomSaid = /^Zoomed to /.test(await page.locator("#said").textContent());
  await page.keyboard.press("Escape");
  checks.framesReset = await visible();
  checks.focusIsRoot = await page.evaluate(() => document.activeElement === document.querySelector("#flame-wall .f"));
  await page.keyboard.press("ArrowDown");
  checks.focusMoved = await page.evaluate(() => document.activeElement.getAttribute("y") === "20");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await page.locator("#flame-wall > .tools input").fill("bus[y]");
  checks.searchHits = await page.locator("#flame-wall .f.hit").count();
  checks.searchShare = await page.locator("#flame-wall > .tools .count").textContent();
  await page.locator("#flame-wall > .tools input").fill("(");
  checks.searchWrong = await page.locator("#flame-wall > .tools .count").textContent();
  await page.locator("#flame-wall > .tools input").fill("");
  await page.locator(".tabs button", { hasText: "CPU time" }).click();
  checks.tabSwitched = await page.locator("#flame-cpu").isVisible() && !(await page.locator("#flame-wall").isVisible());
}

async function heatmap(page) {
  const cell = page.locator("#heat a.cell").first();
  const target = (await cell.getAttribute("href")).slice(1);
  await cell.click();
  await page.waitForTimeout(100);
  found.checks.cellOpensLines = await page.locator("#" + target).isVisible();
}

(async () => {
  const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });
  try {
    for (const scheme of ["light", "dark"]) {
      for (const width of [1440, 390]) {
        const page = await opened(browser, pagePath, { colorScheme: scheme, viewport: { width, height: 900 } });
        await page.screenshot({ path: directory + "/" + scheme + "-" + width + ".png", fullPage: true });
        await everything(page);
        found.axe[scheme + " " + width] = await violations(page);
        await page.context().close();
      }
    }
    for (const width of [360, 390, 768, 1440, 2560]) {
      const page = await opened(browser, pagePath, { viewport: { width, height: 900 } });
      await everything(page);
      found.overflow[width] = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      await page.context().close();
    }
    const page = await opened(browser, pagePath, {});
    await theme(page);
    await tables(page);
    await heatmap(page);
    await flame(page);
    found.checks.charts = await page.locator("figure.chart .plot").count();
    const pdf = await page.pdf({ path: directory + "/report.pdf", format: "A4" });
    found.checks.pages = (pdf.toString("latin1").match(/\/Type\s*\/Page\b/g) || []).length;
    const bare = await opened(browser, pagePath, { javaScriptEnabled: false });
    await bare.screenshot({ path: directory + "/no-script.png", fullPage: true });
    found.checks.bareRows = await bare.locator("#functions tbody tr:visible").count();
    found.checks.bareFigures = await bare.locator("figure.chart table tbody tr:visible").count();
    found.checks.bareGraphs = await bare.locator("figure.flame:visible").count();
    found.checks.bareButtons = await bare.locator("button:visible").count();
    found.large = [];
    for (let round = 0; round < 3; round += 1) {
      const large = await opened(browser, largePath, {});
      found.large.push(await large.evaluate(() => {
        const [navigation] = performance.getEntriesByType("navigation");
        return navigation.loadEventEnd;
      }));
      found.checks.largeRows = await large.locator("#time-lines tbody tr:visible").count();
      await large.context().close();
    }
  } finally {
    await browser.close();
  }
  process.stdout.write(JSON.stringify(found));
})().catch((error) => { console.error(error.stack); process.exit(1); });
