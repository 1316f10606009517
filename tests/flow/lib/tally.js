// tally.js - what /metrics says of messages must add up: in each process at
// any moment, and from stage to stage when all is quiet.
import assert from 'node:assert/strict';

const DROPS = ['slow', 'closed', 'left', 'hold', 'no_room', 'expired',
	'other_page'];

const ENDS = ['delivered', 'expired', 'dead', 'replaced', 'gone', 'cancelled',
	'left'];

const PUSH_ENDS = ['delivered', 'gone', 'refused', 'retried', 'returned',
	'cancelled'];

// One process' counters by name, without the decoration; 0 if not there.
class Counters {
	constructor(stage, instance) {
		Object.assign(this, { stage, instance, values: new Map() });
	}

	get(...names) {
		return names.reduce((sum, name) =>
			sum + (this.values.get(name) ?? 0), 0);
	}

	get refused() {
		return [...this.values].filter(([name]) =>
			name.startsWith('refused_'))
			.reduce((sum, [, value]) => sum + value, 0);
	}
}

export async function tally(sys, options) {
	const all = new Map();

	for (const { name, labels, value } of await sys.metrics('', options)) {
		const [, stage, instance] =
			/stage="([^"]*)",instance="([^"]*)"/.exec(labels);
		const key = `${stage} ${instance}`;

		if (!all.has(key))
			all.set(key, new Counters(stage, instance));
		all.get(key).values.set(
			name.replace(/^posthorn_|_total$/g, ''), value);
	}
	return [...all.values()];
}

export const total = (all, stage, ...names) => all
	.filter((one) => stage === '' || one.stage === stage)
	.reduce((sum, one) => sum + one.get(...names), 0);

// In each process: what came is what became of it.
export function eachAddsUp(all) {
	for (const one of all) {
		const who = `${one.stage} ${one.instance}: ` +
			JSON.stringify([...one.values].filter(([name]) =>
				/^(publish|write|refused|cop|message|drop|slow|job|dead|push)/
					.test(name)));

		assert.equal(one.get('publishes_taken'), one.refused +
			one.get('publishes_accepted', 'publishes_repeated',
				'publishes_abandoned', 'publishes_pending'),
		`publishes of ${who}`);
		assert.equal(one.get('publishes_refused', 'publishes_busy',
			'refused_moved'),
			one.refused, `refusals of ${who}`);
		assert.equal(one.get('writes_taken'), one.get('writes_accepted',
			'writes_repeated', 'writes_refused', 'writes_busy',
			'writes_moved', 'writes_pending'), `writes of ${who}`);
		assert.equal(one.get('jobs_enqueued', 'jobs_recovered',
			'jobs_replayed'), one.get('jobs_pending',
			...ENDS.map((how) => `jobs_${how}`)), `jobs of ${who}`);
		assert.equal(one.get('pushes_taken'), one.get('pushes_in_flight',
			...PUSH_ENDS.map((how) => `pushes_${how}`)), `pushes of ${who}`);
		assert.equal(one.get('tracks_begun'), one.get('tracks', 'tracks_full',
			'tracks_old', 'tracks_replaced', 'tracks_left'),
		`tracks of ${who}`);
		assert.equal(one.get('dead_recovered', 'jobs_dead'),
			one.get('dead_letters', 'dead_dropped', 'dead_cancelled',
				'dead_left', 'jobs_replayed'), `dead letters of ${who}`);
		if (one.stage === 'store')
			continue;
		assert.equal(one.get('copies_live', 'copies_history'),
			one.get('copies_used', 'copies_old', 'drop_no_channel'),
			`copies of ${who}`);
		assert.equal(one.get('messages_due'), one.get('messages_delivered',
			'messages_pending', 'slow_skips',
			...DROPS.map((why) => `drop_${why}`)), `deliveries of ${who}`);
	}
}

export const sent = (all) => total(all, 'store', 'messages_routed',
	'messages_replayed') - total(all, 'store', 'copies_gone');

const came = (all) => ['hub', 'ingress'].reduce((sum, stage) => sum +
	total(all, stage, 'copies_live', 'copies_history') -
	total(all, stage, 'copies_gone'), 0);

// From stage to stage: what the stores sent has come, and of what publishers
// took nothing is on its way.
export const stagesAddUp = (all) => sent(all) === came(all) &&
	total(all, '', 'publishes_pending', 'messages_pending') === 0;

export const explain = (all) => `sent ${sent(all)}, came ${came(all)}, ` +
	all.map((one) => `${one.stage} ${one.instance} ${JSON.stringify(
		Object.fromEntries(one.values))}`).join('\n');
