// publishers.js - publish { n, at } at a steady rate until told to finish,
// through whatever happens, as a careful application would.  Of several
// channels each gets one in turn.
//
// finish() waits until all was accepted and resolves with their number.
import { spawn } from 'node:child_process';
import http from 'node:http';
import { after } from 'node:test';
import { bin, environment, until } from './proc.js';
import { KEY } from './system.js';

const running = new Set();

// One that a story left running would keep the file from ending.
after(() => {
	for (const publisher of running)
		publisher.abandon();
});

class Publisher {
	constructor(sys, { channel, rate, store, pad = '' }) {
		Object.assign(this, { sys, rate, store, pad });
		this.channels = [channel].flat();
		this.next = 0; // of the next message
		this.done = 0; // so many are accepted
		this.stopping = false;
		running.add(this);
		this.open();
		this.pacing = this.pace();
	}

	line(n) {
		const channel = this.channels[n % this.channels.length];

		return JSON.stringify({ channel, id: `${n}`,
			data: { n, at: Date.now(), pad: this.pad || undefined } });
	}

	// until() looks every few milliseconds: write what is due by then.
	async pace() {
		const began = Date.now();

		await until(() => {
			const due = (Date.now() - began) * this.rate / 1000;

			while (!this.stopping && this.next < due)
				this.put(this.next++);
			return this.stopping;
		}, { ms: 3600000 });
	}

	async finish() {
		this.stopping = true;
		await this.pacing;
		await until(() => this.done >= this.next, { ms: 30000,
			what: `${this.constructor.name}: all of ${this.next} ` +
			'are accepted' }).catch((e) => {
			throw new Error(`${e.message}, but ${this.done} ${this.note ?? ''}`);
		});
		this.abandon();
		return this.next;
	}

	// Whatever is not accepted yet is given up.
	abandon() {
		this.stopping = true;
		this.end();
		running.delete(this);
	}
}

// One long request of lines, answered line by line; when it breaks, another
// one with all that was not answered.  The ids make that harmless.
class HttpLines extends Publisher {
	open() {
		const call = http.request(this.sys.url('/v1/publish'), {
			method: 'POST', auth: KEY, agent: false,
			headers: { 'content-type': 'application/x-ndjson' } });
		let text = '';

		this.call = call;
		this.lines ??= [];
		this.cursors ??= []; // where each message is
		const again = () => {
			if (this.call !== call || this.ended)
				return;
			this.call = null;
			let turns = 0;

			until(() => turns++ === 4).then(() => this.ended || this.open());
		};

		call.on('error', again);
		call.on('close', again);
		call.on('response', (reply) => {
			if (reply.statusCode !== 200)
				this.note = `status ${reply.statusCode}`;
			reply.setEncoding('utf8');
			reply.on('error', again);
			reply.on('close', again);
			reply.on('data', (more) => {
				const rows = (text += more).split('\n');

				text = rows.pop();
				for (const row of rows)
					this.answer(call, JSON.parse(row));
			});
		});
		for (const line of this.lines)
			call.write(line);
		if (this.lines.length === 0)
			call.flushHeaders();
	}

	// A line that was refused (busy, away) is sent again: with all behind
	// it, in order, on another request.
	answer(call, { error, cursor }) {
		if (call !== this.call)
			return;
		if (error) {
			this.note = JSON.stringify(error);
			call.destroy();
			return;
		}
		this.lines.shift();
		this.cursors[this.done++] = cursor;
	}

	put(n) {
		const line = `${this.line(n)}\n`;

		this.lines.push(line);
		this.call?.write(line);
	}

	end() {
		this.ended = true;
		this.call?.destroy();
	}
}

// bin/send, which cares for the rest.
class PipeLines extends Publisher {
	open() {
		this.child = spawn(bin('send'), [], { cwd: this.sys.dir,
			env: environment(this.sys.env),
			stdio: ['pipe', 'ignore', 'pipe'] });
		this.child.stderr.on('data', (text) =>
			(this.note = (this.note ?? '') + text));
		this.child.stdin.on('error', () => {});
		this.child.on('close', (code) => {
			if (code === 0)
				this.done = this.next;
			this.note = `${this.note ?? ''} exit status ${code}`;
		});
	}

	put(n) {
		this.child.stdin.write(`${this.line(n)}\n`);
	}

	async finish() {
		this.stopping = true;
		await this.pacing;
		this.child.stdin.end();
		return super.finish();
	}

	end() {
		this.child.kill('SIGKILL');
	}
}

// RPUSH; the bridge takes them from the list.
class RedisList extends Publisher {
	open() {}

	put(n) {
		this.store.do('RPUSH', 'posthorn_queue', this.line(n));
	}

	async finish() {
		this.stopping = true;
		await this.pacing;
		await until(async () => await this.store.do(
			'LLEN', 'posthorn_queue') === 0, { ms: 30000,
			what: 'the list is empty' });
		this.done = this.next;
		return super.finish();
	}

	end() {}
}

export const httpLines = (sys, options) => new HttpLines(sys, options);
export const pipeLines = (sys, options) => new PipeLines(sys, options);
export const redisList = (sys, options) => new RedisList(sys, options);
