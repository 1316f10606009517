// wire.js - the bus by hand, without ZeroMQ: a peer of real stores, and a
// store for real peers that says what a test wants.  Frames are lists of
// their fields, as in msg.def, with the id first; zeros at the end are left
// out.
import { once } from 'node:events';
import net from 'node:net';
import { after } from 'node:test';
import { encode, read } from './msgpack.js';
import { until } from './proc.js';

export const ID = { hello: 1, welcome: 2, owner: 3, who: 4, beat: 5, publish: 16,
	published: 17, put: 19, drop: 20, list: 96, item: 97, list_end: 98 };
export const CODE = { ok: 0, busy: 1, moved: 2, not_found: 9, unavailable: 10,
	timeout: 11, full: 13, draining: 21 };

const HEADER = 19; // bytes of a link's
const MORE = 1, LONG = 2, COMMAND = 4; // bits of a part
const open = new Set();

after(() => open.forEach((one) => one.close()));

function greeting() {
	const bytes = Buffer.alloc(64);

	bytes[0] = 0xff;
	bytes[9] = 0x7f;
	bytes[10] = 3; // ZMTP 3.0
	bytes.write('NULL', 12);
	return bytes;
}

function ready(type) {
	const value = Buffer.alloc(4);

	value.writeUInt32BE(type.length);
	return part(COMMAND, Buffer.concat([Buffer.from('\x05READY\x0bSocket-Type'),
		value, Buffer.from(type)]));
}

function part(bits, body) {
	const size = Buffer.alloc(9, bits | LONG);

	size.writeBigUInt64BE(BigInt(body.length), 1);
	return Buffer.concat([size, body]);
}

// One end of one connection.
export class Wire {
	constructor(socket, type, heard) {
		Object.assign(this, { socket, heard, sent: 0n, seen: 0n });
		this.bytes = Buffer.alloc(0);
		this.dead = false;
		this.begun = false;
		socket.on('error', () => {});
		socket.on('close', () => (this.dead = true));
		socket.on('data', (more) => {
			this.bytes = Buffer.concat([this.bytes, more]);
			while (this.take())
				continue;
		});
		socket.write(Buffer.concat([greeting(), ready(type)]));
	}

	take() {
		const { bytes } = this;
		const wide = bytes[0] & LONG;

		if (bytes.length < (!this.begun ? 64 : wide ? 9 : 2))
			return false;
		const size = !this.begun ? 0 :
			wide ? Number(bytes.readBigUInt64BE(1)) : bytes[1];
		const from = !this.begun ? 64 : wide ? 9 : 2;

		if (bytes.length < from + size)
			return false;
		this.bytes = bytes.subarray(from + size);
		if (this.begun && !(bytes[0] & (COMMAND | MORE)))
			this.message(bytes.subarray(from, from + size));
		this.begun = true;
		return true;
	}

	message(bytes) {
		const frames = [];

		this.seen = bytes.readBigUInt64BE(2) || this.seen;
		for (let at = HEADER; at < bytes.length;) {
			const [frame, next] = read(bytes, at);

			frames.push(frame);
			at = next;
		}
		for (const frame of frames)
			this.heard(frame, this);
	}

	// Numbers are whole ones.
	send(...frames) {
		const whole = (it) => typeof it === 'number' ? BigInt(it) : it;
		const header = Buffer.alloc(HEADER, 0xcf);

		header[0] = 0x92;
		header.writeBigUInt64BE(++this.sent, 2);
		header.writeBigUInt64BE(this.seen, 11);
		this.socket.write(part(0, Buffer.concat([header,
			...frames.map(([id, ...fields]) =>
				encode([id, ...fields.map(whole)]))])));
	}

	close() {
		this.dead = true;
		this.socket.destroy();
	}
}

