import { type Answer, findBearerChallenge } from './asking.ts';
import { type Finding, type Item, notApplicable } from './item.ts';
import { findMetadataReason, NO_METADATA } from './metadata-expectation.ts';
import type { Era } from './report.ts';
import type { Subject } from './subject.ts';
import { findScopes } from './tokens.ts';
import { expectStatus, judgeAll, type Rule } from './trial.ts';

/** Item 7: step-up by scope. */
export const SCOPE_ITEM: Item = {
  id: 7,
  title: 'Too little scope is answered with what to ask for',
  section: 'MCP basic/authorization "Scope Challenge Handling"; RFC 6750 §3.1',
  level: 'SHOULD',
  checks: [
    {
      name: 'refused with 403',
      needs: ['limitedToken', 'scopedTool'],
      essential: true,
      run: (subject, era) => judgeScoped(subject, era, expectStatus(403)),
    },
    {
      name: 'error="insufficient_scope"',
      needs: ['limitedToken', 'scopedTool'],
      run: (subject, era) =>
        judgeScoped(subject, era, (answer) =>
          findBearerChallenge(answer)?.params.get('error') === 'insufficient_scope'
            ? undefined
            : 'error="insufficient_scope" in a Bearer challenge',
        ),
    },
    {
      name: 'scope names what is lacking',
      needs: ['limitedToken', 'scopedTool'],
      run: (subject, era) =>
        judgeScoped(subject, era, (answer) => {
          const wanted = findBearerChallenge(answer)?.params.get('scope')?.split(' ') ?? [];
          const held = findScopes(subject.options.tokens.limitedToken ?? '') ?? [];
          // Asking for what the token holds already would send the client in circles.
          return wanted.some((scope) => !held.includes(scope)) ? undefined : 'a scope that the token lacks';
        }),
    },
    {
      name: 'resource_metadata says whom to ask',
      needs: ['limitedToken', 'scopedTool'],
      run: async (subject, era) => {
        if ((await findMetadataReason(subject)) === undefined) return notApplicable(NO_METADATA);
        return judgeScoped(subject, era, (answer) => {
          const url = findBearerChallenge(answer)?.params.get('resource_metadata');
          return url !== undefined && URL.canParse(url)
            ? undefined
            : 'resource_metadata with an absolute URL';
        });
      },
    },
    {
      name: 'the same request draws the same challenge',
      level: 'judgement',
      needs: ['limitedToken', 'scopedTool'],
      run: async (subject, era) => {
        const first = findBearerChallenge(await subject.denied(era))?.params.get('scope');
        const { scopedTool, tokens } = subject.options;
        const call = { method: 'tools/call', params: { arguments: {}, ...scopedTool } };
        const send = (): Promise<Answer> => subject.askWithin(tokens.limitedToken ?? '', { era, call });
        return judgeAll(subject, [{ what: 'the same call again', send }], (answer) =>
          findBearerChallenge(answer)?.params.get('scope') === first
            ? undefined
            : 'the scope of the first time',
        );
      },
    },
  ],
};

function judgeScoped(subject: Subject, era: Era, rule: Rule): Promise<Finding> {
  const trial = { what: 'a call beyond the scope of the token', send: () => subject.denied(era) };
  return judgeAll(subject, [trial], rule);
}
