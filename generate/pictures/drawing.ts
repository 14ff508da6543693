import type { Panel } from '../../test/support/dashboard-files.ts';
import type { Annotation } from './annotations.ts';
import type { PanelData } from './panel-data.ts';
import type { Size } from './svg.ts';

/** A panel with everything that is known about it. */
export interface PanelToDraw {
  panel: Panel;
  data: PanelData;
  annotations: readonly Annotation[];
}

/** Draws the inside of a panel, without frame and title, from 0, 0 on. */
export type Drawing = (panel: PanelToDraw, size: Size) => string;
