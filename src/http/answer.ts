/** An answer that is whole: written to a Node response as it is, without the streams behind a web `Response`. */
export interface PlainAnswer {
  readonly kind: 'plain';
  readonly status: number;
  /** Names in lower case. Whoever passes the answer on may add to them. */
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** What answers a request: a web `Response` where it streams or is rare, and a {@link PlainAnswer} where it is hot. */
export type Answer = Response | PlainAnswer;

/** An answer with a body of text. */
export function plainAnswer(body: string, headers: Record<string, string>, status = 200): PlainAnswer {
  return { kind: 'plain', status, headers, body };
}

export function isPlain(answer: Answer): answer is PlainAnswer {
  return 'kind' in answer;
}

/** For hosts that speak the Fetch API. */
export function toWebResponse(answer: Answer): Response {
  return isPlain(answer) ? new Response(answer.body, answer) : answer;
}

/** Whether something streams, which lasts and ends later than it begins. */
export function isEventStream(answer: Response): boolean;
export function isEventStream(answer: Answer): answer is Response;
export function isEventStream(answer: Answer): boolean {
  return !isPlain(answer) && answer.headers.get('content-type')?.startsWith('text/event-stream') === true;
}

export function isSuccess({ status }: Answer): boolean {
  return status >= 200 && status < 300;
}

/** Sets a header, in place of one that is there. */
export function setHeader(answer: Answer, name: string, value: string): void {
  if (isPlain(answer)) answer.headers[name] = value;
  else answer.headers.set(name, value);
}
