// incus_sets.test.js - the sets in Redis that outside tools read, as hubs have
// the bridge keep them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Bus } from './lib/bus.js';
import { encode, read } from './lib/msgpack.js';
import { until } from './lib/proc.js';
import { redis } from './lib/redis.js';

const ASK = 140n, TOLD = 141;
const SOCKETS = 4, PAGE = 5, PRESENT = 6, ABSENT = 7, HUB = 8;
let bus, db, it, ref = 0;
const told = new Map();

before(async () => {
	bus = new Bus();
	db = await redis();
	it = await bus.start('bridge', ['--bus', '-'], { piped: true,
		env: { POSTHORN_REDIS: `127.0.0.1:${db.port}` } });
	let rest = Buffer.alloc(0);

	it.child.stdout.on('data', (bytes) => {
		rest = Buffer.concat([rest, bytes]);
		try {
			for (;;) {
				const [frame, end] = read(rest);

				rest = rest.subarray(end);
				if (frame[0] === TOLD)
					told.set(frame[1], frame);
			}
		} catch (e) {
			assert.ok(e instanceof RangeError, e); // the next is not whole
		}
	});
});
after(async () => {
	await it.stop();
	db.close();
	await db.proc.stop();
});

async function once(verb, ...words) {
	const n = ++ref;

	it.child.stdin.write(encode([ASK, BigInt(n), verb,
		...words.map((word) => Buffer.from(`${word}`))]));
	await until(() => told.has(n), { what: `answer ${n}` });
	return told.get(n).slice(2).map((v) => Buffer.isBuffer(v) ? `${v}` : v);
}

async function ask(...words) {
	let reply;

	await until(async () => { // until Redis is connected
		reply = await once(...words);
		return reply[0] !== 10;
	}, { what: 'the bridge has its Redis' });
	assert.deepEqual(reply.slice(0, 2), [0, 3], `a number: ${reply}`);
	return Number(reply[2]);
}

const clean = async () => assert.deepEqual((await db.do('KEYS', '*'))
	.filter((key) => !key.startsWith('posthorn:bridge:')), []);
const members = async () => (await db.do('SMEMBERS', 'SocketClients')).sort();
const page = (name) => db.do('HGET', 'PageClients', name);

test('I19: a user is in SocketClients as long as any hub has a socket of his',
	async () => {
		await ask(SOCKETS, 'ann', 'hub.1@x', 1);
		await ask(SOCKETS, 'ann', 'hub.1@x', 2);
		await ask(SOCKETS, 'ann', 'hub.2@x', 1);
		await ask(SOCKETS, 'b:b', 'hub.2@x', 1);
		assert.deepEqual(await members(), ['ann', 'b:b']);
		await ask(SOCKETS, 'ann', 'hub.1@x', 0);
		assert.deepEqual(await members(), ['ann', 'b:b']);
		await ask(SOCKETS, 'ann', 'hub.2@x', 0);
		assert.deepEqual(await members(), ['b:b']);
		await ask(SOCKETS, 'b:b', 'hub.2@x', 0);
		await ask(SOCKETS, 'b:b', 'hub.2@x', 0);
		await clean();
	});

test('I19: PageClients has the sockets of all hubs, and returns to absent',
	async () => {
		await ask(PAGE, '/p', 'hub.1@x', 3);
		await ask(PAGE, '/p', 'hub.2@x', 4);
		await ask(PAGE, '/q', 'hub.2@x', 1);
		assert.deepEqual([await page('/p'), await page('/q')], ['7', '1']);
		await ask(PAGE, '/p', 'hub.1@x', 1);
		assert.equal(await page('/p'), '5');
		await ask(PAGE, '/p', 'hub.1@x', 0);
		await ask(PAGE, '/p', 'hub.2@x', 0);
		await ask(PAGE, '/q', 'hub.2@x', 0);
		await clean();
	});

test('I19: ClientPresence has who said so, with its time, and expires',
	async () => {
		await ask(PRESENT, 'ann', 's1', 1700000000);
		await ask(PRESENT, 'ann', 's2', 1700000001);
		assert.deepEqual(await db.do('ZRANGE', 'ClientPresence:ann', 0, -1,
			'WITHSCORES'), ['s1', '1700000000', 's2', '1700000001']);
		const ttl = await db.do('TTL', 'ClientPresence:ann');

		assert.ok(ttl > 60 && ttl <= 300, `${ttl}`);
		await ask(PRESENT, 'ann', 's1', 1700000030);
		assert.equal(await db.do('ZSCORE', 'ClientPresence:ann', 's1'),
			'1700000030');
		await ask(ABSENT, 'ann', 's1', '');
		await ask(ABSENT, 'ann', 's2', '');
		await clean();
	});

test('I19: what a hub said that died is forgotten when it begins again',
	async () => {
		await ask(SOCKETS, 'ann', 'hub.1@x', 1);
		await ask(SOCKETS, 'bob', 'hub.1@x', 1);
		await ask(SOCKETS, 'bob', 'hub.2@x', 1);
		await ask(PAGE, '/p', 'hub.1@x', 1);
		await ask(PAGE, '/q', 'hub.1@x', 1);
		await ask(PAGE, '/q', 'hub.2@x', 2);
		assert.equal(await ask(HUB, 'hub.1@x', '', ''), 4);
		assert.deepEqual(await members(), ['bob']);
		assert.deepEqual([await page('/p'), await page('/q')], [null, '2']);
		assert.equal(await ask(HUB, 'hub.1@x', '', ''), 0);
		assert.equal(await ask(HUB, 'hub.2@x', '', ''), 2);
		await clean();
	});

test('what is no number of sockets is an error, and nothing is done',
	async () => {
		const [code, kind, text] = await once(PRESENT, 'ann', 's', 'soon');

		assert.deepEqual([code, kind], [0, 2], text);
		assert.match(text, /not a valid float/);
		await clean();
	});
