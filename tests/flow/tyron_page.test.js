// tyron_page.test.js - T10 in a real browser: a page of another origin polls
// where that is let, and only there.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { once } from 'node:events';
import { test } from 'node:test';
import puppeteer from 'puppeteer-core';
import { freePort, tmpdir, until } from './lib/proc.js';
import { bridged, redis } from './lib/redis.js';
import { system } from './lib/system.js';
import { waiting } from './lib/tyron.js';

const BROWSER = ['/usr/bin/chromium', '/usr/bin/chromium-browser',
	'/usr/bin/google-chrome'].find((file) => fs.existsSync(file));

// Runs in the page: what a poll of Tyron was answered, or that it may not.
const poll = (url) => fetch(url, { method: 'POST' })
	.then((reply) => reply.text(), (e) => e.name);

async function told(cors) {
	const db = await redis();
	const bound = await freePort();
	const sys = await system({ stages: ['store', 'hub', 'ingress', 'bridge'],
		listen: `127.0.0.1:PORT 127.0.0.1:${bound}=tyron`,
		env: { POSTHORN_REDIS: `127.0.0.1:${db.port}`,
			POSTHORN_TYRON_CORS: cors } });
	const site = http.createServer((request, reply) => {
		reply.setHeader('Content-Type', 'text/html');
		reply.end('<!doctype html><title>elsewhere</title>');
	}).listen(0, '127.0.0.1');

	await once(site, 'listening');
	await bridged(db, 'tyron_pubsub');
	const browser = await puppeteer.launch({ executablePath: BROWSER,
		userDataDir: path.join(tmpdir(), 'profile'),
		args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });

	try {
		const page = await browser.newPage();
		let got;

		await page.goto(`http://localhost:${site.address().port}/`);
		page.evaluate(poll, `http://127.0.0.1:${bound}/c/`)
			.then((text) => (got = text));
		await waiting(sys, 1);
		await db.do('PUBLISH', 'tyron_pubsub',
			'{"channel":"c","data":"across"}');
		return await until(() => got, { what: 'the page has an answer' });
	} finally {
		await browser.close();
		site.close();
		await sys.stop();
		await db.stop();
	}
}

test('T10: a page of another origin polls where that is let', {
	skip: !BROWSER && 'no chromium here' }, async () => {
	assert.equal(await told('1'), 'across');
	assert.equal(await told('0'), 'TypeError');
});
