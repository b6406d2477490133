import { Set as ImmutableSet } from 'immutable';
import { PersistentMap } from './persistent-map.js';

/** A set of one, which most are, is its member: a hundred thousand sets of one are no small matter. */
type Members<Member extends string> = Member | ImmutableSet<Member>;

/** Which members belong to a key: a map of sets, none of them empty. Never changed, as `PersistentMap`. */
export class PersistentRelation<Key, Member extends string>
  implements Iterable<readonly [Key, readonly Member[]]>
{
  readonly #members: PersistentMap<Key, Members<Member>>;

  private constructor(members: PersistentMap<Key, Members<Member>>) {
    this.#members = members;
  }

  static of<Key, Member extends string>(
    pairs: Iterable<readonly [Key, Member]> = [],
  ): PersistentRelation<Key, Member> {
    const members = new Map<Key, Members<Member>>();
    for (const [key, member] of pairs) members.set(key, plus(members.get(key), member));
    return new PersistentRelation(new PersistentMap(members));
  }

  /** How many keys have members. */
  get size(): number {
    return this.#members.size;
  }

  has(key: Key): boolean {
    return this.#members.has(key);
  }

  /** In no order. */
  membersOf(key: Key): readonly Member[] {
    const members = this.#members.get(key);
    return members === undefined ? [] : listed(members);
  }

  keys(): Iterable<Key> {
    return this.#members.keys();
  }

  *[Symbol.iterator](): Generator<readonly [Key, readonly Member[]], void, undefined> {
    for (const [key, members] of this.#members) yield [key, listed(members)];
  }

  add(key: Key, member: Member): PersistentRelation<Key, Member> {
    return new PersistentRelation(this.#members.set(key, plus(this.#members.get(key), member)));
  }

  remove(key: Key, member: Member): PersistentRelation<Key, Member> {
    const left = minus(this.#members.get(key), member);
    return new PersistentRelation(
      left === undefined ? this.#members.delete(key) : this.#members.set(key, left),
    );
  }
}

function listed<Member extends string>(members: Members<Member>): readonly Member[] {
  return typeof members === 'string' ? [members] : [...members];
}

function plus<Member extends string>(
  members: Members<Member> | undefined,
  member: Member,
): Members<Member> {
  if (members === undefined || members === member) return member;
  return typeof members === 'string' ? ImmutableSet([members, member]) : members.add(member);
}

function minus<Member extends string>(
  members: Members<Member> | undefined,
  member: Member,
): Members<Member> | undefined {
  if (typeof members === 'string') return members === member ? undefined : members;
  const left = members?.delete(member);
  return left === undefined || left.isEmpty() ? undefined : left;
}
