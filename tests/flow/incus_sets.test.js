// incus_sets.test.js - the keys in Redis that outside tools read, as a bridge
// keeps them for hubs: asks are those of common/verb.def.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Bus } from './lib/bus.js';
import { encode, read } from './lib/msgpack.js';
import { until } from './lib/proc.js';
import { redis } from './lib/redis.js';

const ASK = 140n, TOLD = 141;
const BEGIN = 9, SETS = 10, SWEEP = 11, END = 12;
const UNAVAILABLE = 10, ERROR = 2, NUMBER = 3;
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
	await db.stop();
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
		return reply[0] !== UNAVAILABLE;
	}, { what: 'the bridge has its Redis' });
	assert.deepEqual(reply.slice(0, 2), [0, NUMBER], `a number: ${reply}`);
	return Number(reply[2]);
}

// A hub: its life, and the number of what it asked last.
class Hub {
	constructor(name, life = 'a1') {
		Object.assign(this, { name, life, number: 0 });
	}

	begin() {
		return ask(BEGIN, this.name, this.life, '');
	}

	field(done = this.number) {
		return `${this.life}:${done}:${++this.number}`;
	}

	// Users, pages and sessions: 'uann', 2, ...
	say(...items) {
		return ask(SETS, this.name, this.field(), list(...items));
	}

	sweep() {
		return ask(SWEEP, this.name, this.field(), '');
	}

	end() {
		return ask(END, this.name, this.life, '');
	}
}

const list = (...items) => items.map((word) =>
	`${Buffer.byteLength(`${word}`)}:${word}`).join('');

async function hubs() {
	const both = [new Hub('hub.1@x'), new Hub('hub.2@x', 'b2')];

	for (const hub of both)
		assert.equal(await hub.begin(), 0);
	return both;
}

const left = async () => (await db.do('KEYS', '*'))
	.filter((key) => !key.startsWith('posthorn:bridge:')).sort();
const members = async () => (await db.do('SMEMBERS', 'SocketClients')).sort();
const page = (name) => db.do('HGET', 'PageClients', name);

// Nothing is left of all that was said.
async function clean(...all) {
	for (const hub of all)
		assert.equal(await hub.end(), 0);
	assert.deepEqual(await left(), []);
}

test('I19: a user is in SocketClients as long as any hub has a socket of his',
	async () => {
		const [one, two] = await hubs();

		assert.equal(await one.say('uann', 1), 1);
		await one.say('uann', 2);
		await two.say('uann', 1, 'ub:b', 1);
		assert.deepEqual(await members(), ['ann', 'b:b']);
		await one.say('uann', 0);
		assert.deepEqual(await members(), ['ann', 'b:b']);
		await two.say('uann', 0);
		assert.deepEqual(await members(), ['b:b']);
		await two.say('ub:b', 0);
		await two.say('ub:b', 0);
		await clean(one, two);
	});

test('I19: PageClients has the sockets of all hubs, and returns to absent',
	async () => {
		const [one, two] = await hubs();

		await one.say('p/p', 3);
		await two.say('p/p', 4, 'p/q', 1);
		assert.deepEqual([await page('/p'), await page('/q')], ['7', '1']);
		await one.say('p/p', 1);
		assert.equal(await page('/p'), '5');
		await one.say('p/p', 0);
		await two.say('p/p', 0, 'p/q', 0);
		assert.equal(await db.do('EXISTS', 'PageClients'), 0);
		await clean(one, two);
	});

test('what an original node counts besides stays', async () => {
	const [one, two] = await hubs();

	await db.do('HINCRBY', 'PageClients', '/p', 2);
	await one.say('p/p', 3);
	assert.equal(await page('/p'), '5');
	await one.say('p/p', 0);
	assert.equal(await page('/p'), '2');
	await db.do('DEL', 'PageClients');
	await clean(one, two);
});

test('I19: ClientPresence has who said so, with its time, and expires',
	async () => {
		const [one, two] = await hubs();

		await one.say('hs1', '1700000000 ann', 'hs2', '1700000001 ann');
		assert.deepEqual(await db.do('ZRANGE', 'ClientPresence:ann', 0, -1,
			'WITHSCORES'), ['s1', '1700000000', 's2', '1700000001']);
		const ttl = await db.do('TTL', 'ClientPresence:ann');

		assert.ok(ttl > 60 && ttl <= 300, `${ttl}`);
		await one.say('hs1', '1700000030 ann');
		assert.equal(await db.do('ZSCORE', 'ClientPresence:ann', 's1'),
			'1700000030');
		await one.say('hs1', '', 'hs2', '', 'hs3', '');
		await clean(one, two);
	});

