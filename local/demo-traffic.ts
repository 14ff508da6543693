import { setTimeout as delay } from 'node:timers/promises';
import type { DemoOrganization } from './demo-data.ts';
import type { Stack } from './stack.ts';

