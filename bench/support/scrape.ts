import { Agent, get } from 'node:http';

const agent = new Agent({ keepAlive: true });

/** One scrape over a kept connection, thrown away as it comes: ms until the last byte, and how many bytes. */
export function timeScrape(url: string): Promise<{ elapsedMs: number; bytes: number }> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    get(url, { agent }, (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => (bytes += chunk.length));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve({ elapsedMs: performance.now() - startedAt, bytes });
        else reject(new Error(`${url} answered ${response.statusCode}`));
      });
    }).on('error', reject);
  });
}

export async function fetchText(url: string): Promise<string> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.text();
}
