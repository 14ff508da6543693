import { stat } from 'node:fs/promises';
import type { Server } from 'node:https';
import type { Logger } from '../log.ts';
import { isClientAllowed } from './client-certificate.ts';
import type { TlsListenOptions } from './server.ts';
import type { TlsSettings } from './tls-settings.ts';
import { readWebConfig, WebConfigError, type WebConfig, type WebConfigContext } from './web-config.ts';

export interface WebConfigFile {
  /** What is in force. */
  current: () => WebConfig;
  /** For listen(). Undefined: plain HTTP. */
  tls: TlsListenOptions | undefined;
  stop: () => void;
}

const lookEveryMs = 1000;

/**
 * Reads the file, and again within a second of a change of it or of a file it names: certificates and users rotate without a restart. One
 * that cannot be used changes nothing but the log; the one before stays in force. It looks by stat, a few calls a second: watchers miss
 * changes on network file systems and behind the symbolic links of Kubernetes.
 * @throws WebConfigError when it cannot be used in the first place
 */
export async function openWebConfigFile(path: string, options: WebConfigContext & { log: Logger }): Promise<WebConfigFile> {
  const { log } = options;
  let { config, seen } = await readWithFingerprint(path, options);
  let server: Server | undefined;
  let trouble: string | undefined;
  let isLooking = false;

  async function look(): Promise<void> {
    // Of what is in force: anything else is read each time, so a file that is missing is found when it comes.
    if ((await fingerprint(config.files)) === seen) return;
    try {
      const next = await readWithFingerprint(path, options);
      refuseWhatNeedsRestart(config.tls, next.config.tls);
      if (next.config.tls !== undefined) server?.setSecureContext(next.config.tls.context);
      ({ config, seen } = next);
      trouble = undefined;
      log.info({ file: path }, 'the web configuration was read again');
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== trouble) log.error({ error, file: path }, 'the web configuration cannot be used; the one before stays in force');
      trouble = message;
    }
  }

  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    void look().finally(() => (isLooking = false));
  }, lookEveryMs).unref();

  return {
    current: () => config,
    tls: config.tls && {
      options: serverOptions(config.tls),
      attach: (listening) => {
        server = listening;
        // First: HTTP must not read from a client who may not go on.
        server.prependListener('secureConnection', (socket) => {
          if (config.tls === undefined || !isClientAllowed(socket, config.tls)) socket.destroy();
        });
      },
    },
    stop: () => clearInterval(timer),
  };
}

function serverOptions({ context, clientAuthType }: TlsSettings): TlsListenOptions['options'] {
  return {
    ...context,
    requestCert: clientAuthType !== 'NoClientCert',
    // The others are judged when the handshake is done.
    rejectUnauthorized: clientAuthType === 'RequireAndVerifyClientCert',
  };
}

/** A listener is made for these once and for all. */
function refuseWhatNeedsRestart(now: TlsSettings | undefined, next: TlsSettings | undefined): void {
  if ((now === undefined) !== (next === undefined)) {
    throw new WebConfigError(['tls_server_config: to switch TLS on or off, restart the process']);
  }
  if (now?.clientAuthType !== next?.clientAuthType) {
    throw new WebConfigError(['tls_server_config.client_auth_type: to change it, restart the process']);
  }
}

/** The state of the files is taken before they are read: what changes in between is seen as a change. */
async function readWithFingerprint(path: string, context: WebConfigContext): Promise<{ config: WebConfig; seen: string }> {
  const seen = await fingerprint(readWebConfig(path, context).files);
  return { config: readWebConfig(path, context), seen };
}

async function fingerprint(files: readonly string[]): Promise<string> {
  const states = await Promise.all(
    files.map((file) =>
      stat(file, { bigint: true }).then(
        ({ ino, size, mtimeNs, ctimeNs }) => [ino, size, mtimeNs, ctimeNs].join(':'),
        () => 'missing',
      ),
    ),
  );
  return states.join(' ');
}
