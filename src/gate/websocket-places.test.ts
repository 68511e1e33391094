import { expect, test } from 'vitest';
import { createPlaces } from './websocket-places.ts';

function take(places: ReturnType<typeof createPlaces>, key: string): () => void {
  const place = places.take(key);
  if (typeof place !== 'function') throw new Error(place.message);
  return place;
}

test('places are so many for one, and so many in all, and come back once', () => {
  const places = createPlaces(3, 2);
  const free = take(places, 'alice');
  take(places, 'alice');
  expect(places.take('alice')).toMatchObject({ code: 'RATE_LIMIT_EXCEEDED', retryAfterSeconds: 30 });
  take(places, 'bob');
  expect(places.take('carol')).toMatchObject({ code: 'SERVER_POOL_ERROR', retryAfterSeconds: 30 });
  expect(places.taken).toBe(3);
  free();
  free();
  expect(places.taken).toBe(2);
  take(places, 'alice');
  expect(places.take('alice')).toMatchObject({ code: 'RATE_LIMIT_EXCEEDED' });
});
