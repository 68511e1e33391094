export interface Note {
  readonly id: number;
  readonly text: string;
}

/** The upstream API of the demo: it knows accounts by their tokens, not by who asks the gate. */
export class NotesStore {
  readonly #accounts = new Map<string, Note[]>();
  #lastId = 0;

  list(token: string): readonly Note[] {
    return this.#accounts.get(token) ?? [];
  }

  add(token: string, text: string): Note {
    const note = { id: ++this.#lastId, text };
    this.#accounts.set(token, [...this.list(token), note]);
    return note;
  }

  remove(token: string, id: number): boolean {
    const kept = this.list(token).filter((note) => note.id !== id);
    const found = kept.length < this.list(token).length;
    this.#accounts.set(token, kept);
    return found;
  }

  clear(): number {
    const total = [...this.#accounts.values()].reduce((sum, notes) => sum + notes.length, 0);
    this.#accounts.clear();
    return total;
  }
}
