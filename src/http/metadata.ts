/** RFC 9728 protected resource metadata, serialised once at start. */
export interface ResourceMetadataOptions {
  /** The canonical URI as configured; never taken from a request. */
  readonly resource: string;
  readonly authorizationServers: readonly string[];
  readonly scopesSupported: readonly string[];
  readonly name?: string | undefined;
}

/** RFC 9728 §3.1: the well-known string goes between host and path. */
export function resourceMetadataPath(resource: string): string {
  const { pathname } = new URL(resource);
  return `/.well-known/oauth-protected-resource${pathname === '/' ? '' : pathname}`;
}

export function resourceMetadataUrl(resource: string): string {
  return new URL(resourceMetadataPath(resource), resource).href;
}

export function serializeResourceMetadata(options: ResourceMetadataOptions): string {
  const scopes = options.scopesSupported.filter((scope) => scope !== 'offline_access');
  return JSON.stringify({
    resource: options.resource,
    authorization_servers: options.authorizationServers,
    ...(scopes.length > 0 && { scopes_supported: scopes }),
    bearer_methods_supported: ['header'],
    ...(options.name !== undefined && { resource_name: options.name }),
  });
}
