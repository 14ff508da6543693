import { SignJWT } from 'jose';

export const issuer = 'http://localhost/widget-observability';
export const audience = 'widget-observability';

export interface TokenClaims {
  sub: string;
  role: 'member' | 'owner' | 'admin';
  /** Organization key; admins have none. */
  org?: string;
  email?: string;
}

/** A token as the portal's login would issue it; valid for a week, since the stack issues new ones at each start. */
export function signToken(secret: string, claims: TokenClaims): Promise<string> {
  const { sub, ...rest } = claims;
  return new SignJWT(rest)
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(sub)
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime('7d')
    .sign(Buffer.from(secret, 'utf8'));
}
