// incus_clients.test.js - whole clients of Incus: two that behave as those its
// users have, and our own /incus.js; in Node and in a browser, on a page of
// another origin, with a WebSocket and without.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, test } from 'node:test';
import puppeteer from 'puppeteer-core';
import { incusOld } from './lib/incus_old.js';
import { Incus, KINDS, client, quiet, said, speaker, there }
	from './lib/incus_whole.js';
import { tmpdir, top, until } from './lib/proc.js';
import { missing, system } from './lib/system.js';

const BROWSER = ['/usr/bin/chromium', '/usr/bin/chromium-browser',
	'/usr/bin/google-chrome'].find((file) => fs.existsSync(file));
const absent = missing('store', 'hub', 'ingress');
const skip = absent;
const skipBrowser = absent || (!BROWSER && 'no chromium here');

// One system for all that leave it as it was.
let shared;
const whole = () => shared ??= system();

after(async () => (await shared)?.stop());

for (const kind of KINDS)
	for (const socket of [true, false])
		test(`J1: ${kind} in Node, ${socket ? 'WebSocket' : 'long poll'}`,
			{ skip }, async () => {
				const sys = await whole();
				const say = await speaker(sys);
				const user = `${kind}-${socket}`;
				const one = client(sys, kind,
					{ user, page: `${user}-old`, socket });

				if (socket)
					await until(() => one.socketConnected);
				await there(one, say, { user });
				one.setPage(`${user}-new`);
				await until(() => {
					say({ page: `${user}-new` }, 1);
					return one.heard.includes(1);
				}, { what: 'the new page is heard' });
				say({ page: `${user}-old` }, 2);
				await until(() => {
					say({ user }, 3);
					return one.heard.includes(3);
				}, { what: 'its user is heard' });
				await until(() => {
					say({}, 4);
					return one.heard.includes(4);
				}, { what: 'what is for all is heard' });
				assert.deepEqual(said(one).sort(), [1, 3, 4]);
				assert.equal(one.socketConnected, socket);
				if (kind === 'Module')
					assert.equal(one.connects, 0);
				else
					assert.equal(one.connects, 1);
				one.close();
			});

test('our client loses nothing between two polls, and keeps the order',
	{ skip }, async () => {
		const sys = await whole();
		const say = await speaker(sys);
		const one = client(sys, 'ours', { user: 'poller', socket: false });
		const all = Array.from({ length: 500 }, (_, i) => i + 1);

		await there(one, say, { user: 'poller' });
		for (const n of all)
			say({ user: 'poller' }, n);
		await until(() => said(one).length >= all.length,
			{ what: 'all came' });
		assert.deepEqual(one.heard.filter((n) => n > 0), all);
		one.close();
	});

test('our client loses nothing while it changes its page, from the first moment',
	{ skip }, async () => {
		const sys = await whole();
		const say = await speaker(sys);
		const one = client(sys, 'ours', { user: 'mover', socket: false });

		await until(() => one.connects === 1);
		for (let n = 1; n <= 200; n++) {
			say({ user: 'mover' }, n);
			one.setPage(`mover-${n % 3}`);
			if (n % 10 === 0)
				await until(() => one.heard.includes(n));
		}
		assert.deepEqual(one.heard,
			Array.from({ length: 200 }, (_, i) => i + 1));
		one.close();
	});

test('our client hears of a page what is said while it is there, only',
	{ skip }, async () => {
		const sys = await whole();
		const say = await speaker(sys);
		const one = client(sys, 'ours',
			{ user: 'guest', page: 'guest-a', socket: false });

		const other = client(sys, 'ours', { user: 'host', page: 'guest-b' });

		await there(one, say, { page: 'guest-a' });
		await there(other, say, { user: 'host' });
		await until(() => {
			say({ page: 'guest-b' }, 1);
			return other.heard.includes(1);
		});
		await quiet(other, say); // all of them are told
		one.setPage('guest-b');
		await until(() => {
			say({ page: 'guest-b' }, 2);
			return one.heard.includes(2);
		});
		assert.deepEqual(said(one), [2]);
		one.close();
		other.close();
	});

