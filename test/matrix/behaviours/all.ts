import type { Behaviour } from './behaviour.ts';
import { cancel } from './cancel.ts';
import { crash } from './crash.ts';
import { deny } from './deny.ts';
import { elicit } from './elicit.ts';
import { largeResult } from './large-result.ts';
import { listChanged } from './list-changed.ts';
import { listFilter } from './list-filter.ts';
import { progress } from './progress.ts';

/** In this order over the same connections: what goes wrong in one must not show in the next. */
export const BEHAVIOURS: readonly Behaviour[] = [
  deny,
  listFilter,
  progress,
  cancel,
  elicit,
  listChanged,
  largeResult,
  crash,
];
