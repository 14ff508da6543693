import { readConfig } from '../../platform/config.ts';
import { runCommand } from '../command-line.ts';
import { ProvisioningError, setCustomerConfig } from '../provisioning.ts';
import { withJobsDatabase } from './connect.ts';

const domain = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/;

function isWebUrl(value: string): boolean {
  return URL.canParse(value) && ['http:', 'https:'].includes(new URL(value).protocol) && new URL(value).username === '';
}

await runCommand({
  name: 'customer-configs-set',
  summary:
    'Creates or changes the shop of a domain. Credentials come from WOO_CONSUMER_KEY and WOO_CONSUMER_SECRET, and are stored encrypted.',
  flags: {
    org: { required: true, summary: 'key of the organization' },
    domain: {
      required: true,
      summary: 'domain of the shop, in lower case',
      check: (value) => (domain.test(value) ? undefined : 'must be a domain such as shop.example.com'),
    },
    'woocommerce-url': {
      required: true,
      summary: 'base URL of the shop',
      check: (value) => (isWebUrl(value) ? undefined : 'must be an http or https URL without credentials'),
    },
  },
  run: async (flags) => {
    const config = readConfig('customerConfig');
    const { WOO_CONSUMER_KEY: consumerKey, WOO_CONSUMER_SECRET: consumerSecret } = config;
    if ((consumerKey === undefined) !== (consumerSecret === undefined)) {
      throw new ProvisioningError('set both WOO_CONSUMER_KEY and WOO_CONSUMER_SECRET, or neither to keep the stored ones');
    }
    const { id } = await withJobsDatabase((db) =>
      setCustomerConfig(db, {
        orgKey: flags.org,
        domain: flags.domain,
        woocommerceUrl: flags['woocommerce-url'],
        encryptionKey: Buffer.from(config.CONFIG_ENCRYPTION_KEY, 'base64'),
        ...(consumerKey === undefined || consumerSecret === undefined ? {} : { credentials: { consumerKey, consumerSecret } }),
      }),
    );
    return [`id  ${id}`];
  },
});
