import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { checkout } from '../../local/processes.ts';

const service = z.strictObject({
  image: z.string(),
  build: z.object({ context: z.string() }).loose().optional(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  secrets: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  tmpfs: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
  profiles: z.array(z.string()).default([]),
  networks: z.array(z.string()).default(['default']),
  depends_on: z.record(z.string(), z.strictObject({ condition: z.string() })).default({}),
  healthcheck: z
    .strictObject({
      disable: z.boolean().optional(),
      test: z.array(z.string()).optional(),
      interval: z.string().optional(),
      timeout: z.string().optional(),
      retries: z.number().optional(),
      start_period: z.string().optional(),
    })
    .optional(),
  restart: z.string().optional(),
  read_only: z.boolean().optional(),
  cap_drop: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
  user: z.string().optional(),
  init: z.boolean().optional(),
  stop_grace_period: z.string().optional(),
  mem_limit: z.string().optional(),
  shm_size: z.string().optional(),
  logging: z.looseObject({}).optional(),
});

const composeFile = z.looseObject({
  services: z.record(z.string(), service),
  networks: z.record(z.string(), z.looseObject({ internal: z.boolean().optional() })),
  volumes: z.record(z.string(), z.looseObject({})),
  secrets: z.record(z.string(), z.strictObject({ file: z.string() })),
});

export type ComposeFile = z.infer<typeof composeFile>;
export type ComposeService = z.infer<typeof service>;

/** docker-compose.yml, with `variables` and its defaults filled in. */
export async function readComposeFile(variables: Readonly<Record<string, string>> = {}): Promise<ComposeFile> {
  const text = await readFile(join(checkout, 'docker-compose.yml'), 'utf8');
  const fill = (value: unknown): unknown => {
    if (typeof value === 'string') return interpolate(value, variables);
    if (Array.isArray(value)) return value.map(fill);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, fill(item)]));
  };
  return composeFile.parse(fill(parse(text, { merge: true })));
}

/** `${NAME:-default}` takes the default for an empty value too, `${NAME-default}` for a missing one only. */
function interpolate(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\{(\w+)(:?-)([^}]*)\}/g, (_whole, name: string, operator: string, fallback: string) => {
    const value = variables[name];
    return value === undefined || (operator === ':-' && value === '') ? fallback : value;
  });
}

/** Every variable that the file may take from outside. */
export async function composeVariables(): Promise<Set<string>> {
  const text = await readFile(join(checkout, 'docker-compose.yml'), 'utf8');
  return new Set([...text.matchAll(/\$\{(\w+)/g)].map(([, name = '']) => name));
}
