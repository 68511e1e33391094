import type { Answer, Ask } from './asking.ts';
import type { HeaderList } from './exchange.ts';
import { type Finding, failed, type Item } from './item.ts';
import { findDifference } from './likeness.ts';
import { isRecord, toBody, toProbe } from './messages.ts';
import { type Era, LEGACY, MODERN } from './report.ts';
import type { Subject } from './subject.ts';
import { tamper } from './tokens.ts';
import {
  describe,
  expectResult,
  expectStatus,
  judgeAll,
  type Rule,
  type Scene,
  type Trial,
} from './trial.ts';

const placeItem: Item = {
  id: 6,
  title: 'A token counts in the Authorization header alone, and alone',
  section: 'MCP basic/authorization "Token Requirements"; RFC 6750 §2, §3.1; RFC 9110 §11.1',
  level: 'MUST',
  checks: [
    { name: 'not in the query', needs: ['token'], essential: true, run: checkQuery },
    { name: 'not in the body', needs: ['token'], run: checkBody },
    {
      name: 'the scheme in any case',
      needs: ['token'],
      run: (subject, era) =>
        judgeAll(
          subject,
          ['bearer', 'BEARER'].map((scheme) =>
            withHeaders({ subject, era }, `the token under ${scheme}`, (token) => [
              ['Authorization', `${scheme} ${token}`],
            ]),
          ),
          expectResult,
        ),
    },
    {
      name: 'two Authorization headers',
      level: 'judgement',
      needs: ['token', 'raw'],
      run: (subject, era) =>
        judgeAll(
          subject,
          [
            withHeaders({ subject, era }, 'the token and then a made-up one', (token) => [
              ['Authorization', `Bearer ${token}`],
              ['Authorization', 'Bearer gatehouse-check'],
            ]),
            withHeaders({ subject, era }, 'a made-up token and then the token', (token) => [
              ['Authorization', 'Bearer gatehouse-check'],
              ['Authorization', `Bearer ${token}`],
            ]),
          ],
          expectStatus(400),
        ),
    },
    {
      name: 'two kinds of credential',
      level: 'judgement',
      needs: ['token'],
      run: (subject, era) =>
        judgeAll(
          subject,
          [
            withHeaders({ subject, era }, 'the token beside an X-API-Key', (token) => [
              ['Authorization', `Bearer ${token}`],
              ['X-API-Key', 'mcp_gatehouse_check'],
            ]),
          ],
          expectStatus(400),
        ),
    },
  ],
};

function withHeaders({ subject, era }: Scene, what: string, headers: (token: string) => HeaderList): Trial {
  const given = headers(subject.options.tokens.token ?? '');
  return { what, send: () => subject.ask({ era, call: toProbe(era), headers: given }) };
}

function checkQuery(subject: Subject, era: Era): Promise<Finding> {
  const mark = subject.path.includes('?') ? '&' : '?';
  const places = ['access_token', 'token'].map(
    (name): Place => [`as ?${name}=`, (token) => ({ path: `${subject.path}${mark}${name}=${token}` })],
  );
  return checkPlaces(subject, era, places);
}

function checkBody(subject: Subject, era: Era): Promise<Finding> {
  const message = toBody(era, { ...toProbe(era), id: 1 });
  const params = isRecord(message.params) ? message.params : {};
  const form: HeaderList = [['Content-Type', 'application/x-www-form-urlencoded']];
  return checkPlaces(subject, era, [
    ['as a form field', (token) => ({ headers: form, body: `access_token=${encodeURIComponent(token)}` })],
    [
      'as a member of the message',
      (token) => ({ body: JSON.stringify({ ...message, access_token: token }) }),
    ],
    [
      'as a parameter',
      (token) => ({ body: JSON.stringify({ ...message, params: { ...params, access_token: token } }) }),
    ],
  ]);
}

/** Where a token does not belong, and the request that puts it there. */
type Place = readonly [what: string, put: (token: string) => Partial<Ask>];

/** Refused, and in the same way as a made-up token there: otherwise somebody looked at it. */
async function checkPlaces(subject: Subject, era: Era, places: readonly Place[]): Promise<Finding> {
  const { token = '' } = subject.options.tokens;
  const madeUp = tamper(token);
  const trials: Trial[] = [];
  for (const [what, put] of places) {
    const send = (value: string): Promise<Answer> => subject.ask({ era, call: toProbe(era), ...put(value) });
    const none = await send(madeUp);
    const real = await send(token);
    const difference = findDifference(real.response, none.response, [token, madeUp]);
    if (difference !== undefined) {
      return failed(
        `Sent the token ${what} and a made-up one; got ${describe(subject, real)} and ` +
          `${describe(subject, none)}, which differ in ${difference}.`,
      );
    }
    trials.push({ what: `the token ${what}`, send: async () => real });
  }
  // 400 and 415 refuse the body before anyone asks who sent it.
  return judgeAll(subject, trials, expectStatus(401, 400, 415));
}

