// install.test.js - what make install puts where: programs by their long
// names, manual pages that speak of them by these, units that start them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { start, tmpdir, top } from './lib/proc.js';
import { STAGES, missing } from './lib/system.js';

const NAMES = fs.readdirSync(path.join(top, 'bin'))
	.filter((name) => name.endsWith('.c')).map((name) => name.slice(0, -2));
const skip = missing(...NAMES);
const dir = tmpdir();
const at = (...names) => path.join(dir, 'usr', ...names);
const read = (...names) => fs.readFileSync(at(...names), 'utf8');
const unit = (name) => read('lib', 'systemd', 'system', `posthorn-${name}`);
const mode = (file) => fs.statSync(file).mode & 0o777;

test('make install says nothing is wrong', { skip }, async () => {
	const make = await start('make', ['-C', top, 'install', `DESTDIR=${dir}`,
		'PREFIX=/usr'], { ready: false, env: { MAKEFLAGS: '', MAKELEVEL: '' } });

	assert.deepEqual(await make.ended({ ms: 60000 }),
		{ code: 0, signal: null }, make.out);
	assert.deepEqual(fs.readdirSync(at('bin')).sort(),
		NAMES.map((name) => `posthorn-${name}`).sort());
});

test('each program runs from there', { skip }, () => {
	for (const name of NAMES) {
		const file = at('bin', `posthorn-${name}`);

		assert.equal(mode(file), 0o755, name);
		assert.match(execFileSync(file, ['--help'], { encoding: 'utf8' }),
			new RegExp(`^usage: ${name} `));
	}
});

// A command by its short name, where a shell would begin one.
const SHORT = new RegExp(`(^|^\\.[DQ]l |[|;] )(${NAMES.join('|')})( |$)`);

test('each has a page, which calls all by their names', { skip }, () => {
	for (const name of NAMES) {
		const section = [1, 8].find((n) =>
			fs.existsSync(at('share', 'man', `man${n}`, `posthorn-${name}.${n}`)));
		const page = read('share', 'man', `man${section}`,
			`posthorn-${name}.${section}`);

		assert.match(page, new RegExp(`^\\.Dt POSTHORN-${name} ${section}$`,
			'im'));
		assert.match(page, new RegExp(`^\\.Nm posthorn-${name}$`, 'm'));
		assert.doesNotMatch(page,
			new RegExp(`^\\.Xr (${NAMES.join('|')}) `, 'm'));
		const examples = page.match(
			/^\.Bd -literal[^]*?^\.Ed|^\.[DQ]l .*$/gm) ?? [];

		for (const line of examples.join('\n').split('\n'))
			assert.doesNotMatch(line, SHORT, `${name}: ${line}`);
	}
});

test('and what they have in common has one', { skip }, () => {
	assert.match(read('share', 'man', 'man7', 'posthorn-incus.7'),
		/^\.Dt POSTHORN-INCUS 7$/m);
	const page = read('share', 'man', 'man7', 'posthorn.7');

	assert.match(page, /^\.Dt POSTHORN 7$/m);
	assert.match(page, /^\.Xr posthorn-hub 8$/m);
	assert.match(read('share', 'man', 'man7', 'posthorn-tyron.7'),
		/^\.Dt POSTHORN-TYRON 7$/m);
});

test('each stage has a unit that starts it, again and again', { skip }, () => {
	for (const name of STAGES) {
		const text = unit(`${name}@.service`);

		assert.doesNotMatch(text, /@[A-Z]+@/);
		const [, file] = /^ExecStart=(\S+)$/m.exec(text);

		assert.ok(fs.existsSync(path.join(dir, file)), file);
		assert.match(text, new RegExp(`^Environment=PS=${name}\\.%i `, 'm'));
		assert.match(text, /^Restart=always$/m);
		assert.match(text, /^RestartPreventExitStatus=100$/m);
		assert.match(text, /^StartLimitIntervalSec=0$/m);
	}
	const [, service] = /^Service=(.*)@/m.exec(unit('ingress@.socket'));

	assert.equal(service, 'posthorn-ingress');
	assert.ok(fs.existsSync(at('lib', 'systemd', 'system',
		'posthorn.target')));
});