// A store: it welcomes whoever comes, and hands all else to `answer`, which
// is given the frame and the wire it came by.
export class Script {
	static async at(path, answer, { name = 'store.1', shards = 1 } = {}) {
		const it = new Script();

		it.wires = [];
		it.server = net.createServer((socket) => {
			const wire = new Wire(socket, 'ROUTER', (frame) => {
				if (frame[0] === ID.hello)
					wire.send([ID.owner, 1, 0, shards - 1, name],
						[ID.welcome, name, 1, shards, 0, 4 << 20]);
				else if (frame[0] !== ID.beat)
					answer(frame, wire);
			});

			it.wires.push(wire);
		}).listen(path);
		await once(it.server, 'listening');
		it.beat();
		open.add(it);
		return it;
	}

	// As long as it beats it is alive.
	beat() {
		let last = Date.now();

		until(() => {
			if (Date.now() >= last + 1000) {
				last = Date.now();
				this.wires.filter(({ dead }) => !dead).forEach((wire) =>
					wire.send([ID.beat, wire.sent + 1n, 0]));
			}
			return this.closed;
		}, { ms: 3600000 });
	}

	close() {
		this.closed = true;
		this.wires.forEach((wire) => wire.close());
		this.server.close();
		open.delete(this);
	}
}

// A peer of some stores that writes one thing at a time, and insists: by
// another link, at another store, with the same number, until one of them
// has decided.
export class Scribe {
	constructor(paths) {
		Object.assign(this, { paths, at: 0, seq: 0, ref: 0 });
		this.boot = BigInt(Math.floor(Math.random() * 2 ** 48)) + 1n;
		this.frames = [];
		open.add(this);
	}

	// Connected, welcomed.
	async link() {
		this.wire?.close();
		this.frames = [];
		const socket = net.connect(this.paths[this.at]);
		const failed = await once(socket, 'connect').catch((e) => e);

		if (failed instanceof Error)
			return false;
		this.wire = new Wire(socket, 'DEALER', (frame, wire) =>
			frame[0] === ID.who ? wire.close() : this.frames.push(frame));
		this.wire.send([ID.hello, 'send', `flow.${this.boot}`, this.boot, 1]);
		return until(() => this.wire.dead || this.heard(ID.welcome), { ms: 1000 })
			.then(() => !this.wire.dead).catch(() => false);
	}

	heard(id, n) {
		return this.frames.find((frame) => frame[0] === id &&
			(n === undefined || frame[1] === n));
	}

	// What is answered to it in the end; `passes`: it is not decided by that.
	async insist(what, frame, done, passes) {
		const began = Date.now();
		let got;

		for (;;) {
			if (this.wire && !this.wire.dead) {
				this.wire.send(frame);
				await until(() => this.wire.dead || (got = done()),
					{ ms: 2000 }).catch(() => this.wire.close());
				if (got && !passes(got))
					return got;
			}
			if (Date.now() - began > 30000)
				throw new Error(`${what}: ${got ?? 'no answer'}`);
			this.at = (this.at + 1) % this.paths.length;
			await this.link();
			let turns = 0;

			await until(() => turns++ === 4);
		}
	}

	// The code of what became of it: [ID, fields behind seq].
	async write(id, ...fields) {
		const seq = ++this.seq;
		const again = [CODE.busy, CODE.moved, CODE.unavailable, CODE.draining];

		return (await this.insist(`write ${seq}`, [id, seq, ...fields],
			() => this.heard(ID.published, seq),
			([, , code]) => again.includes(code)))[2] ?? CODE.ok;
	}

	// The items of a box: key -> version.
	async list(box) {
		const ref = ++this.ref;

		await this.insist(`list ${box}`, [ID.list, ref, box, '', 1000],
			() => this.heard(ID.list_end, ref),
			([, , code = CODE.ok]) => code !== CODE.ok);
		return new Map(this.frames.filter((frame) =>
			frame[0] === ID.item && frame[1] === ref)
			.map(([, , key, version = 0]) => [key, version]));
	}

	close() {
		this.wire?.close();
		open.delete(this);
	}
}
