// tls.js - a certificate nobody signed, for https ports of one's own.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { tmpdir } from './proc.js';

// The settings that use it.  fetch() of this process accepts it from now on.
export function certificate() {
	const dir = tmpdir();
	const [cert, key] = ['cert.pem', 'key.pem']
		.map((name) => path.join(dir, name));

	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
		'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj',
		'/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1',
		'-keyout', key, '-out', cert], { stdio: 'ignore' });
	process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
	return { POSTHORN_INGRESS_TLS_CERT: cert, POSTHORN_INGRESS_TLS_KEY: key };
}
