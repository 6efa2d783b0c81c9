// Another implementation, for the tests of the bench: a Node.js program without dependencies. It
// reads the version of a secret before it writes, and records what it has written in the bucket.

import http from 'node:http';
import https from 'node:https';
import tls from 'node:tls';

const { AWS_ENDPOINT_URL: aws, S3_BUCKET_NAME: bucket, VAULT_ADDR: vault } = process.env;
const runtime = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;

http.globalAgent = new http.Agent({ keepAlive: true });
https.globalAgent = new https.Agent({ keepAlive: true });

/** Sends a request; returns the status, the headers and the text of the response. */
function call(method, url, { headers = {}, body } = {}) {
  const { request } = url.startsWith('https:') ? https : http;
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers }, async (response) => {
      let text = '';
      for await (const chunk of response.setEncoding('utf8')) text += chunk;
      resolve({ status: response.statusCode, headers: response.headers, text });
    });
    sent.on('error', reject).end(body);
  });
}

/** Sends a request that must succeed; returns the JSON of the response. */
async function json(method, url, options) {
  const { status, text } = await call(method, url, options);
  if (status >= 300) throw new Error(`${method} ${url}: status ${status}: ${text}`);
  return JSON.parse(text);
}

/** Calls Parameter Store. The fakes verify no signature, so the request has none. */
function ssm(action, request) {
  const headers = { 'x-amz-target': `AmazonSSM.${action}` };
  return json('POST', aws, { headers, body: JSON.stringify({ WithDecryption: true, ...request }) });
}

let token;

/** Writes the key of a parameter to Vault, unless it is recorded in the bucket. */
async function sync({ Name: name, Value: value }) {
  const user = name.slice('/iam_users/'.length, -'_keys'.length);
  const { AccessKeyID: id, SecretAccessKey: secret } = JSON.parse(value).current;
  const record = `${aws}/${bucket}/other/${user}`;
  if ((await call('GET', record)).text === id) return;
  token ??= json('GET', `${aws}/${bucket}/vault-token.json`);
  const headers = { 'x-vault-token': (await token).token };
  const url = `${vault}/v1/secret/data/aws/iam-keys/${user}`;
  const present = await call('GET', url, { headers });
  const cas = present.status === 404 ? 0 : JSON.parse(present.text).data.metadata.version;
  const write = { options: { cas }, data: { id, secret } };
  await json('POST', url, { headers, body: JSON.stringify(write) });
  await call('PUT', record, { body: id });
}

/** Syncs the users of one page of parameters after the other. */
async function syncAll() {
  let page = {};
  do {
    page = await ssm('GetParametersByPath', { Path: '/iam_users/', NextToken: page.NextToken });
    await Promise.all(page.Parameters.map(sync));
  } while (page.NextToken);
}

/** Handles an invocation; does nothing if a test wants that. */
async function handle(event) {
  if (process.env.OTHER_IDLE) return;
  if (event.all) await syncAll();
  else await sync((await ssm('GetParameter', { Name: event.detail.name })).Parameter);
}

// Opens connections and closes none, for a test.
for (let n = 0; n < Number(process.env.OTHER_CONNECTIONS ?? 0); n += 1) {
  tls.connect(Number(new URL(vault).port), '127.0.0.1').on('error', () => {});
}

for (;;) {
  const next = await call('GET', `${runtime}/next`);
  const id = next.headers['lambda-runtime-aws-request-id'];
  try {
    await handle(JSON.parse(next.text));
    await call('POST', `${runtime}/${id}/response`, { body: 'null' });
  } catch (error) {
    console.error(error.stack);
    const report = JSON.stringify({ errorMessage: error.message });
    await call('POST', `${runtime}/${id}/error`, { body: report });
  }
}
