import type { Revision } from './judge.ts';

export interface Expectation {
  /** What the revision requires. Fixed here, so that a suite that runs less is noticed. */
  readonly required: readonly string[];
  /** What the suite runs without scoring it, and we demand all the same. */
  readonly extra: readonly string[];
  /** What the suite runs without scoring it, and why it is not demanded. */
  readonly notDemanded: Readonly<Record<string, string>>;
}

const COMMON = [
  'completion-complete',
  'dns-rebinding-protection',
  'prompts-get-embedded-resource',
  'prompts-get-simple',
  'prompts-get-with-args',
  'prompts-get-with-image',
  'prompts-list',
  'resources-list',
  'resources-read-binary',
  'resources-read-text',
  'resources-templates-read',
  'server-sse-multiple-streams',
  'tools-call-audio',
  'tools-call-embedded-resource',
  'tools-call-error',
  'tools-call-image',
  'tools-call-mixed-content',
  'tools-call-simple-text',
  'tools-call-with-progress',
  'tools-list',
];

const TASKS = 'an extension that neither the fixture nor the gate offers';

export const EXPECTATIONS: Readonly<Record<Revision, Expectation>> = {
  '2025-11-25': {
    required: [
      ...COMMON,
      'elicitation-sep1034-defaults',
      'elicitation-sep1330-enums',
      'logging-set-level',
      'ping',
      'resources-subscribe',
      'resources-unsubscribe',
      'server-initialize',
      'tools-call-elicitation',
      'tools-call-sampling',
      'tools-call-with-logging',
    ],
    extra: ['json-schema-2020-12', 'server-session-lifecycle'],
    notDemanded: {
      'server-sse-polling': 'optional: streams that a client resumes; the gate ends a call with its stream',
    },
  },
  '2026-07-28': {
    required: [
      ...COMMON,
      'caching',
      'input-required-result-basic-elicitation',
      'input-required-result-basic-list-roots',
      'input-required-result-basic-sampling',
      'input-required-result-capability-check',
      'input-required-result-ignore-extra-params',
      'input-required-result-missing-input-response',
      'input-required-result-multi-round',
      'input-required-result-multiple-input-requests',
      'input-required-result-non-tool-request',
      'input-required-result-request-state',
      'input-required-result-result-type',
      'input-required-result-tampered-state',
      'input-required-result-unsupported-methods',
      'input-required-result-validate-input',
      'sep-2164-resource-not-found',
      'server-stateless',
    ],
    extra: ['http-custom-header-server-validation', 'http-header-validation', 'json-schema-2020-12'],
    notDemanded: {
      'tasks-capability-negotiation': TASKS,
      'tasks-dispatch-and-envelope': TASKS,
      'tasks-lifecycle': TASKS,
      'tasks-mrtr-composition': TASKS,
      'tasks-mrtr-input': TASKS,
      'tasks-request-headers': TASKS,
      'tasks-request-state-removal': TASKS,
      'tasks-required-task-error': TASKS,
      'tasks-status-notifications': TASKS,
      'tasks-wire-fields': TASKS,
    },
  },
};

/** Checks that a kind of server cannot pass, by scenario and id, and why. One that passes after all is a lack too. */
export type Excuses = Readonly<Record<string, Readonly<Record<string, string>>>>;
export type Exceptions = Readonly<Partial<Record<Revision, Excuses>>>;

// Behind a bridge a server is spoken to in the words of the 2025 era, in which a question has no key.
const KEY = 'expects the key that a server of the 2026 era gives its question';

const BRIDGED: Excuses = {
  'input-required-result-basic-elicitation': { 'sep-2322-elicitation-incomplete': KEY },
  'input-required-result-ignore-extra-params': { 'sep-2322-ignore-unexpected-params': KEY },
};

const CAPABILITY = 'in the 2025 era the SDK tells of a missing capability in the result of the tool';

/** Servers of SDK v1. */
export const V1_EXCEPTIONS: Exceptions = { '2026-07-28': BRIDGED };

/** Servers of SDK v2 that run elsewhere, where they are spoken to in the words of the 2025 era. */
export const REMOTE_EXCEPTIONS: Exceptions = {
  '2026-07-28': {
    ...BRIDGED,
    'server-stateless': {
      'sep-2575-server-rejects-undeclared-capability': CAPABILITY,
      'sep-2575-missing-capability-http-400': CAPABILITY,
    },
  },
};
