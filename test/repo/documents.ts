import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './project-files.ts';

/** A fenced block of a Markdown document. */
export interface Fence {
  readonly language: string;
  readonly text: string;
  /** Line of the document, counted from 1, on which the text begins. */
  readonly line: number;
}

const FENCE = /^```([^\n]*)\n([\s\S]*?)^```\s*$/gm;

export function findFences(markdown: string): readonly Fence[] {
  return [...markdown.matchAll(FENCE)].map(({ 1: info = '', 2: text = '', index }) => ({
    language: info.trim(),
    text,
    line: markdown.slice(0, index).split('\n').length + 1,
  }));
}

export function withoutFences(markdown: string): string {
  return markdown.replace(FENCE, '');
}

/** Code spans of the prose, fenced blocks left out. */
export function findCodeSpans(markdown: string): readonly string[] {
  return [...withoutFences(markdown).matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '');
}

/** Extensions by which a word of prose is taken for a file of the project. */
const FILE = /^[\w.@-]+(?:\/[\w.@-]+)*\.(?:ts|mjs|cjs|md|yaml|yml)$/;
const FOLDER = /^[\w.-]+(?:\/[\w.-]+)*\/$/;

/**
 * Words of a code span that name a file or folder. Patterns (`*`, `<…>`, `…`), URLs and module
 * specifiers name none.
 */
export function findPaths(span: string): readonly string[] {
  return span.split(/[\s,;→←]+/).filter((word) => FILE.test(word) || FOLDER.test(word));
}

/**
 * Paths of a tree drawn with two spaces per level, its names ending in `/` or in an extension and
 * followed by their description. A folder whose parent is not drawn stands at the top.
 */
export function findTreePaths(block: string): readonly string[] {
  const parents: string[] = [];
  const paths: string[] = [];
  for (const line of block.split('\n')) {
    const [, indent = '', name = ''] = /^( *)(\S+)/.exec(line) ?? [];
    if (!FILE.test(name) && !FOLDER.test(name)) continue;
    const depth = indent.length / 2;
    const path = [...parents.slice(0, depth), name].join('');
    paths.push(path);
    if (name.endsWith('/')) parents.splice(depth, parents.length, name);
  }
  return paths;
}

/** Whether a path exists as written from the root, or below `src/`, as prose about the source shortens it. */
export function isPresent(path: string): boolean {
  return existsSync(join(ROOT, path)) || existsSync(join(ROOT, 'src', path));
}

/** The anchors GitHub gives the headings of a document. */
export function findAnchors(markdown: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of withoutFences(markdown).matchAll(/^#{1,6} +(.+?) *$/gm)) {
    const base = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    let anchor = base;
    for (let count = 1; anchors.has(anchor); count += 1) anchor = `${base}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}
