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
