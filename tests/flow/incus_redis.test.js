// incus_redis.test.js - what a hub's Incus clients have to do with Redis: the
// switch of long polls, a user's page, and messages that go round by it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { message, poll, socket } from './lib/incus_client.js';
import { freePort, until } from './lib/proc.js';
import { raw } from './lib/raw.js';
import { bridged, redis } from './lib/redis.js';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress', 'bridge');
let db, sys;

before(async () => {
	if (skip)
		return;
	db = await redis();
	sys = await system({ stages: ['store', 'ingress', 'hub', 'bridge'],
		formation: 'hub=3', env: {
			POSTHORN_REDIS: `127.0.0.1:${db.port}`,
			POSTHORN_HUB_INCUS_REDIS: 'Incus' } });
	await bridged(db, 'Incus');
});
after(async () => {
	await sys?.stop();
	await db?.stop();
});

// One poll after the other until one has this status.
async function until503(status) {
	await until(async () => {
		const it = await poll(sys.port, { user: 'i12',
			command: message({ user: 'i12' }, 'back') });
		const got = await it.answered();

		it.close();
		if (got.status === 503)
			assert.equal(got.headers.connection, 'close');
		return got.status === status;
	}, { ms: 12000, what: `a poll is answered ${status}` });
}

test('I12: the switch refuses polls within 6 s, and not sockets', { skip },
	async () => {
		const it = await socket(sys.port, { user: 'i12s' });

		await until503(200);
		for (const args of [[], ['EX', 100]]) {
			const began = Date.now();

			await db.do('SET', 'longpoll_killswitch', 'x', ...args);
			await until503(503);
			assert.ok(Date.now() - began < 6500,
				`${Date.now() - began} ms`);
			it.say(message({ user: 'i12s' }, `still ${args}`));
			await it.heard(`still ${args}`);
			await db.do('DEL', 'longpoll_killswitch');
			await until503(200);
		}
		it.close();
	});

test('I12: a hub that begins while the switch is on refuses the first poll',
	{ skip }, async () => {
		await db.do('SET', 'longpoll_killswitch', 'x');
		const port = await freePort();
		const late = await sys.more('hub', 'late', { args: ['--listen', `${port}`] });
		const at = async (event) => Date.parse((await late.said(
			new RegExp(`ts=(\\S+) .*event=${event}`)))[1]);
		const took = await at('incus_longpoll taken=0') - await at('ready');

		assert.ok(took <= 6000, `told after ${took} ms`);
		const it = await poll(port, { user: 'i12' });

		assert.equal((await it.answered()).status, 503);
		it.close();
		await late.stop();
		await db.do('DEL', 'longpoll_killswitch');
		await until503(200);
	});

test('I16: by Redis the envelope is on the channel, and comes once', { skip },
	async () => {
		const all = await Promise.all(['a', 'a', 'b'].map((user) =>
			socket(sys.port, { user, page: 'p' })));
		const [one] = all;
		const ear = await raw(db.port);

		await ear.write('SUBSCRIBE Incus\r\n').said(/:1\r\n$/);
		ear.text = '';
		// As it was said, whatever is in it, but what is behind it.
		const said = ['{"message": {"x": 1.0, "data": {"b": 2, "a": "ü"},' +
			' "event": "odd"}, "more": [], "COMMAND": {"command":' +
			' "MESSAGE", "user": "a", "own": ""}}',
		...Array.from({ length: 50 }, (_, n) =>
			message({ user: 'a' }, `${n}`))];

		one.say(`${said[0]} and more`);
		for (const text of said.slice(1))
			one.say(text);
		one.say(message({}, 'end'));
		await Promise.all(all.map((it) => it.heard('end')));
		const numbers = Array.from({ length: 50 }, (_, n) => `${n}`);

		assert.deepEqual(all.map(({ events }) => events),
			[['odd', ...numbers, 'end'], ['odd', ...numbers, 'end'], ['end']]);
		said.push(message({}, 'end'));
		const wanted = said.map((text) => '*3\r\n$7\r\nmessage\r\n' +
			`$5\r\nIncus\r\n$${Buffer.byteLength(text)}\r\n${text}\r\n`)
			.join('');

		// Redis may tell it after the bridge.
		await until(() => ear.text.length >= Buffer.byteLength(wanted),
			{ what: 'all is on the channel' });
		assert.equal(Buffer.from(ear.text, 'latin1').toString(), wanted);
		ear.close();
		all.forEach((it) => it.close());
	});

test('I16: two bridges keep the order of what a client says', { skip },
	async () => {
		const two = await sys.more('bridge', 'bridge.2');
		const it = await socket(sys.port, { user: 'order' });
		const numbers = Array.from({ length: 500 }, (_, n) => `${n}`);

		await until(async () => (await sys.metrics('redis_connected'))
			.filter(({ value }) => value === 1).length === 2,
		{ what: 'both have their Redis' });
		for (const n of numbers)
			it.say(message({ user: 'order' }, n));
		await it.heard('499');
		assert.deepEqual(it.events, numbers);
		it.close();
		await two.stop();
	});

test('I16: what is said while there is no bridge, or no Redis, is counted',
	{ skip }, async () => {
		const it = await system({ env: { POSTHORN_HUB_INCUS_REDIS: 'Incus' } });
		const one = await socket(it.port, { user: 'lost' });
		const failed = (n) => until(async () =>
			await it.sum('incus_messages_failed_total') === n,
		{ what: `${n} are counted` });

		one.say(message({ user: 'lost' }, 'no bridge'));
		await failed(1);
		const bridge = await it.more('bridge', 'bridge.1', { env: {
			POSTHORN_REDIS: `127.0.0.1:${await freePort()}` } });

		await until(async () => (await it.metrics('_total'))
			.some(({ labels }) => labels.includes('stage="bridge"')),
		{ what: 'the bridge tells of itself' });
		one.say(message({ user: 'lost' }, 'no Redis'));
		await failed(2);
		assert.deepEqual(one.events, []);
		assert.equal(one.ended, false);
		one.close();
		await bridge.stop();
		await it.stop();
	});

test('a page set by Redis is that of all of a user\'s clients', { skip },
	async () => {
		const a = await Promise.all([1, 2, 3, 4].map(() =>
			socket(sys.port, { user: 'mover', page: 'old' })));
		const other = await socket(sys.port, { user: 'other', page: 'old' });
		const command = { command: 'setpage', user: 'mover', page: 'new' };

		await db.do('RPUSH', 'Incus_Queue', JSON.stringify({ command }));
		await until(async () => {
			await db.do('PUBLISH', 'Incus',
				message({ user: 'mover', page: 'new' }, 'moved'));
			return a.every((it) => it.events.includes('moved'));
		}, { what: 'all have moved' });
		await db.do('PUBLISH', 'Incus', message({ page: 'new' }, 'new'));
		await db.do('PUBLISH', 'Incus', message({ page: 'old' }, 'old'));
		await db.do('PUBLISH', 'Incus', message({}, 'end'));
		await Promise.all([...a, other].map((it) => it.heard('end')));
		for (const it of a)
			assert.deepEqual(it.events.filter((event) =>
				event !== 'moved'), ['new', 'end']);
		assert.deepEqual(other.events, ['old', 'end']);
		[...a, other].forEach((it) => it.close());
	});
