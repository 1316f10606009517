// page.test.js - the demo page in a real browser, by http and by https, and
// everything else on that same https port.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import puppeteer from 'puppeteer-core';
import { each, exactly } from './lib/clients.js';
import { tmpdir, until } from './lib/proc.js';
import { raw } from './lib/raw.js';
import { KEY, missing, system } from './lib/system.js';
import { certificate } from './lib/tls.js';

const BROWSER = ['/usr/bin/chromium', '/usr/bin/chromium-browser',
	'/usr/bin/google-chrome'].find((file) => fs.existsSync(file));
const absent = missing('store', 'hub', 'ingress');
const skip = absent || (!BROWSER && 'no chromium here');

async function browse(story) {
	const browser = await puppeteer.launch({ executablePath: BROWSER,
		acceptInsecureCerts: true, userDataDir: path.join(tmpdir(), 'profile'),
		args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
			'--ignore-certificate-errors'] });

	try {
		await story(await browser.newPage());
	} finally {
		await browser.close();
	}
}

// The page listens on three transports; a message shows in each pane.
async function see(sys, page) {
	const problems = [];

	page.on('pageerror', (e) => problems.push(String(e)));
	page.on('console', (message) => message.type() === 'error' &&
		problems.push(`${message.text()} ${message.location().url}`));
	page.on('request', (request) => assert.ok(
		new URL(request.url()).port === String(sys.port) ||
		!request.url().startsWith('http'), request.url()));
	await page.goto(sys.url('/'), { waitUntil: 'domcontentloaded' });
	assert.match(await page.title(), /posthorn/i);
	const channel = await page.$eval('#channel', (input) => {
		input.value = '/app/public/page';
		return input.value;
	});

	for (const pane of ['ws', 'sse', 'poll']) // "From now", on that channel
		await page.click(`#${pane} button.plain`);
	let n = 0;
	const shown = (pane) => page.$eval(`#${pane}`, (box) => box.textContent);

	// What is published before a pane has joined is not seen there.
	await until(async () => {
		await sys.publish({ channel, data: `message ${n++}` });
		const panes = await Promise.all(['ws', 'sse', 'poll'].map(shown));

		return panes.every((text) => /message \d+/.test(text));
	}, { what: 'each pane shows a message' }).catch(async (e) => {
		throw new Error(`${e.message}\n${problems.join('\n')}\n${
			await page.evaluate(() => globalThis.document.body.innerText)}`);
	});
	const last = `message ${n}`;

	await page.$eval('#key', (input, key) => {
		input.value = key;
		input.dispatchEvent(new Event('input', { bubbles: true }));
	}, KEY);
	await page.$eval('#message', (input, text) => {
		input.value = text;
		input.dispatchEvent(new Event('input', { bubbles: true }));
	}, last);
	await page.click('#send');
	await until(async () =>
		(await Promise.all(['ws', 'sse', 'poll'].map(shown)))
			.every((text) => text.includes(last)),
	{ what: 'what the page publishes shows in each pane' });
	assert.deepEqual(problems, []);
}

test('the demo page shows a message on each transport', { skip }, () =>
	browse(async (page) => {
		const sys = await system();

		await see(sys, page);
		await sys.stop();
	}));

async function secure() {
	const sys = await system({ listen: '127.0.0.1:PORT+tls', secure: true,
		env: certificate() });

	await sys.readyz();
	return sys;
}

test('one https port serves publish and all listeners', { skip: absent },
	async () => {
		const sys = await secure();
		const channel = '/app/public/tls';
		const clients = await each(sys,
			{ channels: channel, cursor: await sys.mark(channel) });
		const big = 'x'.repeat(500000);

		await sys.publish([1, big, 3].map((data) => ({ channel, data })));
		for (const client of clients) {
			await client.got(3);
			exactly(client, [1, big, 3]);
			client.close();
		}
		assert.ok(await sys.sum('tls_handshakes_total') > 0);
		await until(async () => await sys.sum('_connections', 'hub') === 0,
			{ what: 'who left is gone from the hub, too' });
		await sys.stop();
	});

test('one https connection changes sides and back', { skip: absent },
	async () => {
		const sys = await secure();
		const client = await raw(sys.port, { secure: true });

		for (let n = 1; n <= 3; n++) {
			client.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n' +
				'GET /v1/poll?channel=/app/public/x&timeout=0 HTTP/1.1\r\n' +
				'Host: x\r\n\r\n');
			await until(() => client.statuses.length === 2 * n,
				{ what: `${2 * n} answers` });
		}
		assert.deepEqual(client.statuses, [200, 200, 200, 200, 200, 200]);
		client.close();
		await sys.stop();
	});

test('plain HTTP on the https port is turned away', { skip: absent },
	async () => {
		const sys = await secure();
		const client = await raw(sys.port);

		client.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
		await client.whole();
		assert.ok(!client.statuses.includes(200), client.text);
		await until(async () => await sys.sum('tls_failures_total') > 0);
		await sys.stop();
	});

test('the demo page by https', { skip }, () => browse(async (page) => {
	const sys = await secure();

	await see(sys, page);
	await sys.stop();
}));
