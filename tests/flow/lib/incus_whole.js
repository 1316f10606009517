// incus_whole.js - whole clients of Incus in Node: two that behave as those its
// users have (incus_old.js), and our own /incus.js; and somebody to talk to
// them.
import { once } from 'node:events';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after } from 'node:test';
import WebSocket from 'ws';
import { incusOld } from './incus_old.js';
import { top, until } from './proc.js';

export const Incus = createRequire(import.meta.url)(
	path.join(top, 'ingress/www/incus.js'));
export const KINDS = ['Script', 'Module', 'ours'];

const open = new Set();

after(() => {
	for (const client of open)
		client.close();
});

// A client in Node, and what it was told.
export function client(sys, kind, { user, page, socket = true,
	fetch = globalThis.fetch }) {
	const root = { fetch, AbortController,
		WebSocket: socket ? WebSocket : undefined };
	const url = sys.url('');
	const one = kind === 'ours' ?
		new Incus(url, user, page, { WebSocket: root.WebSocket ?? null, fetch }) :
		new (incusOld(root)[kind])(url, user, page);

	one.heard = [];
	one.connects = 0;
	one.on('hello', (data) => one.heard.push(data.n));
	one.on('connect', () => one.connects++);
	open.add(one);
	return one;
}

// Somebody who only speaks: an application's own socket.
export async function speaker(sys) {
	const socket = new WebSocket(sys.url('/socket', 'ws'));

	open.add(socket);
	await once(socket, 'open');
	socket.send('{"command":{"command":"authenticate","user":"app"}}');
	return (to, n) => socket.send(JSON.stringify({
		command: { command: 'message', ...to },
		message: { event: 'hello', data: { n } } }));
}

// Messages reach it again and again until one did: then it is there.
export async function there(one, say, to) {
	await until(() => {
		if (one.heard.length === 0)
			say(to, 0);
		return one.heard.length !== 0;
	}, { what: 'the client hears something' });
	await quiet(one, say);
	one.heard.length = 0;
}

// What was said before has been heard: said to it alone, in order.
export async function quiet(one, say) {
	const mark = -1 - Math.floor(Math.random() * 1e9);

	await until(() => {
		say({ user: one.user }, mark);
		return one.heard.includes(mark);
	}, { what: 'the client hears a mark' });
}

export const said = (one) => [...new Set(one.heard.filter((n) => n > 0))];
