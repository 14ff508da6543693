import { readConfig } from '../../platform/config.ts';
import { runCommand } from '../command-line.ts';
import { rotateEncryptionKey } from '../key-rotation.ts';
import { ProvisioningError } from '../provisioning.ts';
import { withJobsDatabase } from './connect.ts';

await runCommand({
  name: 'customer-configs-rotate-keys',
  summary:
    'Encrypts the credentials of every shop with CONFIG_ENCRYPTION_KEY; those that it does not open are opened with\n' +
    'CONFIG_ENCRYPTION_KEY_PREVIOUS. Repeatable: run it again when it was cut short. The whole procedure is in docs/operations.md.',
  flags: {},
  run: async () => {
    const { CONFIG_ENCRYPTION_KEY: current, CONFIG_ENCRYPTION_KEY_PREVIOUS: previous } = readConfig('keyRotation');
    if (previous === current) {
      throw new ProvisioningError(
        'CONFIG_ENCRYPTION_KEY_PREVIOUS is CONFIG_ENCRYPTION_KEY as well: set it to the key before, or leave it out',
      );
    }
    const { rotated, unchanged, unreadable } = await withJobsDatabase((pool) =>
      rotateEncryptionKey(pool, {
        current: Buffer.from(current, 'base64'),
        previous: previous === undefined ? undefined : Buffer.from(previous, 'base64'),
        onProgress: (looked) => process.stderr.write(`looked at ${looked} shops\n`),
      }),
    );
    const told = `${rotated} encrypted anew, ${unchanged} already were`;
    if (unreadable.length > 0) {
      const fix =
        previous === undefined
          ? 'set CONFIG_ENCRYPTION_KEY_PREVIOUS to the key before and run this again'
          : 'set them again with customer-configs-set';
      throw new ProvisioningError(`${told}; the credentials of ${unreadable.join(', ')} cannot be opened: ${fix}`);
    }
    return [told];
  },
});