const malformedItem: Item = {
  id: 8,
  title: 'A malformed request is answered with 400',
  section: 'MCP basic/authorization "Error Handling"; MCP basic/transports; JSON-RPC 2.0 §4',
  level: 'MUST',
  checks: [
    {
      name: 'what is not JSON',
      needs: ['token'],
      essential: true,
      run: (subject, era) => checkBodies({ subject, era }, NOT_JSON),
    },
    {
      name: 'what is not JSON-RPC',
      needs: ['token'],
      run: (subject, era) => checkBodies({ subject, era }, NOT_JSON_RPC),
    },
    {
      name: 'what nests without end',
      level: 'judgement',
      needs: ['token'],
      run: (subject, era) => checkBodies({ subject, era }, BOTTOMLESS, expectStatus(400, 413)),
    },
    {
      name: 'an unknown protocol version',
      needs: ['token'],
      run: async (subject, era) => {
        const { tokens } = subject.options;
        const headers: HeaderList = [['MCP-Protocol-Version', '1999-12-31']];
        const ask = { era, call: { method: 'tools/list' }, headers };
        const send = (): Promise<Answer> => subject.askWithin(tokens.token ?? '', ask);
        return judgeAll(subject, [{ what: 'MCP-Protocol-Version: 1999-12-31', send }], expectStatus(400));
      },
    },
    {
      name: 'headers that are missing or disagree with the body',
      eras: [MODERN],
      needs: ['token'],
      run: checkMirroredHeaders,
    },
  ],
};

const NOT_JSON: readonly (readonly [string, string | Uint8Array])[] = [
  ['an empty body', ''],
  ['half a JSON object', '{"jsonrpc":"2.0","id":1,'],
  ['plain text', 'tools/list'],
  ['bytes that are not UTF-8', Uint8Array.of(0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a)],
];

const NOT_JSON_RPC: readonly (readonly [string, string])[] = [
  ['a string', '"tools/list"'],
  ['null', 'null'],
  ['an object of another kind', '{"query":"tools/list"}'],
  ['an empty batch', '[]'],
  ['another jsonrpc version', '{"jsonrpc":"1.0","id":1,"method":"tools/list"}'],
  ['a method that is a number', '{"jsonrpc":"2.0","id":1,"method":7}'],
  ['an id that is an object', '{"jsonrpc":"2.0","id":{},"method":"tools/list"}'],
  ['params that are a string', '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":"all"}'],
];

const DEPTH = 50_000;
const BOTTOMLESS: readonly (readonly [string, string])[] = [
  ['an array nested without end', '['.repeat(DEPTH) + ']'.repeat(DEPTH)],
];

async function checkBodies(
  { subject, era }: Scene,
  bodies: readonly (readonly [string, string | Uint8Array])[],
  rule: Rule = expectStatus(400),
): Promise<Finding> {
  const token = subject.options.tokens.token ?? '';
  const trials = bodies.map(
    ([what, body]): Trial => ({
      what,
      send: () => subject.askWithin(token, { era, call: { method: 'tools/list' }, body }),
    }),
  );
  return judgeAll(subject, trials, rule);
}

function checkMirroredHeaders(subject: Subject, era: Era): Promise<Finding> {
  const token = subject.options.tokens.token ?? '';
  const cases: readonly (readonly [string, Partial<Ask>])[] = [
    ['no Mcp-Method', { without: ['mcp-method'] }],
    ['another Mcp-Method', { headers: [['Mcp-Method', 'resources/list']] }],
    ['another MCP-Protocol-Version', { headers: [['MCP-Protocol-Version', LEGACY]] }],
  ];
  const trials = cases.map(
    ([what, change]): Trial => ({
      what,
      send: () => subject.ask({ era, call: { method: 'tools/list' }, token, ...change }),
    }),
  );
  const call = { method: 'tools/call', params: { name: 'gatehouse_check', arguments: {} } };
  const headers: HeaderList = [['Mcp-Name', 'gatehouse_other']];
  trials.push({ what: 'another Mcp-Name', send: () => subject.ask({ era, call, token, headers }) });
  return judgeAll(subject, trials, expectStatus(400));
}

/** How a request is put: items 6 and 8. */
export const PRESENTATION_ITEMS: readonly Item[] = [placeItem, malformedItem];
