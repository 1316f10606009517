// openapi.test.js - /v1/openapi.json describes what there is: each path of
// common/routes.def with its methods, and nothing else.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { top } from './lib/proc.js';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress');
const LETTERS = { G: 'get', P: 'post', U: 'put', D: 'delete' };
const METHODS = Object.values(LETTERS);
// The path /v1/echo is off, / and its like are a page.
const ROUTES = [...fs.readFileSync(path.join(top, 'common/routes.def'), 'utf8')
	.matchAll(/^ROUTE\("([GPUD]+)", "([^"]+)",\s+(native|ops),/gm)]
	.map(([, letters, where]) => ({ where,
		methods: [...letters].map((letter) => LETTERS[letter]) }))
	.filter(({ where }) => /^\/(v1\/|healthz|readyz|metrics)/.test(where) &&
		where !== '/v1/echo');
let sys, described;

before(async () => {
	if (skip)
		return;
	sys = await system();
	described = (await sys.json('/v1/openapi.json')).paths;
});

const methodsOf = (paths) => [...new Set(paths.flatMap((where) =>
	Object.keys(described[where])))].filter((name) => METHODS.includes(name));

test('each path is described, with its methods', { skip }, () => {
	assert.ok(ROUTES.length >= 10);
	const routeOf = (name) => ROUTES.find(({ where }) =>
		new RegExp(`^${where.replaceAll('*', '.*')}$`).test(name));

	for (const route of ROUTES)
		assert.deepEqual(methodsOf(Object.keys(described).filter((name) =>
			routeOf(name) === route)).sort(), [...route.methods].sort(),
		route.where);
});

test('what is described is there', { skip }, async () => {
	for (const name of Object.keys(described)) {
		const reply = await sys.request(name.replace(/\{(\w+)\}/g, '$1'),
			{ method: 'OPTIONS', headers: { origin: 'http://a.example' } });
		const allowed = (reply.headers.get('allow') ??
			reply.headers.get('access-control-allow-methods') ?? '')
			.toLowerCase().split(', ');

		assert.equal(reply.status, 204, name);
		for (const method of methodsOf([name]))
			assert.ok(allowed.includes(method), `${method} ${name}`);
	}
});

// Every $ref leads somewhere.
test('it refers to what it has', { skip }, async () => {
	const whole = await sys.json('/v1/openapi.json');
	const refs = [...JSON.stringify(whole).matchAll(/"\$ref":"#\/([^"]+)"/g)];

	assert.match(whole.openapi, /^3\./);
	assert.ok(refs.length > 0);
	for (const [, ref] of refs)
		assert.ok(ref.split('/').reduce((at, part) => at?.[part], whole), ref);
});
