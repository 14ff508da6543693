import { guarded } from './guard.ts';
import type { Given, MetricType } from './metrics.ts';

type Report = (type: MetricType, metric: Given) => void;
type Stop = () => void;

const memoryEveryMs = 30_000;

/** In the browsers that tell: those made of Chromium. */
export function observeMemory(report: Report): Stop {
  const timer = setInterval(
    guarded(() => {
      const { memory } = performance as Performance & { memory?: { usedJSHeapSize: number } };
      if (memory && !document.hidden) report('memory', { heapUsed: memory.usedJSHeapSize });
    }),
    memoryEveryMs,
  );
  return () => clearInterval(timer);
}

export interface Watched {
  /** What the addresses of the widget's scripts contain. */
  bundles: string;
  /** What those of its API contain; none if left out. */
  api: string | undefined;
  /** By the clock of the page: what began earlier was reported. */
  from: number;
}

/** Scripts and API calls of the widget, from before this script had come as well. */
export function observeResources({ bundles, api, from }: Watched, report: Report): Stop {
  const tell = guarded((entry: PerformanceResourceTiming) => {
    const { name, initiatorType, duration, transferSize, encodedBodySize, responseStatus } = entry;
    if (entry.startTime < from) return;
    const cached = !transferSize && encodedBodySize > 0;
    if (/^(script|link)$/.test(initiatorType)) {
      if (name.includes(bundles)) report('bundle', { loadTime: duration, size: encodedBodySize, cached });
      // Without a status it failed, or the browser keeps it to itself: nobody can tell.
    } else if (api && name.includes(api) && responseStatus) report('api', { statusCode: responseStatus, duration, cached });
  });
  const observer = new PerformanceObserver((list) => list.getEntries().forEach((entry) => tell(entry as PerformanceResourceTiming)));
  observer.observe({ type: 'resource', buffered: true });
  return () => observer.disconnect();
}

/** A screen of 60 Hz has missed a frame. A frame of it takes 16.7 ms, so a limit of 16 ms would call every one of them late. */
const lateFrameMs = 25;
/** After the last scroll event. */
const scrollEndsMs = 200;
const longestSampleMs = 2000;
/** Fewer say nothing. */
const fewestFrames = 5;

/** Counts frames while something within the target is scrolled: one sample when it rests, or every two seconds. */
export function observeScroll(target: EventTarget, report: Report): Stop {
  /** Undefined while nothing is scrolled. */
  let sample: { from: number; last: number; frames: number; late: number } | undefined;
  let scrolledAt = 0;

  const frame = guarded((now: number) => {
    if (!sample) return;
    sample.frames += 1;
    sample.late += Number(now - sample.last > lateFrameMs);
    sample.last = now;
    const isOver = now - scrolledAt > scrollEndsMs;
    if (!isOver && now - sample.from < longestSampleMs) {
      requestAnimationFrame(frame);
      return;
    }
    const { from, frames, late } = sample;
    sample = undefined;
    if (frames < fewestFrames || document.hidden) return;
    report('scroll', { fps: (frames * 1000) / (now - from), jankFrames: late, totalFrames: frames });
  });
  const scrolled = (): void => {
    scrolledAt = performance.now();
    if (sample) return;
    // From the first frame on: what is between it and the event is no frame.
    requestAnimationFrame((now) => {
      if (sample) return;
      sample = { from: now, last: now, frames: 0, late: 0 };
      requestAnimationFrame(frame);
    });
  };
  // Scroll events do not bubble.
  const options = { capture: true, passive: true };
  target.addEventListener('scroll', scrolled, options);
  return () => target.removeEventListener('scroll', scrolled, options);
}
