import type { ClientPresence } from '../http/client-presence.ts';
import type { HeaderFields, InboundRequest } from '../http/inbound-request.ts';

/** What tools may see of the request's head: protocol and tracing, no credential of any kind. */
const VISIBLE_HEADERS: readonly string[] = [
  'accept',
  'accept-language',
  'content-type',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
  'traceparent',
  'tracestate',
  'user-agent',
  'x-request-id',
];
const VISIBLE: ReadonlySet<string> = new Set(VISIBLE_HEADERS);
const PARAMETER_PREFIX = 'mcp-param-';

/** The request that SDKs and tools see: the canonical URL, a chosen set of headers, no body. */
export function toToolRequest(
  request: InboundRequest,
  resource: string,
  extraHeaders: readonly string[],
): Request {
  const headers = visibleHeaders(request.headers, extraHeaders);
  // Everything of a `Request` is there; its type also names private members that nobody can have.
  return new ToolRequest(request, resource, headers) as unknown as Request;
}

function visibleHeaders(fields: HeaderFields, extraHeaders: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (const name in fields) {
    const value = fields[name];
    const isVisible = VISIBLE.has(name) || name.startsWith(PARAMETER_PREFIX) || extraHeaders.includes(name);
    if (value === undefined || !isVisible) continue;
    headers.set(name, typeof value === 'string' ? value : value.join(', '));
  }
  return headers;
}

/** Headers as they are looked up; a web `Headers` is made for whoever does more than that. */
class ToolHeaders {
  readonly #fields: ReadonlyMap<string, string>;
  #web: Headers | undefined;

  constructor(fields: ReadonlyMap<string, string>) {
    this.#fields = fields;
  }

  get(name: string): string | null {
    if (this.#web !== undefined) return this.#web.get(name);
    return this.#fields.get(name.toLowerCase()) ?? null;
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }

  static web(headers: ToolHeaders): Headers {
    headers.#web ??= new Headers([...headers.#fields]);
    return headers.#web;
  }
}

/** The head of a request. A web `Request`, which costs more than all else that is done here, is made on demand. */
class ToolRequest {
  readonly #method: string;
  readonly #url: string;
  readonly #presence: ClientPresence;
  readonly #headers: ToolHeaders;
  #web: Request | undefined;

  constructor({ method, presence }: InboundRequest, url: string, fields: ReadonlyMap<string, string>) {
    this.#method = method;
    this.#url = url;
    this.#presence = presence;
    this.#headers = new ToolHeaders(fields);
  }

  get method(): string {
    return this.#method;
  }

  get url(): string {
    return this.#url;
  }

  get headers(): Headers {
    return this.#headers as unknown as Headers;
  }

  get signal(): AbortSignal {
    return this.#presence.signal;
  }

  static web(request: ToolRequest): Request {
    const { method, url, signal } = request;
    request.#web ??= new Request(url, { method, headers: ToolHeaders.web(request.#headers), signal });
    return request.#web;
  }
}

standInFor(Headers, ToolHeaders, ToolHeaders.web);
standInFor(Request, ToolRequest, ToolRequest.web);

interface Class<T> {
  readonly prototype: T;
}

/** Makes instances of `substitute` pass for `original`; what they do not have themselves, `toOriginal` does for them. */
function standInFor<T extends object, S extends object>(
  original: Class<T>,
  substitute: Class<S>,
  toOriginal: (instance: S) => T,
): void {
  const own = new Set<string | symbol>(Reflect.ownKeys(substitute.prototype));
  for (const key of Reflect.ownKeys(original.prototype)) {
    const descriptor = Object.getOwnPropertyDescriptor(original.prototype, key);
    if (descriptor === undefined || own.has(key)) continue;
    const isMethod = typeof descriptor.value === 'function';
    const delegate = isMethod
      ? {
          value(this: S, ...parameters: unknown[]): unknown {
            const instance = toOriginal(this);
            return Reflect.apply(Reflect.get(instance, key) as () => unknown, instance, parameters);
          },
        }
      : {
          get(this: S): unknown {
            return Reflect.get(toOriginal(this), key);
          },
        };
    if (isMethod || descriptor.get !== undefined) {
      Object.defineProperty(substitute.prototype, key, { ...delegate, configurable: true });
    }
  }
  Object.setPrototypeOf(substitute.prototype, original.prototype);
}
