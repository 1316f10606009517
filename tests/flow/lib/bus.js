// bus.js - a store of one's own, and what goes in and out of it by pipes.
import path from 'node:path';
import { bin, start, tmpdir, until } from './proc.js';

// A run directory and what is started in it.
export class Bus {
	constructor() {
		this.dir = tmpdir();
		this.env = { POSTHORN_RUN: path.join(this.dir, 'run') };
	}

	start(name, args = [], options = {}) {
		return start(bin(name), args, {
			...options, cwd: this.dir,
			env: { ...this.env, ...options.env },
		});
	}

	// bin/tap, whose frames are taken apart as they come.
	async tap(...args) {
		const proc = await this.start('tap', args, { piped: true });

		proc.frames = [];
		let rest = '';

		proc.child.stdout.setEncoding('utf8');
		proc.child.stdout.on('data', (text) => {
			const lines = (rest + text).split('\n');

			rest = lines.pop();
			proc.frames.push(...lines.map((line) => JSON.parse(line)));
		});
		proc.bodies = () => proc.frames.map((f) => f.body);
		proc.got = (n, ms = 20000) => until(() => proc.frames.length >= n,
			{ ms, what: `${n} frames` }).catch((e) => {
			throw new Error(`${e.message}; there are ` +
			    `${proc.frames.length}\n${proc.out}`);
		});
		return proc;
	}

	// bin/send with this input: { code, out (stdout), err }.
	async send(input, args = [], options = {}) {
		const proc = await this.start('send', args,
			{ ...options, piped: true, ready: false });
		const parts = [];

		proc.child.stdin.on('error', () => {});
		proc.child.stdout.on('data', (bytes) => parts.push(bytes));
		proc.child.stdin.end(input);
		const { code } = await proc.ended({ ms: 40000 });

		return { code, out: Buffer.concat(parts), err: proc.out };
	}
}