test('our client polls for names that are too long for a URL', { skip },
	async () => {
		const sys = await whole();
		const say = await speaker(sys);
		const page = 'ü'.repeat(2000);
		const one = client(sys, 'ours', { user: 'long', page, socket: false });

		await until(() => {
			say({ page }, 1);
			return one.heard.includes(1);
		});
		one.close();
	});

test('our client speaks by poll as it does by socket, each once, in order',
	{ skip }, async () => {
		const sys = await whole();
		const listener = client(sys, 'ours', { user: 'listener' });
		const one = client(sys, 'ours', { user: 'talker', socket: false });
		const all = Array.from({ length: 30 }, (_, i) => i + 1);

		await until(() => listener.socketConnected);
		await there(listener, await speaker(sys), { user: 'listener' });
		for (const n of all)
			one.MessageUser('hello', 'listener', { n });
		await until(() => said(listener).length >= all.length,
			{ what: 'all came' });
		assert.deepEqual(listener.heard.filter((n) => n > 0), all);
		one.close();
		listener.close();
	});

for (const kind of KINDS)
	test(`J2: ${kind} is back after a hub's death, on its page`, { skip },
		async () => {
			const sys = await system();

			try {
				const one = client(sys, kind, { user: 'u', page: 'p' });

				await until(() => one.socketConnected);
				await there(one, await speaker(sys), { page: 'p' });
				await sys.kill('hub.1');
				const say = await until(() => speaker(sys).catch(() => null),
					{ what: 'a hub is there again' });

				await until(() => {
					say({ page: 'p' }, 7);
					return one.heard.includes(7);
				}, { what: 'it hears its page again' });
				one.close();
			} finally {
				await sys.stop();
			}
		});

test('our client is told what was said while its hub was dead', { skip },
	async () => {
		const sys = await system({ formation: 'hub=2' });

		try {
			const one = client(sys, 'ours', { user: 'u', page: 'p' });

			await until(() => one.socketConnected && one.socket._socket);
			const say = await speaker(sys);

			await there(one, say, { user: 'u' });
			await until(() => one.cursor !== '');
			const hub = sys.holder(one.socket._socket.localPort);

			await sys.kill(hub);
			const other = await until(() => speaker(sys).catch(() => null));

			for (let n = 1; n <= 100; n++)
				other({ user: 'u' }, n);
			await until(() => said(one).length >= 100, { what: 'all came' });
			assert.deepEqual(one.heard.filter((n) => n > 0),
				Array.from({ length: 100 }, (_, i) => i + 1));
			one.close();
		} finally {
			await sys.stop();
		}
	});

test('J4: a page without a user does not make the server hot', { skip },
	async () => {
		const sys = await whole();
		const one = client(sys, 'Module', { user: '', socket: false });
		const began = Date.now();

		await until(() => Date.now() - began > 3000);
		one.close();
		assert.ok(one.polls < 10, `${one.polls} polls in three seconds`);
	});

// ---- In a browser, on a page of another port

async function browse(story) {
	const page = http.createServer((request, reply) => reply
		.setHeader('content-type', 'text/html')
		.end('<!doctype html><link rel="icon" href="data:,">')).listen(0);

	await once(page, 'listening');
	const browser = await puppeteer.launch({ executablePath: BROWSER,
		userDataDir: path.join(tmpdir(), 'profile'),
		args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });

	try {
		await story(async () => {
			const tab = await browser.newPage();

			await tab.goto(`http://127.0.0.1:${page.address().port}/`);
			return tab;
		});
	} finally {
		await browser.close();
		page.close();
	}
}

// The same client in a tab; its face here asks the tab.
async function tabClient(tab, sys, kind, { user, page, socket }) {
	await tab.addScriptTag({ url: sys.url('/incus.js') });
	await tab.evaluate((source, url, kind, user, page, socket) => {
		const w = globalThis;

		if (!socket)
			delete w.WebSocket;
		const make = kind === 'ours' ? w.Incus :
			new Function(`return ${source}`)()(w)[kind];

		w.one = new make(url, user, page);
		w.heard = [];
		w.connects = 0;
		w.one.on('hello', (data) => w.heard.push(data.n));
		w.one.on('connect', () => w.connects++);
	}, incusOld.toString(), sys.url(''), kind, user, page, socket);
}

