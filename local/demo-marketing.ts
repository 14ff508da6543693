import { between, happens, oneOf, scattered } from './chance.ts';
import { anyUserAgent, crawler } from './demo-visits.ts';

/** The marketing sites of the demo: properties with rollups of their own, and what people do there. */
export const demoProperties = ['www', 'blog', 'docs'] as const;

/** A request of a visit to the exporter, some time after the one before. */
export interface MarketingStep {
  afterSeconds: number;
  path: '/v1/events' | '/v1/leads/capture' | '/v1/leads/unsubscribe';
  body: Record<string, unknown>;
}

export interface MarketingVisit {
  userAgent: string;
  steps: MarketingStep[];
}

/** Listed as often as they are met. */
const sources: readonly { referrer?: string; utm?: Record<string, string> }[] = [
  { referrer: 'https://www.google.com/' },
  { referrer: 'https://www.google.com/' },
  { referrer: 'https://duckduckgo.com/' },
  {},
  {},
  { referrer: 'https://www.google.com/', utm: { source: 'google', medium: 'cpc', campaign: 'autumn' } },
  { utm: { source: 'newsletter', medium: 'email', campaign: 'november' } },
  { referrer: 'https://www.linkedin.com/' },
  { referrer: 'https://partner.example/integrations' },
  { utm: { source: 'conference', campaign: 'booth' } },
];
const pages = {
  www: ['/', '/pricing', '/features', '/customers'],
  blog: ['/', '/faster-widgets', '/why-we-measure'],
  docs: ['/', '/install', '/api'],
} as const;
const forms = { www: 'demo', blog: 'newsletter', docs: 'newsletter' } as const;
const consents = ['pending', 'implied', 'express', 'express'];
const crawlerShare = 0.03;
/** Of the requests, how many come from a page that measures wrongly, and how many from a program that fills every field. */
const invalidShare = 0.02;
const honeypotShare = 0.02;

/** Most people read a page or two, some start the form, about half of those send it, and a few take their consent back. */
export function planMarketingVisit(anonId: string): MarketingVisit {
  const property = oneOf(demoProperties);
  const host = `${property}.operator.example`;
  const { referrer, utm } = oneOf(sources);
  const form = forms[property];
  const steps: MarketingStep[] = [];
  const step = (path: MarketingStep['path'], body: Record<string, unknown>): void => {
    steps.push({ afterSeconds: steps.length === 0 ? 0 : between(5, 45), path, body });
  };
  const event = (eventType: string, path: string, more: Record<string, unknown> = {}): void => {
    const isFirst = steps.length === 0;
    step('/v1/events', {
      anonId,
      eventType,
      path,
      eventId: crypto.randomUUID(),
      ...(isFirst ? { referrer, utm } : { referrer: `https://${host}/` }),
      ...(happens(honeypotShare) ? { honeypot: 'filled' } : {}),
      traffic: { propertyId: property, host, language: oneOf(['en', 'en', 'de']), ...more },
    });
  };
  const view = (path: string): void =>
    event('page_view', path, {
      pageTitle: path === '/' ? 'Welcome' : path.slice(1),
      webVitals: happens(invalidShare) ? { lcpMs: -1 } : vitals(),
    });

  for (let left = between(1, 4); left > 0; left -= 1) view(oneOf(pages[property]));
  if (happens(0.4)) {
    event('form_start', `/${form}`, { engagedTimeMs: between(5000, 60_000) });
    const email = `lead-${anonId.slice(0, 8)}@visitor.example`;
    if (happens(0.55)) {
      step('/v1/leads/capture', {
        anonId,
        // Somebody mistypes the address now and then.
        email: happens(0.05) ? 'visitor.example' : email,
        propertyId: property,
        formName: form,
        path: `/${form}`,
        sourceChannel: form,
        ...(happens(0.2) ? {} : { consentStatus: oneOf(consents) }),
        payload: { company: oneOf(['Oak Tables', 'Chairs & Co', 'Lamps']) },
      });
      if (happens(0.1)) step('/v1/leads/unsubscribe', { email, reason: 'too many letters' });
    }
  }
  return { userAgent: happens(crawlerShare) ? crawler : anyUserAgent(), steps };
}

function vitals(): Record<string, number> {
  return {
    ttfbMs: Math.round(scattered(180, 0.5)),
    fcpMs: Math.round(scattered(900, 0.4)),
    lcpMs: Math.round(scattered(1700, 0.4)),
    inpMs: Math.round(scattered(120, 0.5)),
    clsScore: Math.min(1, scattered(0.04, 0.8)),
  };
}
