/** Wrong in ways that no form shows: each is a mistake that somebody could make, or did elsewhere. */
import { replacing, type Mutant } from './mutant.ts';

const protocol = 'lib/lease/protocol.ts';
const control = 'lib/lease/control.ts';
const trader = 'lib/trading/trader.ts';

export function byHand(): readonly Mutant[] {
  return [
    replacing('validity is counted from the answer', protocol, 'const validUntil = sentAt + lease', 'const validUntil = now + lease'),
    replacing('a grant is valid without a renewal', protocol, "return { ...state, role: { kind: 'tenure', lease, renewAt: now } };", "return { ...state, role: { kind: 'tenure', lease, renewAt: now, validUntil: now + lease.leaseMs } };"),
    replacing('a renewal expects nothing', protocol, "expects: [...isMine(identity, lease), { path: 'home', equals: identity.region }, { path: 'mode', differs: 'halted' }],", "expects: [{ path: 'epoch', present: true }],"),
    replacing('a release raises no epoch', protocol, 'set: { ...nextEpoch(lease), grantId: grantIdOf(identity, grants) },\n    remove: [', 'set: { grantId: grantIdOf(identity, grants) },\n    remove: ['),
    replacing('a take-over raises no epoch', protocol, "set: { ...nextEpoch(lease), holder: identity.instance, grantId: grantIdOf(identity, grants), mode: 'open' },", "set: { holder: identity.instance, grantId: grantIdOf(identity, grants), mode: 'open' },"),
    replacing('a word of any drain ends this one', protocol, 'if (event.epoch !== role.lease.epoch || event.drain !== role.stop.drain) return state;', ''),
    replacing('who stops trades on while it drains', protocol, "if (role.stop !== undefined) return { state: 'draining', validUntil: null, ...known };", ''),
    replacing('a standby looks at no home', protocol, "if (lease.mode === 'halted' || lease.home !== state.identity.region) return { wakes: [] };", "if (lease.mode === 'halted') return { wakes: [] };"),
    replacing('nobody drains towards a successor', protocol, 'if (successor !== undefined) return handOver(state, lease, successor);', ''),
    replacing('a request has no expiry at the venue', 'lib/venues/bounded.ts', "exchange.options['recvWindow'] = windowMs;", "exchange.options['recvWindow'] = 60_000;"),
    replacing('a permit outlives the lease', 'lib/lease/permits.ts', 'const expiresAtNs = shortLivedUntilNs < validUntilNs ? shortLivedUntilNs : validUntilNs;', 'const expiresAtNs = shortLivedUntilNs;'),
    replacing('a permit is given whatever the lease says', 'lib/lease/permits.ts', "return terms.view.state === 'held' && terms.validUntilNs !== undefined && nowNs < terms.validUntilNs;", 'return terms.validUntilNs !== undefined;'),
    replacing('every permit has the same id', 'lib/lease/permits.ts', 'const sequence = view.lane * sequencesPerLane + nth;', 'const sequence = view.lane * sequencesPerLane;'),
    replacing(
      'an order leaves before its intent is durable', 'lib/trading/journal-writer.ts',
      'await this.#journal.writeIntent(author, intent);', 'void this.#journal.writeIntent(author, intent).catch(() => undefined);',
    ),
    replacing('a doubtful answer counts as a refusal', trader, 'answer = await this.#lookAfterDeadline(clientOrderId, permit);', "answer = { kind: 'expired', reason: 'no answer' };"),
    replacing('the mark is raised above what is open', trader, 'const sequence = Math.min(this.#lastSequence + 1, ...open.map((author) => author.sequence));', 'const sequence = this.#lastSequence + 1;'),
    replacing('a new holder resolves no open intents', trader, 'for (const { entry, outcome } of found.resolved) this', 'for (const { entry, outcome } of found.resolved.slice(0, 0)) this'),
    replacing('a trader says that it is drained and is not', trader, '  async #drain(epoch: Epoch, drain: number): Promise<void> {\n    if (this.#draining === drain) return;\n    this.#draining = drain;\n    await this.#settled();', '  async #drain(epoch: Epoch, drain: number): Promise<void> {\n    if (this.#draining === drain) return;\n    this.#draining = drain;'),
    replacing('the key is printed', 'lib/trading/handed-key.ts', "that the guard handed over\", { version });", "that the guard handed over\", { version, secret });"),
    replacing('the lock is taken without a new token', control, "set: { 'workflow.token': (token + 1) as WorkflowToken, 'workflow.execution': execution },", "set: { 'workflow.execution': execution },"),
    replacing('anybody may pre-empt', control, "if (heldBy !== undefined && !mayPreempt(heldBy)) throw new BookBusyError(book, heldBy);", ''),
    replacing('the lock is not given back', control, "remove: ['workflow.execution'],\n    });", "remove: ['contractedBy'],\n    });"),
  ];
}
