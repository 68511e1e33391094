import { CREDENTIAL } from '../../core/placeholder.ts';

/** Whether a configured value needs the upstream token of the user. */
export function needsCredential(text: string): boolean {
  return text.includes(CREDENTIAL);
}

/** The values with the user's token in place; those that need one are left out when there is none. */
export function fillCredential(
  values: Readonly<Record<string, string>>,
  token: string,
): Record<string, string> {
  const entries = Object.entries(values).flatMap(([name, text]): [string, string][] => {
    if (!needsCredential(text)) return [[name, text]];
    return token === '' ? [] : [[name, text.split(CREDENTIAL).join(token)]];
  });
  return Object.fromEntries(entries);
}
