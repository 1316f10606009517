// confused.test.js - peers of a store that say whatever the protocol can say,
// in any order, with values at every limit: the store stays, serves the others
// meanwhile, and its counters add up.
//
// CONFUSED_MS=60000 for longer, CONFUSED_SEED for another story.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { bin } from './lib/proc.js';
import { random } from './lib/random.js';
import { missing, system } from './lib/system.js';
import { ID, Wire } from './lib/wire.js';

const LASTS = Number(process.env.CONFUSED_MS ?? 4000);
const SEED = Number(process.env.CONFUSED_SEED ?? 1);
const SHARDS = 4;
const skip = missing('store', 'hub', 'ingress', 'tap');
const names = (n, name) => Array.from({ length: n }, (_, i) => name + i);
const CHANNELS = [...names(6, '/app/public/c'), ...names(6, '/app/presence/c'),
	...names(3, '/app/public/loose/c'), '/app/public/*', '/app/private/a/**',
	'/push/private/u', `/app/public/${'x'.repeat(240)}`, '', '/', 'no',
	'/app/public/\0'];
const WORDS = ['', 'a', 'app', 'other', 'k', 'u', 's', 'devices', 'tokens',
	'apps', 'keys', 'rejected', 'app/u', 'since', '\0', 'a\0b', '{"a":1}',
	'application/json', 'é', 'x'.repeat(31), 'x'.repeat(63), 'x'.repeat(255)];
const OFTEN = ['publish', 'enqueue', 'put', 'receipt', 'credit', 'join', 'enter'];

// Of the frames that stores are sent: { id, name, fields: [{ kind, most }] }.
// A stat is what a peer has counted itself: lies would not add up.
function protocol() {
	const frames = [];

	for (const line of execFileSync(bin('tap'), ['--print-protocol'])
		.toString().split('\n')) {
		const field = /^ {6,}\d+ (\w+) +(\w+) +<= (\d+)/.exec(line);
		const frame = /^ *(\d+) (\w+) +(.*)$/.exec(line);

		if (field)
			frames.at(-1).fields.push({ name: field[1], kind: field[2],
				most: BigInt(field[3]) });
		else if (frame)
			frames.push({ id: BigInt(frame[1]), name: frame[2],
				say: frame[3], fields: [] });
	}
	return frames.filter(({ name, say }) => /-> store/.test(say) &&
		!['hello', 'bye', 'stat'].includes(name));
}

class Confused {
	constructor(socket, draw) {
		Object.assign(this, { socket, draw, learned: [1n], seq: 0n, said: 0 });
	}

	pick(list) {
		return list[this.draw(list.length)];
	}

	number({ name, most }) {
		const now = BigInt(Date.now());
		const value = name === 'shard' && this.draw(20) !== 0 ?
			BigInt(this.draw(SHARDS)) : this.pick([0n, 0n, 1n, 1n, 2n,
				BigInt(this.draw(70000)), most, most - 1n, 1n << 63n,
				now, now + BigInt(this.draw(2000)), this.pick(this.learned),
				this.pick(this.learned)]);

		return value > most ? most : value < 0n ? 0n : value;
	}

	value(field) {
		const { name, kind, most } = field;

		if (kind === 'number')
			return this.number(field);
		if (kind === 'bytes' && this.draw(2) === 0)
			return Buffer.alloc(this.draw(2000), this.draw(256));
		const text = name === 'queue' ? this.pick(['q', 'w']) :
			this.pick(/channel|box|pattern/.test(name) ? CHANNELS : WORDS);
		const short = Buffer.byteLength(text) > most ? '' : text;

		return kind === 'bytes' ? Buffer.from(short) : short;
	}

	frame(frames) {
		const often = this.draw(3) === 0 && this.pick(OFTEN);
		const { id, fields } = often ?
			frames.find(({ name }) => name === often) : this.pick(frames);
		const values = fields.map((field) => this.value(field));

		if (fields[0].name === 'seq' && this.draw(500) !== 0)
			values[0] = ++this.seq;
		this.said++;
		return [id, ...values];
	}

	// One link, which says hello and goes on as long as it may.
	async link(at, frames, over) {
		const socket = net.connect(at);

		await once(socket, 'connect');
		const wire = new Wire(socket, 'DEALER', ([id, ...fields]) => {
			if (id === ID.who)
				wire.close();
			for (const one of fields)
				if (Number.isSafeInteger(one))
					this.learned.push(BigInt(one));
			this.learned.splice(0, this.learned.length - 100);
		});

		this.seq = 0n;
		wire.send([ID.hello, this.pick(['hub', 'ingress', 'apns', 'bridge']),
			`confused.${this.draw(4)}`, this.draw(1 << 30) + 1, 1]);
		for (let turn = this.draw(200); turn > 0 && !wire.dead &&
		    !over(); turn--) {
			wire.send(...Array.from({ length: 1 + this.draw(20) },
				() => this.frame(frames)), [ID.beat, wire.sent + 1n, 0]);
			await new Promise((resolve) => setImmediate(resolve));
		}
		wire.close();
	}
}

async function confuse(sys, n, over) {
	const frames = protocol();
	const at = path.join(sys.dir, 'run/store');
	const all = names(n, '').map((_, i) =>
		new Confused(null, random(SEED + i)));

	await Promise.all(all.map(async (one) => {
		while (!over())
			await one.link(at, frames, over);
	}));
	return all.reduce((sum, { said }) => sum + said, 0);
}

for (const engine of ['rocksdb', 'memory'])
	test(`a store on ${engine} hears nonsense`, { skip }, async (t) => {
		const sys = await system({ formation: '', env: {
			POSTHORN_SHARDS: `${SHARDS}`, POSTHORN_STORE_ENGINE: engine,
			POSTHORN_STORE_HISTORY: '/**=20,1m,100k /*/public/loose/**=0',
			POSTHORN_STORE_JOB_LEASE: '300ms', POSTHORN_STORE_LINGER: '500ms',
			POSTHORN_STORE_JOB_GRACE: '300ms', POSTHORN_STORE_JOBS: '3000',
			POSTHORN_STORE_DEAD_LETTERS: '50', POSTHORN_STORE_TRACKS: '50',
			POSTHORN_STORE_BOX_ITEMS: '20', POSTHORN_STORE_CHANNELS: '1000',
			POSTHORN_STORE_PRESENCE_USERS: '30' } });
		const store = sys.pid('store.1'), end = Date.now() + LASTS;
		let published = 0;
		// On a busy machine it takes longer until others were served, too.
		const over = () => Date.now() >= end && published > 10;

		try {
			const said = confuse(sys, 6, over);

			for (; !over(); published++)
				await sys.publish({ channel: '/app/public/sane',
					data: published });
			t.diagnostic(`${await said} frames, ${published} publishes`);
			assert.equal(sys.pid('store.1'), store, 'it never died');
		} finally {
			await sys.stop(); // and the counters add up
		}
	});
