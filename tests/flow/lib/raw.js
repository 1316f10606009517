// raw.js - a TCP connection byte by byte, for what no HTTP library would send.
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { randomBytes } from 'node:crypto';
import { until } from './proc.js';

class Raw {
	constructor(socket) {
		this.socket = socket;
		this.text = ''; // what came, as latin1
		this.ended = false; // they closed it
		socket.on('data', (bytes) => (this.text += bytes.toString('latin1')));
		socket.on('end', () => (this.ended = true));
		socket.on('close', () => (this.ended = true));
		socket.on('error', (e) => (this.error = e));
	}

	write(bytes) {
		this.socket.write(bytes);
		return this;
	}

	async said(pattern, options) {
		await until(() => pattern.test(this.text) || this.ended,
			{ what: `the answer matches ${pattern}`, ...options });
		return pattern.exec(this.text);
	}

	// All that was said, once they have closed it.
	async whole(options) {
		await until(() => this.ended, { what: 'they close it', ...options });
		return this.text;
	}

	// The statuses of the answers so far.
	get statuses() {
		return [...this.text.matchAll(/HTTP\/1\.1 (\d+)/g)]
			.map(([, status]) => Number(status));
	}

	close() {
		this.socket.destroy();
	}
}

export async function raw(port, { host = '127.0.0.1', secure = false } = {}) {
	const socket = secure ?
		tls.connect({ port, host, rejectUnauthorized: false }) :
		net.connect({ port, host });

	await once(socket, secure ? 'secureConnect' : 'connect');
	return new Raw(socket);
}

// The head of a WebSocket upgrade, and a masked frame.
export function upgrade(headers = '', path = '/v1/ws') {
	return `GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n` +
		'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
		`Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n` +
		`${headers}\r\n`;
}

export function frame(payload, { first = 0x81, masked = true } = {}) {
	const bytes = Buffer.from(payload);
	const mask = masked ? randomBytes(4) : Buffer.alloc(0);
	const head = Buffer.alloc(bytes.length < 126 ? 2 :
		bytes.length < 65536 ? 4 : 10);

	head[0] = first;
	head[1] = { 2: bytes.length, 4: 126, 10: 127 }[head.length];
	if (head.length === 4)
		head.writeUInt16BE(bytes.length, 2);
	if (head.length === 10)
		head.writeBigUInt64BE(BigInt(bytes.length), 2);
	head[1] |= masked ? 0x80 : 0;
	return Buffer.concat([head, mask,
		masked ? bytes.map((byte, i) => byte ^ mask[i & 3]) : bytes]);
}
