/** What programs need to run at all, and what holds no secret. */
const NAMES: readonly string[] = [
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'TERM',
  'TMPDIR',
  'TZ',
  'LANG',
  'LANGUAGE',
  'LC_ALL',
  'LC_CTYPE',
  'LC_MESSAGES',
];

const WINDOWS_NAMES: readonly string[] = [
  'APPDATA',
  'COMSPEC',
  'HOMEDRIVE',
  'HOMEPATH',
  'LOCALAPPDATA',
  'PATH',
  'PATHEXT',
  'PROCESSOR_ARCHITECTURE',
  'PROGRAMDATA',
  'PROGRAMFILES',
  'SYSTEMDRIVE',
  'SYSTEMROOT',
  'TEMP',
  'TMP',
  'USERNAME',
  'USERPROFILE',
];

/** The few variables of an environment that a server may have without being given them by name. */
export function inheritedEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const names = process.platform === 'win32' ? WINDOWS_NAMES : NAMES;
  const entries = Object.entries(env).flatMap(([name, value]): [string, string][] => {
    const known = process.platform === 'win32' ? name.toUpperCase() : name;
    // A function that a shell exports is code.
    return value !== undefined && names.includes(known) && !value.startsWith('()') ? [[name, value]] : [];
  });
  return Object.fromEntries(entries);
}
