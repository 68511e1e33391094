import type { Answer } from './asking.ts';
import { findHeader, type HeaderList } from './exchange.ts';
import { type Finding, failed, type Item, notApplicable, passed, unusable } from './item.ts';
import { toProbe } from './messages.ts';
import { type Era, LEGACY, MODERN } from './report.ts';
import { type Subject, sessionHeaders } from './subject.ts';
import { findExpiry } from './tokens.ts';
import { expectStatus, judgeAll } from './trial.ts';

/** A token that lives longer is not waited for. */
const MAX_LIFE_MS = 120_000;
/** Clocks differ; an end this much before the expiry may still be because of it. */
const EARLY_MS = 1_500;

/** Item 16: streams and the expiry of their token. */
export const STREAM_ITEM: Item = {
  id: 16,
  title: 'A stream does not outlive its token',
  section: 'MCP 2026-07-28 basic/patterns/subscriptions; MCP basic/authorization "Token Handling"',
  level: 'judgement',
  checks: [
    {
      name: 'streams end when the token expires',
      needs: ['shortLivedToken'],
      essential: true,
      together: true,
      run: checkStream,
    },
    {
      name: 'the token is refused after its expiry',
      level: 'MUST',
      needs: ['shortLivedToken'],
      run: async (subject, era) => {
        const token = subject.options.tokens.shortLivedToken ?? '';
        const left = lifeLeftMs(token);
        if (left === undefined || left > MAX_LIFE_MS) return unusable(subject, UNUSABLE);
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, left) + EARLY_MS));
        const trial = {
          what: 'the token after its expiry',
          send: () => subject.ask({ era, call: toProbe(era), token }),
        };
        return judgeAll(subject, [trial], expectStatus(401));
      },
    },
  ],
};

const UNUSABLE = 'The shortLivedToken given is no JWT that expires within two minutes.';

function lifeLeftMs(token: string): number | undefined {
  const expiry = findExpiry(token);
  return expiry === undefined ? undefined : expiry * 1000 - Date.now();
}

async function checkStream(subject: Subject, era: Era): Promise<Finding> {
  const token = subject.options.tokens.shortLivedToken ?? '';
  const left = lifeLeftMs(token);
  if (left === undefined || left > MAX_LIFE_MS) return unusable(subject, UNUSABLE);
  if (left <= 0)
    return unusable(subject, 'The shortLivedToken given had expired before a stream could be opened.');
  const timeoutMs = left + subject.options.streamGraceMs;
  const answer = await openStream(subject, era, { token, timeoutMs });
  if (answer === undefined)
    return notApplicable('The server keeps no protocol sessions, so there is no stream.');
  const { response } = answer;
  const type = findHeader(response.headers, 'content-type') ?? '';
  if (answer.status !== 200 || !type.startsWith('text/event-stream')) {
    return notApplicable(`No event stream was opened: the answer was ${answer.status}.`);
  }
  return judgeEnd(response.ending, response.endedAt - (findExpiry(token) ?? 0) * 1000);
}

/** The long-lived stream of the era: subscriptions/listen, or GET within a session. */
async function openStream(
  subject: Subject,
  era: Era,
  { token, timeoutMs }: { readonly token: string; readonly timeoutMs: number },
): Promise<Answer | undefined> {
  if (era === MODERN) {
    const params = { notifications: { toolsListChanged: true } };
    const call = { method: 'subscriptions/listen', params };
    return subject.ask({ era, call, token, timeoutMs, untilEnd: true });
  }
  const session = await subject.findSession(LEGACY, token);
  if (session?.id === undefined) return undefined;
  const headers: HeaderList = [...sessionHeaders(session), ['Accept', 'text/event-stream']];
  return subject.plain({ method: 'GET', headers, token, timeoutMs });
}

function judgeEnd(ending: string, afterExpiryMs: number): Finding {
  const seconds = (Math.abs(afterExpiryMs) / 1000).toFixed(1);
  if (ending === 'timeout')
    return failed(`The stream was still open ${seconds} s after the token had expired.`);
  if (ending === 'too-large') return notApplicable('The stream sent too much to be read to its end.');
  return afterExpiryMs < -EARLY_MS
    ? notApplicable(`The stream ended ${seconds} s before the token expired, so not because of it.`)
    : passed(`The stream ended within ${seconds} s of the token's expiry.`);
}
