// stranger.test.js - what somebody sees who has a copy of the sources and
// says `make run`: it builds, it starts, and the lines it tells to try work
// as they are printed.
//
// They name port 4000, so this happens where nobody else has ports.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { environment, start, tmpdir, top, until } from './lib/proc.js';

const quiet = { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' };
const git = (...args) => execFileSync('git', ['-c', 'safe.directory=*', '-C',
	top, ...args], quiet);

function works(run) {
	try {
		run();
		return true;
	} catch {
		return false;
	}
}

// Ports of its own, and processes that end with their first.
const alone = ['--net', '--pid', '--fork', '--kill-child',
	...process.getuid() === 0 ? [] : ['-r']];
const skip = !works(() => git('rev-parse')) ? 'not a git repository' :
	!works(() => execFileSync('unshare', [...alone, 'ip', 'link', 'set', 'lo',
		'up'], quiet)) && 'network namespaces are not permitted';

// What a clone would have, and what is about to be committed.
function copy() {
	const dir = tmpdir();

	for (const name of git('ls-files', '-z', '--cached', '--others',
		'--exclude-standard').split('\0'))
		if (name && fs.existsSync(path.join(top, name))) {
			fs.mkdirSync(path.join(dir, path.dirname(name)),
				{ recursive: true });
			fs.copyFileSync(path.join(top, name), path.join(dir, name));
		}
	return dir;
}

// The commands of the hint, each whole.
function commands(out) {
	return Object.fromEntries([...out.replace(/\\\n\s*/g, '')
		.matchAll(/^ *(Listen|Publish|Or pipe): +(.*)$/gm)]
		.map(([, name, line]) => [name, line]));
}

test('make run, and what it tells to try', { skip, timeout: 300000 },
	async () => {
		const dir = copy();
		const run = await start('unshare', [...alone, 'sh', '-c',
			'ip link set lo up && exec make run'],
		{ cwd: dir, ready: false, env: { MAKEFLAGS: '', MAKELEVEL: '' } });

		await run.said(/Or pipe: .*\n/, { ms: 280000 });
		const lines = commands(run.out);
		const inside = (line) => ['-t', `${run.pid}`, '-n',
			...process.getuid() === 0 ? [] : ['-U', '--preserve-credentials'],
			'sh', '-c', line];
		const says = (line) => execFileSync('nsenter', inside(line),
			{ ...quiet, cwd: dir, env: environment() });

		assert.match(says('curl -s http://localhost:4000/'), /<html/i);
		const listener = await start('nsenter', inside(`exec ${lines.Listen}`),
			{ cwd: dir, ready: false });

		await until(() => /posthorn_subscriptions\S* 1\b/.test(
			says('curl -s http://localhost:4000/metrics')),
		{ what: 'curl listens' });
		assert.match(says(lines.Publish), /"cursor":".*"hubs":1/);
		await listener.said(/"data":"Hello"/);
		says(lines['Or pipe']);
		await listener.said(/"data":1\b/);
		await listener.stop();
		await run.stop('SIGKILL');
	});
