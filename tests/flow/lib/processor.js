// processor.js - how long processes could have run and did not, as somebody
// else had the processors: Linux counts it for each thread.  What must be done
// in a time must be done in that time but for this; where nobody else runs
// anything, that is nothing.
import fs from 'node:fs';

const TICK = 10; // ms; as /proc counts

function words(file) {
	try {
		return fs.readFileSync(file, 'utf8').split(/\s+/);
	} catch {
		return []; // it has ended, or the kernel does not count
	}
}

// ms that each thread of a process has waited to run: [[thread, ms]].
function waits(pid) {
	const folder = `/proc/${pid}/task`;

	try {
		return fs.readdirSync(folder).map((id) => [id,
			Number(words(`${folder}/${id}/schedstat`)[1] ?? 0) / 1e6]);
	} catch {
		return [];
	}
}

// ms that a process has run; its name may have spaces.
function ran(pid) {
	const stat = words(`/proc/${pid}/stat`).join(' ');
	const [, , , , , , , , , , , user = 0, system = 0] =
		stat.slice(stat.lastIndexOf(')') + 2).split(' ');

	return (Number(user) + Number(system)) * TICK;
}

// ms that all processors ran something, of other machines too.
function allRan() {
	const [, user, nice, system, , , , , steal] = words('/proc/stat');

	return [user, nice, system, steal].reduce((sum, ticks) =>
		sum + Number(ticks ?? 0) * TICK, 0);
}

const look = (pids) => ({ waits: new Map(pids.flatMap(waits)),
	ran: new Map(pids.map((pid) => [pid, ran(pid)])), all: allRan() });

// From now on: a function that tells how many ms that thread waited, of us and
// of these processes, which waited longest, but not more than all others ran.
// `pids` lists those that are there.
export function stolen(pids) {
	const now = () => look([process.pid, ...pids()]);
	const before = now();

	return () => {
		const after = now();
		const more = (name) => [...after[name]].map(([id, ms]) =>
			ms - (before[name].get(id) ?? 0));
		const others = after.all - before.all -
			more('ran').reduce((a, b) => a + b, 0);

		return Math.round(Math.max(0, Math.min(others,
			Math.max(...more('waits')))));
	};
}
