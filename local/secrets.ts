import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { isErrno } from './postgres-binaries.ts';

const generators = {
  AUTH_JWT_SECRET: () => randomBytes(48).toString('base64url'),
  ADMIN_API_KEY: () => randomBytes(24).toString('base64url'),
  ALERTMANAGER_WEBHOOK_TOKEN: () => randomBytes(24).toString('base64url'),
  ORG_TOKEN_SECRET: () => randomBytes(48).toString('base64url'),
  CONFIG_ENCRYPTION_KEY: () => randomBytes(32).toString('base64'),
  IP_HASH_PEPPER: () => randomBytes(32).toString('base64url'),
  /** One for all five database roles: on this machine whoever can read one can read them all. */
  databaseRolePassword: () => randomBytes(24).toString('base64url'),
  /** Ingest keys of the demo organizations by organization key: the database only has their hashes. */
  demoIngestKeys: (): Record<string, string> => ({}),
};

export type Secrets = { -readonly [Name in keyof typeof generators]: ReturnType<(typeof generators)[Name]> };

/** Reads the secrets of this checkout's stack and generates the ones that are missing; the file is for its owner only. */
export async function keptSecrets(file: string): Promise<Secrets> {
  const kept = await readSecrets(file);
  const secrets = Object.fromEntries(
    Object.entries(generators).map(([name, generate]) => [name, kept[name as keyof Secrets] ?? generate()]),
  ) as Secrets;
  await writeSecrets(file, secrets);
  return secrets;
}

export async function writeSecrets(file: string, secrets: Secrets): Promise<void> {
  // Renamed into place: a start cut short here must not lose the secrets that the stored data was made with.
  const unfinished = `${file}.${process.pid}`;
  await writeFile(unfinished, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
  await rename(unfinished, file);
}

async function readSecrets(file: string): Promise<Partial<Secrets>> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Partial<Secrets>;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return {};
    throw new Error(`Cannot read ${file}. Restore it, or remove it to have new secrets generated.`, { cause: error });
  }
}
