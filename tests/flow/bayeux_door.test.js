// bayeux_door.test.js - a Bayeux session is one hub's, and its client reaches
// it by whatever connection it has: plain or TLS, a request or a WebSocket.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { connect, events, subscribe } from './lib/bayeux.js';
import { freePort, until } from './lib/proc.js';
import { missing, system } from './lib/system.js';
import { certificate } from './lib/tls.js';

const skip = missing('store', 'hub', 'ingress');
const HUBS = 3;
const HANDSHAKE = { channel: '/meta/handshake', version: '1.0',
	supportedConnectionTypes: ['long-polling'] };
const LATE = 20000; // ms
const open = new Set();
let sys, safe;

before(async () => {
	if (skip)
		return;
	safe = await freePort();
	sys = await system({ formation: `hub=${HUBS}`, env: certificate(),
		listen: `127.0.0.1:PORT 127.0.0.1:${safe}+tls` });
});
after(async () => {
	for (const line of open)
		line.end();
	await sys?.stop();
});

// One connection, which stays.
class Line {
	constructor(scheme) {
		const { Agent, request } = { http, https }[scheme];

		this.request = request;
		this.where = { host: '127.0.0.1', path: '/push', method: 'POST',
			port: scheme === 'https' ? safe : sys.port,
			rejectUnauthorized: false,
			headers: { 'content-type': 'application/json' },
			agent: new Agent({ keepAlive: true, maxSockets: 1 }) };
		this.sockets = new Set();
		open.add(this);
	}

	async say(...messages) {
		const request = this.request({ ...this.where,
			signal: AbortSignal.timeout(LATE) });
		let text = '';

		request.on('socket', (socket) => this.sockets.add(socket));
		request.end(JSON.stringify(messages));
		const [reply] = await once(request, 'response');

		reply.setEncoding('utf8');
		for await (const part of reply)
			text += part;
		assert.equal(reply.statusCode, 200, text);
		return JSON.parse(text);
	}

	end() {
		this.where.agent.destroy();
	}
}

const good = ([reply]) => {
	assert.equal(reply.successful, true, JSON.stringify(reply));
	return reply;
};

// Sessions on connections of their own, until every hub has one.
async function sessions(scheme) {
	const all = [];
	const hubs = () => new Set(all.map(({ id }) => id.slice(0, 6))).size;

	while (hubs() < HUBS) {
		const line = new Line(scheme);

		assert.ok(all.length < 30, 'hubs take turns');
		all.push({ line, id: good(await line.say(HANDSHAKE)).clientId });
	}
	return all;
}

const onward = () => sys.sum('handovers_onward_total');

for (const scheme of ['http', 'https']) {
	test(`one connection serves sessions of all hubs, ${scheme}`, { skip },
		async () => {
			const channel = `/app/public/${scheme}`;
			const all = await sessions(scheme);
			const wanders = new Line(scheme);
			const before = await onward();

			for (const { id } of [...all, ...all])
				good(await wanders.say(subscribe(id, channel)));
			assert.ok(await onward() >= before + HUBS);
			assert.equal(wanders.sockets.size, 1, 'it stayed the same');
			const polls = all.map(({ id, line }) => line.say(connect(id)));

			await sys.publish({ channel, data: { n: 1 } });
			for (const poll of polls) {
				const replies = await poll;

				good(replies);
				assert.deepEqual(events(replies).map(({ data }) => data),
					[{ n: 1 }]);
			}
		});

	test(`one WebSocket goes from hub to hub, ${scheme}`, { skip }, async () => {
		const channel = `/app/public/${scheme}/ws`;
		const all = await sessions(scheme);
		const { where } = all[0].line;
		const ws = new WebSocket(`${scheme === 'https' ? 'wss' : 'ws'}://` +
			`127.0.0.1:${where.port}/push`, { rejectUnauthorized: false });
		const heard = [];

		ws.on('message', (text) => heard.push(...JSON.parse(text)));
		await once(ws, 'open');
		const before = await onward();

		for (const [i, { id }] of [...all, ...all].entries()) {
			ws.send(JSON.stringify([{ ...subscribe(id, channel), id: `${i}` }]));
			await until(() => heard.length > i, { what: 'it is answered' });
			assert.equal(heard[i].id, `${i}`);
			good([heard[i]]);
		}
		assert.ok(await onward() >= before + HUBS);
		// it is his who said connect last, and he hears at once
		for (const { id } of all)
			ws.send(JSON.stringify(connect(id, { connectionType: 'websocket',
				id: 'c', advice: { timeout: 0 } })));
		await until(() => heard.filter(({ id }) => id === 'c').length ===
			all.length, { what: 'all connects are answered' });
		await sys.publish({ channel, data: 'live' });
		await until(() => events(heard).some(({ data }) => data === 'live'),
			{ what: 'it hears' });
		ws.terminate();
	});
}

test('sessions of a hub that died are gone, those of others are not', { skip },
	async () => {
		const all = await sessions('http');
		const wanders = new Line('http');
		const homeless = () => sys.sum('handovers_homeless_total');
		const before = await homeless();

		await wanders.say(HANDSHAKE);
		const [{ localPort }] = wanders.sockets;
		const its = sys.holder(localPort);

		const dies = its === 'hub.1' ? 'hub.2' : 'hub.1';

		await sys.kill(dies);
		// what was on its way to it then would be lost
		await until(() => sys.out.includes(`event=hub_left hub=${dies}`));
		await sys.readyz();
		const replies = [];

		for (const { id } of all)
			replies.push((await wanders.say(
				connect(id, { advice: { timeout: 0 } })))[0]);
		const gone = replies.filter(({ successful }) => !successful);

		assert.ok(gone.length >= 1 && gone.length < all.length,
			JSON.stringify(replies));
		for (const { error, advice } of gone) {
			assert.match(error, /^401:.*:Unknown client$/);
			assert.equal(advice.reconnect, 'handshake');
		}
		assert.ok(await homeless() > before);
	});