const look = (tab) => tab.evaluate(() => ({ heard: globalThis.heard,
	connects: globalThis.connects,
	socketConnected: globalThis.one.socketConnected }));

async function hears(tab, say, to, n) {
	await until(async () => {
		say(to, n);
		return (await look(tab)).heard.includes(n);
	}, { what: `${n} is heard` });
}

test('J1: each in a browser, from another origin', { skip: skipBrowser },
	async () => {
		const sys = await whole();
		const say = await speaker(sys);

		await browse(async (newTab) => {
			for (const kind of KINDS)
				for (const socket of [true, false]) {
					const tab = await newTab();
					const user = `tab-${kind}-${socket}`;

					await tabClient(tab, sys, kind,
						{ user, page: `${user}-old`, socket });
					if (socket)
						await until(async () =>
							(await look(tab)).socketConnected);
					await hears(tab, say, { user }, 1);
					await tab.evaluate((page) =>
						void globalThis.one.setPage(page), `${user}-new`);
					await hears(tab, say, { page: `${user}-new` }, 2);
					say({ page: `${user}-old` }, 3);
					await hears(tab, say, {}, 4);
					await hears(tab, say, { user }, 5);
					const { heard, connects, socketConnected } =
						await look(tab);

					assert.deepEqual([...new Set(heard)].sort(),
						[1, 2, 4, 5], user);
					assert.equal(socketConnected, socket, user);
					assert.equal(connects, kind === 'Module' ? 0 : 1, user);
					await tab.close();
				}
		});
	});

test('presence tells when nobody is at the page, and again when one is',
	async () => {
		const target = new EventTarget();
		const presence = new Incus.Presence(0.05, target);
		const told = [];

		new Incus.Presence.IncusNotifier(presence,
			{ setPresence: (is) => told.push(is) });
		await until(() => told.length === 2);
		target.dispatchEvent(new Event('keypress'));
		await until(() => told.length === 3);
		presence.close();
		assert.deepEqual(told, [true, false, true]);
	});

test('presence is noticed on all of the document, be there a body or not',
	async () => {
		const had = Object.getOwnPropertyDescriptor(globalThis, 'document');

		globalThis.document = new EventTarget();
		const presence = new Incus.Presence(0.05);
		let back = false;

		presence.on('return', () => (back = true));
		await until(() => presence.idle);
		globalThis.document.dispatchEvent(new Event('mousemove'));
		await until(() => back);
		presence.close();
		delete globalThis.document;
		if (had)
			Object.defineProperty(globalThis, 'document', had);
	});

test('our client says by poll, too, that something cannot be had',
	{ skip }, async () => {
		const sys = await whole();
		const say = await speaker(sys);
		const one = client(sys, 'ours', { user: 'holes', socket: false });
		let gaps = 0;

		one.emitter.on('gap', () => gaps++);
		await there(one, say, { user: 'holes' });
		assert.equal(gaps, 0);
		one.cursor = 'of no server';
		one.poll();
		await until(() => {
			say({ user: 'holes' }, 1);
			return one.heard.includes(1);
		});
		assert.equal(gaps, 1);
		one.close();
	});

test('the script and its types are served, to pages of any origin', { skip },
	async () => {
		const sys = await whole();

		for (const [where, type] of [['/incus.js', /^text\/javascript/],
			['/incus.d.ts', /^application\/typescript/]]) {
			const reply = await fetch(sys.url(where));

			assert.equal(reply.status, 200);
			assert.match(reply.headers.get('content-type'), type);
			assert.equal(reply.headers.get('access-control-allow-origin'), '*');
			assert.equal(await reply.text(), fs.readFileSync(
				path.join(top, 'ingress/www', where), 'utf8'));
		}
	});
