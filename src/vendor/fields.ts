/** Fields of an object that is not ours: whoever reads one says what becomes of it, and what nobody reads is told. */
import { isObject, type JsonObject } from '../value/json-object.ts';
import type { Finding } from './finding.ts';

/** What is said of a field that is there. */
export interface Fate {
  /** Our field. */
  ours?: string;
  /** In which way it differs. */
  differs?: string;
}

/** What a value must be. */
interface Form<T> {
  is: string;
  read(value: unknown): T | undefined;
}

export class Fields {
  readonly findings: Finding[];
  readonly path: string;
  readonly #value: JsonObject;
  readonly #read = new Set<string>();
  readonly #below = new Map<string, Fields>();

  constructor(value: unknown, path = '', findings: Finding[] = []) {
    this.path = path;
    this.findings = findings;
    this.#value = isObject(value) ? value : {};
    if (value !== undefined && value !== null && !isObject(value)) this.#wrong(path, 'must be an object');
  }

  /** Where a field stands. */
  at(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }

  /** Of the fields that are there. */
  names(): string[] {
    return Object.keys(this.#value).filter((name) => this.has(name));
  }

  has(name: string): boolean {
    return this.#value[name] !== undefined && this.#value[name] !== null;
  }

  text(name: string, fate: Fate = {}): string | undefined {
    return this.#take(name, fate, { is: 'text', read: (value) => (typeof value === 'string' ? value : undefined) });
  }

  number(name: string, fate: Fate = {}): number | undefined {
    return this.#take(name, fate, { is: 'a number', read: (value) => (typeof value === 'number' ? value : undefined) });
  }

  /** A whole number within `range`, both ends in it. */
  whole(name: string, range: readonly [number, number], fate: Fate = {}): number | undefined {
    const [least, most] = range;
    const is = (value: unknown): number | undefined =>
      typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most ? value : undefined;
    const text = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
    return this.#take(name, fate, { is: `a whole number ${text}`, read: is });
  }

  flag(name: string, fate: Fate = {}): boolean | undefined {
    return this.#take(name, fate, {
      is: 'true or false',
      read: (value) => (typeof value === 'boolean' ? value : undefined),
    });
  }

  oneOf<T extends string>(name: string, values: readonly T[], fate: Fate = {}): T | undefined {
    const is = (value: unknown): T | undefined => values.find((one) => one === value);
    return this.#take(name, fate, { is: `one of ${values.join(', ')}`, read: is });
  }

  texts(name: string, fate: Fate = {}): string[] | undefined {
    const are = (value: unknown): string[] | undefined =>
      Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : undefined;
    return this.#take(name, fate, { is: 'a list of texts', read: are });
  }

  numbers(name: string, fate: Fate = {}): number[] | undefined {
    const are = (value: unknown): number[] | undefined =>
      Array.isArray(value) && value.every((one) => typeof one === 'number') ? value : undefined;
    return this.#take(name, fate, { is: 'a list of numbers', read: are });
  }

  /** As it stands there, of whatever form. */
  any(name: string, fate: Fate = {}): unknown {
    return this.#take(name, fate, { is: 'there', read: (value) => value });
  }

  /** Absent: undefined. Its own fields are to be read in their turn. */
  object(name: string): Fields | undefined {
    if (!this.has(name)) return undefined;
    return this.#open(this.#value[name], name);
  }

  objects(name: string): Fields[] {
    if (!this.has(name)) return [];
    const value = this.#value[name];
    if (Array.isArray(value)) return value.map((one, at) => this.#open(one, name, `[${at}]`));
    this.#read.add(name);
    this.#wrong(this.at(name), 'must be a list');
    return [];
  }

  /** Served with this value alone, which it has where nobody says otherwise. */
  only(name: string, value: unknown, why: string): void {
    if (!this.has(name)) return;
    this.#read.add(name);
    if (this.#value[name] !== value) this.lost(name, why);
    else this.#tell(name, 'Same', { why: 'is always so' });
  }

  /** It is there, and nothing here is like it. */
  lost(name: string, why: string): void {
    this.#read.add(name);
    if (this.has(name)) this.findings.push({ field: this.at(name), fate: 'Lost', why });
  }

  /** A value that cannot be followed, whatever the field is. */
  refuse(name: string, why: string): void {
    this.#read.add(name);
    this.findings.push({ field: this.at(name), fate: 'Lost', why });
  }

  /** Whether somebody has read all that is there: what nobody has read is told by `done`, and may be a condition. */
  isKnown(): boolean {
    return this.isRead() && [...this.#below.values()].every((one) => one.isKnown());
  }

  /** The same of its own fields, whatever stands below them. */
  isRead(): boolean {
    return this.names().every((name) => this.#read.has(name));
  }

  /** Whatever else is there is told by name. */
  done(): Finding[] {
    for (const name of Object.keys(this.#value)) {
      if (this.has(name) && !this.#read.has(name)) this.findings.push({ field: this.at(name), fate: 'Unknown' });
    }
    for (const one of this.#below.values()) one.done();
    return this.findings;
  }

  #open(value: unknown, name: string, index = ''): Fields {
    this.#read.add(name);
    const known = this.#below.get(`${name}${index}`);
    if (known !== undefined) return known;
    const below = new Fields(value, `${this.at(name)}${index}`, this.findings);
    this.#below.set(`${name}${index}`, below);
    return below;
  }

  #take<T>(name: string, fate: Fate, form: Form<T>): T | undefined {
    this.#read.add(name);
    if (!this.has(name)) return undefined;
    const found = form.read(this.#value[name]);
    if (found === undefined) this.#wrong(this.at(name), `must be ${form.is}`);
    else if (fate.differs !== undefined) this.#tell(name, 'Differs', { ...fate, why: fate.differs });
    else if (fate.ours !== undefined) this.#tell(name, 'Same', fate);
    return found;
  }

  #tell(name: string, fate: Finding['fate'], { ours, why }: { ours?: string; why?: string }): void {
    const finding: Finding = { field: this.at(name), fate };
    if (ours !== undefined) finding.ours = ours;
    if (why !== undefined) finding.why = why;
    this.findings.push(finding);
  }

  #wrong(field: string, why: string): void {
    this.findings.push({ field, fate: 'Wrong', why });
  }
}
