import { integrityOf, pinnedName } from '../platform/browser-script.ts';

/** What a customer puts into their pages: the script with its integrity, and a queue for what happens before it has come. */
export function widgetSnippet(options: { script: Buffer; exporterUrl: string; siteId: string; chatbotId: string }): string {
  const { script, exporterUrl, siteId, chatbotId } = options;
  return `<script>window.wobs = window.wobs || [];</script>
<script async crossorigin="anonymous"
  src="${exporterUrl}/sdk/v1/${pinnedName('widget.js', script)}"
  integrity="${integrityOf(script)}"
  data-site-id="${siteId}"
  data-chatbot-id="${chatbotId}"></script>`;
}

/** What goes beside it into pages that measure the widget as well. */
export function performanceSnippet({ script, exporterUrl }: { script: Buffer; exporterUrl: string }): string {
  return `<script async crossorigin="anonymous"
  src="${exporterUrl}/sdk/v1/${pinnedName('performance.js', script)}"
  integrity="${integrityOf(script)}"></script>`;
}
