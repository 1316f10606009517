// redis.js - a Redis of one's own, and a client that speaks just enough RESP.
import { once } from 'node:events';
import net from 'node:net';
import { freePort, start, tmpdir } from './proc.js';

// Read one reply at `at`: [value, next], or null as long as it is not whole.
function read(bytes, at) {
	const end = bytes.indexOf('\r\n', at);

	if (end < 0)
		return null;
	const kind = String.fromCharCode(bytes[at]);
	const line = bytes.toString('utf8', at + 1, end);
	const n = Number(line);

	if (kind === '+')
		return [line, end + 2];
	if (kind === '-')
		return [new Error(line), end + 2];
	if (kind === ':')
		return [n, end + 2];
	if (n < 0)
		return [null, end + 2];
	if (kind === '$')
		return bytes.length < end + 2 + n + 2 ? null :
			[bytes.toString('utf8', end + 2, end + 2 + n), end + 4 + n];
	const list = [];
	let next = end + 2;

	while (list.length < n) {
		const item = read(bytes, next);

		if (item === null)
			return null;
		list.push(item[0]);
		next = item[1];
	}
	return [list, next];
}

class Connection {
	constructor(socket) {
		this.socket = socket;
		this.waiting = [];
		let bytes = Buffer.alloc(0);

		socket.on('error', () => {});
		socket.on('data', (more) => {
			bytes = Buffer.concat([bytes, more]);
			for (let item; (item = read(bytes, 0)) !== null;) {
				bytes = bytes.subarray(item[1]);
				this.waiting.shift()(item[0]);
			}
		});
	}

	// Send a command; its reply, or the error Redis gave.
	async do(...args) {
		const text = args.map(String);

		this.socket.write(`*${text.length}\r\n` + text.map((arg) =>
			`$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join(''));
		const reply = await new Promise((resolve) =>
			this.waiting.push(resolve));

		if (reply instanceof Error)
			throw reply;
		return reply;
	}

	close() {
		this.socket.destroy();
	}
}

// For one whose death is not its data's: what it answered is on disk.  Told to
// sync each second it answers first and writes later while a sync is slow.
export const KEPT = ['--appendonly', 'yes', '--appendfsync', 'always'];

// Start one, and be connected to it: { port, dir, args, proc, do, close }.
export async function redis({ args = [], port, dir = tmpdir() } = {}) {
	const at = port ?? await freePort();
	const proc = await start('redis-server', ['--port', `${at}`,
		'--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', ...args],
	{ cwd: dir, ready: false });

	await proc.said(/Ready to accept connections/);
	const socket = net.connect(at, '127.0.0.1');

	await once(socket, 'connect');
	return Object.assign(new Connection(socket),
		{ port: at, dir, args, proc });
}
