import { ensurePackages } from "./debian-packages.ts";

export interface ChromiumLaunch {
  readonly executablePath: string;
  readonly args: string[];
}

/**
 * Gives the path of the machine's Chromium, installed from Debian when it is missing, with the flags to launch it:
 * headless, usable as root, and silent towards the network but for the page under test.
 * The shape is that of Playwright's `chromium.launch` options.
 */
export async function ensureChromium(): Promise<ChromiumLaunch> {
  const { chromium } = await ensurePackages("chromium");
  return {
    executablePath: chromium,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  };
}
