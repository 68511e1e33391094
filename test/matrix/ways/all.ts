import { HTTP_WAYS } from './http.ts';
import { STDIO_WAYS } from './stdio.ts';
import type { Way } from './way.ts';
import { WEBSOCKET_WAYS } from './websocket.ts';

export const WAYS: readonly Way[] = [...HTTP_WAYS, ...STDIO_WAYS, ...WEBSOCKET_WAYS];
