import { LRUCache } from 'lru-cache';
import { UAParser } from 'ua-parser-js';
import { isBot } from '../../platform/bots.ts';

export const deviceTypes = ['desktop', 'mobile', 'tablet'] as const;
export type DeviceType = (typeof deviceTypes)[number];

/** What a User-Agent header says of its sender. All names are null when there is no header. */
export interface Agent {
  isBot: boolean;
  /** As it is stored. */
  userAgent: string | null;
  browserName: string | null;
  browserVersion: string | null;
  osName: string | null;
  osVersion: string | null;
  deviceType: DeviceType;
}

const longestStored = 512;
/** A parse takes some 50 microseconds, and visitors share few user agents. About 2 MB when full. */
const rememberedAgents = 2000;

/** Describes user agents, remembering the ones used last. A missing User-Agent is not a bot here: beacons of privacy tools send none. */
export function createAgentReader(): (header: string | undefined) => Agent {
  const remembered = new LRUCache<string, Agent>({ max: rememberedAgents });
  return (header = '') => {
    const known = remembered.get(header);
    if (known !== undefined) return known;
    const agent = describeAgent(header);
    // What is longer than any real browser's is not kept: memory must not depend on the size of headers.
    if (header.length <= longestStored) remembered.set(header, agent);
    return agent;
  };
}

export function describeAgent(header: string): Agent {
  const userAgent = header.slice(0, longestStored);
  const { browser, os, device } = new UAParser(userAgent).getResult();
  return {
    isBot: header !== '' && isBot(header),
    userAgent: textOrNull(userAgent),
    browserName: textOrNull(browser.name),
    browserVersion: textOrNull(browser.version),
    osName: textOrNull(os.name),
    osVersion: textOrNull(os.version),
    deviceType: device.type === 'mobile' || device.type === 'tablet' ? device.type : 'desktop',
  };
}

function textOrNull(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : text;
}
