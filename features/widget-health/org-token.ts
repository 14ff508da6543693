import { createHmac } from 'node:crypto';

const lifetimeSeconds = 300;
const header = base64url({ alg: 'HS256', typ: 'OrgToken' });

/**
 * The short-lived token that the widget hands to the chat backend: a compact JWS, HS256. No endpoint here consumes it.
 * Source: contracts/widget-health.md, GET /api/bootloader.
 */
export function signOrgToken(organization: { id: number; key: string }, secret: string, now: Date): string {
  const iat = Math.floor(now.getTime() / 1000);
  const payload = base64url({ orgId: organization.id, orgKey: organization.key, iat, exp: iat + lifetimeSeconds });
  const signature = createHmac('sha256', secret).update(`${header}.${payload}`).digest('base64url');
  return `${header}.${payload}.${signature}`;
}

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value), 'utf8').toString('base64url');
}
