import type { Audit } from '../audit.ts';
import type { ApiConfig } from '../config.ts';
import type { Admin, Authenticator, OrgUser, OrgUserOrAdmin } from '../auth/identities.ts';
import type { Directory } from '../directory/directory.ts';
import type { Logger } from '../log.ts';
import type { MetricsRegistry } from '../metrics/registry.ts';
import type { Pool } from '../postgres/pool.ts';
import type { Clock } from '../time/utc-day.ts';

/** What the API gives each slice. */
export interface ApiDeps {
  config: ApiConfig;
  /** Connected as observability_api: shows no row outside of withOrg. */
  orgPool: Pool;
  /** The same role, for the steps of exports, which take no connection away from pages. */
  exportPool: Pool;
  /** The same role, for removing a person's data: it waits for no export. */
  removalPool: Pool;
  /** Connected as observability_admin: all organizations. For administrators only. */
  adminPool: Pool;
  directory: Directory;
  auth: {
    orgUser: Authenticator<OrgUser>;
    orgUserOrNobody: Authenticator<OrgUser | undefined>;
    orgUserOrAdmin: Authenticator<OrgUserOrAdmin>;
    ownerOrAdmin: Authenticator<OrgUserOrAdmin>;
    admin: Authenticator<Admin>;
    adminKey: Authenticator<undefined>;
  };
  audit: Audit;
  metrics: MetricsRegistry;
  log: Logger;
  now: Clock;
}
