// foreman.test.js - the Procfile is an ordinary one: a packaged supervisor
// runs it as well as bin/up does.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { bin, freePort, start, tmpdir, top, until } from './lib/proc.js';

const names = fs.readFileSync(path.join(top, 'Procfile'), 'utf8')
	.split('\n').filter((line) => /^[a-z]+:/.test(line))
	.map((line) => line.split(':')[0]);
const missing = names.filter((name) => !fs.existsSync(bin(name)));

test('the Procfile runs under foreman', {
	skip: missing.length !== 0 && `not built: ${missing}`,
}, async () => {
	const dir = tmpdir();
	const port = await freePort();
	const foreman = await start('foreman',
		['start', '-d', top, '-e', '/dev/null'], {
			ready: false,
			env: {
				POSTHORN_LISTEN: `${port}`,
				POSTHORN_RUN: path.join(dir, 'run'),
				POSTHORN_DATA: path.join(dir, 'data'),
			},
		});

	for (const name of names)
		await foreman.said(new RegExp(` ${name}\\.1 +\\| `), { ms: 30000 });
	await until(async () => {
		const reply = await fetch(`http://127.0.0.1:${port}/readyz`)
			.catch(() => null);

		return reply !== null && reply.ok;
	}, { what: 'the ingress says that all are ready' });
	await foreman.stop();
	assert.doesNotMatch(foreman.out, /exited with code (100|111)/);
});
