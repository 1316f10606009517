// crowded.test.js - a stage whose descriptors are all with its clients loses
// a store, and stays: the next link takes some of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ws } from './lib/clients.js';
import { bin, saying, until } from './lib/proc.js';
import { raw, upgrade } from './lib/raw.js';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress');
const CHANNEL = '/app/public/x';
const DEATHS = 3;
const FEW = 128; // descriptors
const STORES = 8; // links take more of them than one
const few = (name) => `prlimit --nofile=${FEW}:${FEW} ${bin(name)}`;
const all = Array.from({ length: STORES }, (_, i) => `store.${i + 1}`);

for (const stage of ['ingress', 'hub'])
	test(`${stage} is full of clients when a store dies, and outlives it`,
		{ skip }, async () => {
			const it = await system({ formation: `store=${STORES}`,
				stages: { store: bin('store'), hub: bin('hub'),
					ingress: bin('ingress'), [stage]: few(stage) },
				env: { POSTHORN_SHARDS: '64',
					POSTHORN_STORE_ENGINE: 'memory',
					POSTHORN_STORE: all.map((s) =>
						`${s}@ipc://run/${s}`).join(' ') } });
			const pid = it.pid(`${stage}.1`);
			const lives = () => it.pids().get(`${stage}.1`) === pid;
			const hellos = (store) => it.out.split('\n').filter((line) =>
				line.startsWith(store) &&
				line.includes(`event=peer peer=${stage}.1`)).length;

			try {
				const clients = await Promise.all(
					Array.from({ length: 2 * FEW }, () => raw(it.port)));

				for (const client of clients)
					client.write(stage === 'hub' ? upgrade() : '');
				await until(() => clients.some(({ statuses: [s] }) =>
					s === 503), { what: 'somebody is refused' });
				for (let n = 0; n < DEATHS; n++) {
					const before = hellos(all[n]);

					await it.kill(all[n]);
					await until(() => hellos(all[n]) > before || !lives(),
						{ what: 'it has its link again' });
					assert.ok(lives(), 'it is not another one');
				}
				for (const client of clients)
					client.close();
				await it.readyz();
				const client = await ws(it, { channels: CHANNEL }).ready();

				await it.publish({ channel: CHANNEL, data: 1 });
				await until(() => client.data.length === 1);
				client.close();
				await it.stop();
			} catch (e) {
				throw saying(e, it.out.slice(-4000));
			}
		});
