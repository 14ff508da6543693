import { chromium, type Browser } from 'playwright-core';
import { requireTool } from './tools.ts';

/** The exporter takes headless browsers for bots. */
export const desktopUserAgent =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36';

/** A headless browser with a profile of its own, that talks to nobody but the pages it is sent to. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: requireTool('chromium'),
    args: [
      '--headless',
      // Not as an option of a context: what a page sends while it is left goes without that.
      `--user-agent=${desktopUserAgent}`,
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
