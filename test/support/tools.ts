import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const debianBinaries = {
  promtool: ['promtool'],
  prometheus: ['prometheus'],
  amtool: ['amtool'],
  // Debian renames the daemon; the upstream archive and the container image do not.
  alertmanager: ['prometheus-alertmanager', 'alertmanager'],
  'docker-compose': ['docker-compose'],
  chromium: ['chromium', 'chromium-browser', 'google-chrome'],
} as const;

export type Tool = keyof typeof debianBinaries;

/**
 * Absolute path of a tool found on PATH.
 * @throws when it is not installed; the message ends with the fix.
 */
export function requireTool(tool: Tool): string {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const binary of debianBinaries[tool]) {
      const candidate = join(directory, binary);
      if (isExecutable(candidate)) return candidate;
    }
  }
  throw new Error(`${tool} is not on PATH. Install it: apt-get install prometheus prometheus-alertmanager docker-compose chromium`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
