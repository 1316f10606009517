// redis_presence.test.js - who is there stays there when the shard moves to
// another store: nobody is told of it, and everybody of what came after.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { enter } from './lib/person.js';
import { until } from './lib/proc.js';
import { SHARDS, quiet } from './lib/stores.js';
import { missing } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress');
const LINGER = 3000; // ms
const ROOMS = Array.from({ length: 12 }, (_, n) => `/app/presence/r${n}`);
const RUN = { most: 2, env: { POSTHORN_STORE_LINGER: `${LINGER}ms` } };

// In each room: who watches, and another one.
async function populate(sys) {
	const watchers = [], others = [];

	for (const channel of ROOMS) {
		watchers.push(await enter(sys, 'watcher', { channel }));
		others.push(await enter(sys, 'other', { channel }));
	}
	return { watchers, others };
}

// These, in each room, and nothing else.  That they came themselves they may
// be told: a store that has just begun announces it later.
async function told(watchers, events) {
	const heard = ({ events }) =>
		events.filter(([, user]) => user !== 'watcher');

	for (const who of watchers)
		await until(() => heard(who).length >= events.length,
			{ what: `${events.at(-1)} in ${who.channel}` });
	for (const who of watchers)
		assert.deepEqual(heard(who), events, who.channel);
}

const rosters = (sys, users) => until(async () => {
	for (const channel of ROOMS) {
		const { present } = await sys.json(`/v1/presence?channel=${channel}`);

		if (present?.map(({ user }) => user).join() !== users.join())
			return false;
	}
	return true;
}, { what: `${users} are there` });

const passed = (ms) => {
	const began = Date.now();

	return until(() => Date.now() - began >= ms, { ms: 2 * ms });
};

test('nobody is told that a shard moves', { skip }, () =>
	quiet(RUN, async (house, sys) => {
		const { watchers, others } = await populate(sys);
		const events = [['join', 'other']];
		const more = [];

		await told(watchers, events);
		await house.end('store.2');
		await until(async () => await house.shards('store.1') === SHARDS);
		await rosters(sys, ['other', 'watcher']);
		for (const channel of ROOMS)
			more.push(await enter(sys, 'late', { channel }));
		events.push(['join', 'late']);
		await told(watchers, events);
		await house.begin('store.2');
		await house.balanced();
		await rosters(sys, ['late', 'other', 'watcher']);
		for (const who of more)
			who.drop();
		events.push(['leave', 'late']);
		await told(watchers, events);
		await passed(LINGER);
		await told(watchers, events);
		for (const who of [...watchers, ...others])
			who.drop();
	}));

// Who went is missed by a store that never saw him.
test('who leaves while a shard moves is gone, and that is told', { skip }, () =>
	quiet(RUN, async (house, sys) => {
		const { watchers, others } = await populate(sys);

		await told(watchers, [['join', 'other']]);
		for (const who of others.slice(0, 4))
			who.drop(); // it lingers
		const end = house.end('store.2');

		for (const who of others.slice(4, 8))
			who.drop();
		await end;
		for (const who of others.slice(8)) {
			who.back = false;
			who.ask({ op: 'unsubscribe', channel: who.channel });
		}
		await told(watchers, [['join', 'other'], ['leave', 'other']]);
		await rosters(sys, ['watcher']);
		await passed(LINGER);
		await told(watchers, [['join', 'other'], ['leave', 'other']]);
		for (const who of [...watchers, ...others])
			who.drop();
	}));
