import axe, { type AxeResults } from "axe-core";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { ensureChromium } from "../support/servers/index.ts";

export async function launchBrowser(): Promise<Browser> {
  return await chromium.launch(await ensureChromium());
}

export interface Visitor {
  readonly context: BrowserContext;
  readonly page: Page;
  /** What the page wrote as errors, breaches of the content policy included, and requests to any other origin. */
  readonly complaints: string[];
}

/** A browser of its own for one person, with everything that a clean page never does written down. */
export async function openVisitor(
  browser: Browser,
  url: string,
  options: { width?: number; dark?: boolean } = {},
): Promise<Visitor> {
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1280, height: 800 },
    colorScheme: options.dark ? "dark" : "light",
    reducedMotion: "reduce",
    locale: "en-GB",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) complaints.push(`request to ${request.url()}`);
  });
  return { context, page, complaints };
}

/** Every violation of axe's rules within the first element of `selector`, best practices included, as one line each. */
export async function accessibilityFaults(page: Page, selector = "html"): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  // The answer of axe itself, as its types describe it.
  const results = (await page.evaluate(`axe.run(document.querySelector(${JSON.stringify(selector)}))`)) as AxeResults;
  return results.violations.flatMap((violation) =>
    violation.nodes.map(
      (node) => `${violation.id} (${violation.impact}): ${node.target.join(" ")}: ${node.failureSummary}`,
    ),
  );
}
