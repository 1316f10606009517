// faye.js - our clients of Bayeux in Node, and Faye's own server as somebody
// else to talk to.
import http from 'node:http';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after } from 'node:test';
import WebSocket from 'ws';
import { freePort, top } from './proc.js';

const require = createRequire(import.meta.url);
const www = (name) => require(path.join(top, 'ingress/www', name));

export const Ours = www('push.js');
export const Pandapush = www('pandapush.js');

const open = new Set();

after(async () => {
	for (const one of open)
		await one.stop();
});

// A client of ours that ends with the test.
export function client(url, { socket = true, Kind = Ours.Client,
	...options } = {}) {
	const one = new Kind(url, { retry: 0.2,
		WebSocket: socket ? WebSocket : null, ...options });

	open.add({ stop: () => one.disconnect() });
	return one;
}

// Faye's server on a port: what came to it stands in `said`.
export class Peer {
	constructor({ page, ...options } = {}) {
		this.page = page; // what it says of other paths
		this.options = { mount: '/push', timeout: 2, ...options };
		this.said = [];
		this.sockets = new Set();
		open.add(this);
	}

	// Again at the same port, if it was stopped.
	async start() {
		const { NodeAdapter } = require('faye');

		this.port ??= await freePort();
		this.server = http.createServer(this.page ?? ((request, reply) => {
			reply.writeHead(404);
			reply.end();
		}));
		this.faye = new NodeAdapter(this.options);
		this.faye.addExtension({ incoming: (message, done) => {
			this.said.push(message);
			done(this.change ? this.change(message) : message);
		} });
		this.faye.attach(this.server);
		this.server.on('connection', (socket) => {
			this.sockets.add(socket);
			socket.on('close', () => this.sockets.delete(socket));
		});
		this.server.listen(this.port, '127.0.0.1');
		await once(this.server, 'listening');
		this.url = `http://127.0.0.1:${this.port}/push`;
		return this;
	}

	// Cut all connections.
	cut() {
		for (const socket of this.sockets)
			socket.destroy();
	}

	async stop() {
		if (!this.server?.listening)
			return;
		const closed = once(this.server, 'close');

		this.server.close();
		this.cut();
		await closed;
	}
}
