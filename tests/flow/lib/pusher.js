// pusher.js - a pusher of pipes: tap takes jobs, send brings receipts.
import assert from 'node:assert/strict';
import { encode } from './msgpack.js';
import { bin, start, until } from './proc.js';

const RECEIPT = 114;
export const DELIVERED = 1, RETRY = 2, GONE = 3, REFUSED = 4;

export class Pusher {
	static async start(sys, queue, lease = 10) {
		const p = new Pusher();
		const run = (name, args) => start(bin(name), args,
			{ cwd: sys.dir, env: sys.env, piped: true });

		p.frames = [];
		p.tap = await run('tap', ['-f', 'job', '--lease', `${lease}`, queue]);
		p.out = await run('send', ['-m']);
		let rest = '';

		p.tap.child.stdout.setEncoding('utf8').on('data', (text) => {
			const lines = (rest + text).split('\n');

			rest = lines.pop();
			p.frames.push(...lines.map((line) => JSON.parse(line)));
		});
		p.out.child.stdin.on('error', () => {});
		return p;
	}

	of(kind) {
		return this.frames.filter((f) => f.frame === kind);
	}

	// The latest lease of each of these targets.
	async got(...targets) {
		const last = (target) =>
			this.of('job').findLast((one) => one.target === target);

		await until(() => targets.every(last),
			{ what: `jobs for ${targets}` });
		return targets.map(last);
	}

	// `at` is when to try again, or since when it is gone: unix ms.
	say(job, outcome, why = '', at = 0) {
		const [shard, number, lease] =
			[job.shard, job.number, job.lease].map(BigInt);

		this.out.child.stdin.write(encode([RECEIPT, shard, number, lease,
			outcome, BigInt(at), why, '', '']));
	}

	// Again until it is settled, as pushers do.  Of a function the latest
	// lease is taken each time.
	async settle(what, ...receipt) {
		const latest = typeof what === 'function' ? what : () => what;
		const { target } = latest();
		let said = 0, job;

		await until(() => {
			job = latest();
			if (Date.now() > said + 500) {
				said = Date.now();
				this.say(job, ...receipt);
			}
			return this.of('settled').some((s) => s.shard === job.shard &&
				s.number === job.number && s.lease === job.lease);
		}, { what: `${target} is settled` }).catch((e) => {
			throw new Error(`${e.message} (${receipt}); of it there is ` +
				JSON.stringify(this.frames.filter((one) =>
					one.number === job.number &&
					one.shard === job.shard)) +
				`\n${this.tap.out}\n${this.out.out}`);
		});
	}

	kill() {
		for (const { child } of [this.tap, this.out])
			child.kill('SIGKILL');
	}
}

// The id of a new job.
export async function enqueue(sys, body) {
	const reply = await sys.request('/v1/jobs',
		{ method: 'POST', body: JSON.stringify(body) });
	const json = await reply.json();

	assert.equal(reply.status, 200, JSON.stringify(json));
	return json.job;
}
