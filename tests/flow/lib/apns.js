// apns.js - a Posthorn with a pusher to Apple, and Apple.
import fs from 'node:fs';
import { Apple } from './apple.js';
import { until } from './proc.js';
import { enqueue } from './pusher.js';
import { missing, system } from './system.js';

export const skip = missing('store', 'hub', 'ingress', 'apns');
export const TOKEN = 'ab'.repeat(32);

// With these sections of connections.
export async function posthorn({ sections = (apple) => apple.section('app'),
	stages = ['store', 'ingress', 'hub', 'apns'], env = {}, ...rest } = {}) {
	const apple = await Apple.start();
	const apps = apple.authority.path('apps');

	fs.writeFileSync(apps, sections(apple));
	const sys = await system({ stages, env: { ...apple.env,
		POSTHORN_APNS_APPS: apps, ...env }, ...rest });

	return { sys, apple, apps };
}

export const push = (sys, data, more = {}) =>
	enqueue(sys, { queue: 'apns', target: TOKEN, data, ...more });
export const job = (sys, id) => sys.json(`/v1/jobs/${id}`);
export const becomes = (sys, id, state) => until(async () => {
	const it = await job(sys, id);

	return it.state === state && it;
}, { what: `job ${id} is ${state}` }).catch(async (e) => {
	throw new Error(`${e.message}: ${JSON.stringify(await job(sys, id))}\n` +
		sys.out);
});

export const MESSAGE = { aps: { alert: 'Hello' } };
export const device = (n) => n.toString(16).padStart(64, '0');