test('any bytes are a name', async () => {
	const [one, two] = await hubs();
	const odd = ['12:x', 'a b', '%s\n%', '\u{1f600}', '\0', ' '];

	await one.say(...odd.flatMap((name) =>
		[`u${name}`, 1, `p${name}`, 1, `h${name}`, `1 ${name}`]));
	assert.deepEqual(await members(), [...odd].sort());
	assert.deepEqual((await db.do('HKEYS', 'PageClients')).sort(),
		[...odd].sort());
	for (const name of odd)
		assert.deepEqual(await db.do('ZRANGE', `ClientPresence:${name}`,
			0, -1), [name]);
	await clean(one, two);
});

test('I19: what a hub said that died is forgotten when it begins again',
	async () => {
		const [one, two] = await hubs();

		await one.say('uann', 1, 'ubob', 1, 'p/p', 1, 'p/q', 1,
			'hs1', '1 ann', 'hs2', '2 bob');
		await two.say('ubob', 1, 'p/q', 2, 'hs3', '3 bob');
		one.life = 'a2';
		one.number = 0;
		assert.equal(await one.begin(), 0);
		assert.deepEqual(await members(), ['bob']);
		assert.deepEqual([await page('/p'), await page('/q')], [null, '2']);
		assert.deepEqual(await db.do('ZRANGE', 'ClientPresence:bob', 0, -1),
			['s3']);
		assert.equal(await db.do('EXISTS', 'ClientPresence:ann'), 0);
		await clean(one, two);
	});

test('I19: what a hub said that never comes back is swept by the others',
	async () => {
		const [one, two] = await hubs();
		const many = Array.from({ length: 490 }, (_, n) => n);

		await one.say('uann', 1, 'p/p', 1, 'hs1', '1 ann');
		for (const kind of 'up')
			await one.say(...many.flatMap((n) => [`${kind}${n}`, 1]));
		assert.equal(await two.sweep(), 1);
		assert.equal((await members()).length, 491);
		const ttl = await db.do('PTTL', 'posthorn:incus:life:hub.1@x');

		assert.ok(ttl > 30000 && ttl <= 60000, `${ttl}`);
		await db.do('PEXPIRE', 'posthorn:incus:life:hub.1@x', 1);
		await until(() => db.do('EXISTS', 'posthorn:incus:life:hub.1@x')
			.then((n) => n === 0), { what: 'its time is over' });
		for (const rest of [783, 583, 383, 183, 0])
			assert.equal(await two.sweep(), 1 + rest);
		assert.deepEqual([await members(), await page('/p'),
			await db.do('EXISTS', 'ClientPresence:ann')], [[], null, 0]);
		assert.deepEqual(await db.do('SMEMBERS', 'posthorn:incus:hubs'),
			['hub.2@x']);
		await clean(two);
	});

test('an ask that comes late does nothing', async () => {
	const [one, two] = await hubs();
	const late = one.field(0);

	// In doubt: it is repeated with what is so now, and then comes, too.
	assert.equal(await ask(SETS, one.name, one.field(0), list('uann', 0)), 1);
	assert.equal(await ask(SETS, one.name, late, list('uann', 1)), 1);
	assert.deepEqual(await members(), []);
	// Of an earlier life.
	await one.say('uann', 1);
	one.life = 'a2';
	one.number = 0;
	await one.begin();
	assert.equal(await ask(SETS, one.name, 'a1:3:9', list('uann', 1)), 0);
	assert.deepEqual(await members(), []);
	await clean(one, two);
});

test('a hub that Redis has forgotten is told so', async () => {
	const [one, two] = await hubs();

	await one.say('uann', 1);
	// An older copy of the data was taken.
	await db.do('SET', 'posthorn:incus:life:hub.1@x', 'a1:0', 'KEEPTTL');
	assert.equal(await one.say('ubob', 1), 0);
	assert.equal(await one.sweep(), 0);
	assert.deepEqual(await members(), ['ann']);
	await db.do('FLUSHALL');
	assert.equal(await two.sweep(), 0);
	assert.equal(await one.end(), 0);
	await clean();
});

test('a key that is of another type is skipped, and that is told',
	async () => {
		const [one, two] = await hubs();

		await db.do('SET', 'PageClients', 'mine');
		assert.equal(await one.say('p/p', 1, 'uann', 1), 3);
		assert.deepEqual(await members(), ['ann']);
		await db.do('DEL', 'PageClients');
		await clean(one, two);
	});

test('what is no list of changes is an error', async () => {
	const [one, two] = await hubs();
	const [code, kind, text] = await once(SETS, one.name, one.field(), 'x');

	assert.deepEqual([code, kind], [0, ERROR], text);
	await clean(one, two);
});
