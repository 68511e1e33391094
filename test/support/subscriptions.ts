import type { Peer } from './peers.ts';
import { type OpenStream, openStream } from './streams.ts';
import { type Json, messageOf } from './wire.ts';

/** Opens `subscriptions/listen` (2026 era); its body may be held back. */
export function listen(
  url: string,
  peer: Peer,
  notifications: object,
  bodyAfter?: Promise<void>,
): Promise<OpenStream> {
  const call = { method: 'subscriptions/listen', params: { notifications } };
  const body = JSON.stringify(messageOf({ era: '2026-07-28', ...call }));
  const headers = peer.headers(call);
  return openStream(url, { method: 'POST', headers, body, ...(bodyAfter && { bodyAfter }) });
}

/** Opens the stream of a 2025-era session. */
export function listenInSession(url: string, peer: Peer): Promise<OpenStream> {
  const headers = peer.headers({ method: '' }).filter(([name]) => name !== 'accept');
  return openStream(url, { headers: [...headers, ['accept', 'text/event-stream']] });
}

/** What a stream was told has changed so far: URIs of resources, and names of lists. */
export function changesIn({ messages }: Pick<OpenStream, 'messages'>): readonly string[] {
  return messages.flatMap((message) => {
    const found = /^notifications\/(\w+)\/(?:list_changed|updated)$/.exec(methodOf(message))?.[1];
    const uri = message['params']?.['uri'];
    if (found === undefined) return [];
    return [uri === undefined ? found : String(uri)];
  });
}

/** Resolves once the stream has heard of a change. */
export async function heard(stream: OpenStream, change: string): Promise<void> {
  await stream.next((message) => changesIn({ messages: [message] }).includes(change));
}

function methodOf(message: Json): string {
  return String(message['method'] ?? '');
}
