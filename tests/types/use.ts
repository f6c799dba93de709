// How the package is used, as TypeScript sees it. Only compiled, never run: a line here that stops
// compiling, or a "@ts-expect-error" that starts to, is a change of the contract.

import { clone, GitError, init, list, lsRemote, open, persist, remove } from 'gitside';
import type {
  BlobHandle,
  Change,
  CloneOptions,
  Commit,
  Credentials,
  DiffLine,
  GitErrorCode,
  MergeOptions,
  MergeResult,
  Oid,
  Progress,
  PushFate,
  PushResult,
  PushUpdate,
  Ref,
  ReflogEntry,
  RemoteInfo,
  RemoteRefs,
  Repository,
  RepositoryInfo,
  Signature,
  StoredPack,
  Tag,
  TraceEvent,
  TreeEntry,
} from 'gitside';

/** Compiles only where both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

export async function cloning(signal: AbortSignal): Promise<Repository> {
  const options: CloneOptions = {
    depth: 1,
    since: new Date(0),
    exclude: ['refs/heads/old'],
    ref: 'main',
    singleBranch: true,
    tags: 'follow',
    remoteName: 'origin',
    mirror: false,
    filter: 'blob:none',
    storage: 'indexeddb',
    worker: true,
    wasmUrl: new URL('https://cdn.example/gitside_bg.wasm'),
    headers: { 'x-trace': '1' },
    protocolVersion: 2,
    signal,
    credentials: ({ url, attempt, schemes, realm, username }) => {
      same<typeof url, string>(true);
      same<typeof schemes, string[]>(true);
      same<typeof realm, string | undefined>(true);
      return attempt > 1 ? undefined : { username: username ?? 'me', password: 'secret' };
    },
    onCredentials: (outcome, credentials, url) => {
      same<typeof outcome, 'approved' | 'rejected'>(true);
      same<typeof credentials, Credentials>(true);
      same<typeof url, string>(true);
    },
    corsProxy: 'https://proxy.example/',
    onProgress: progress,
    onMessage: (text) => void text.trim(),
    serverOptions: ['hello'],
    retry: { max: 5, maxSeconds: 60 },
    trace: (event) => {
      same<typeof event, TraceEvent>(true);
      same<typeof event.kind, 'request' | 'response' | 'packet' | 'note'>(true);
      void (event.at + event.text);
    },
  };
  await clone(new URL('https://example.org/a.git'), 'a', { corsProxy: (url) => `https://proxy.example/${url.host}` });
  await clone('https://example.org/a.git', 'a', { corsProxy: { url: 'https://proxy.example/', credentials: true } });
  await clone('https://example.org/a.git', 'a', { credentials: async () => ({ bearer: 'token' }) });
  await clone('https://example.org/a.git', 'a', { worker: () => new Worker('worker.js', { type: 'module' }) });
  await clone('https://example.org/a.git', 'a', { retry: {} });
  // @ts-expect-error options for the server are a list
  await lsRemote('https://example.org/a.git', { serverOptions: 'hello' });
  // @ts-expect-error a depth is a number
  await clone('https://example.org/a.git', 'a', { depth: '1' });
  // @ts-expect-error a login is complete
  await clone('https://example.org/a.git', 'a', { credentials: () => ({ username: 'me' }) });
  // @ts-expect-error a name is required
  await clone('https://example.org/a.git');
  // @ts-expect-error not a kind of storage
  await clone('https://example.org/a.git', 'a', { storage: 'disk' });
  return clone('https://example.org/a.git', 'a', options);
}

function progress(p: Progress): void {
  switch (p.phase) {
    case 'receiving':
      same<typeof p.bytes, number>(true);
      break;
    case 'counting':
    case 'compressing':
    case 'resolving':
    case 'checking':
    case 'writing':
      same<typeof p.loaded, number>(true);
      same<typeof p.total, number | undefined>(true);
      break;
  }
}

export async function managing(): Promise<void> {
  for await (const info of list()) {
    same<typeof info, RepositoryInfo>(true);
    same<typeof info.lastFetched, Date | undefined>(true);
  }
  const persisted = await persist();
  same<typeof persisted, boolean>(true);
  const nothing = await remove('a', { storage: 'indexeddb' });
  same<typeof nothing, void>(true);
  const remote = await lsRemote('https://example.org/a.git', { prefixes: ['refs/heads/'] });
  same<typeof remote, RemoteRefs>(true);
  same<typeof remote.head, { oid?: Oid; symbolic?: string; unborn?: boolean } | undefined>(true);
}

export async function setting(signal: AbortSignal): Promise<void> {
  const repo = await init('a', { defaultBranch: 'trunk', storage: 'memory', worker: false, signal });
  same<typeof repo, Repository>(true);
  const value = await repo.config.get('user.name', { signal });
  same<typeof value, string | undefined>(true);
  const values: string[] = await repo.config.getAll('remote.origin.fetch');
  await repo.config.set('user.name', 'me');
  await repo.config.set('user.name', null);
  const all: Map<string, string[]> = await repo.config.all();
  await repo.remotes.add('origin', new URL('https://example.org/a.git'), { tags: 'none', track: ['main'], mirror: false, signal });
  await repo.remotes.set('origin', 'https://example.org/b.git', { push: true });
  for (const remote of await repo.remotes.list()) same<typeof remote, RemoteInfo>(true);
  await repo.remotes.remove('origin');
  for await (const entry of repo.reflog('main', { limit: 3, signal })) {
    same<typeof entry, ReflogEntry>(true);
    same<typeof entry.old, Oid | null>(true);
  }
  for await (const entry of repo.reflog()) void entry.message;
  void [values, all];
  // @ts-expect-error a setting is text or nothing
  await repo.config.set('user.name', true);
  // @ts-expect-error the object is the repository's own
  repo.remotes = repo.remotes;
}

export async function reading(signal: AbortSignal): Promise<void> {
  const repo = await open('a', { credentials: () => undefined, onWarning: (text) => void text.trim() });
  const came = await repo.prefetch('HEAD', { path: 'src', recursive: false, signal, onProgress: progress, headers: {} });
  same<typeof came, { objects: number; bytes: number }>(true);
  for await (const ref of repo.refs({ prefix: 'refs/heads/', signal })) same<typeof ref, Ref>(true);
  for await (const commit of repo.log('HEAD', { path: 'src', limit: 20, order: 'topo', firstParent: true, since: new Date() })) {
    same<typeof commit, Commit>(true);
    same<typeof commit.author, Signature>(true);
  }
  for await (const entry of repo.tree('HEAD', { path: 'src', recursive: true })) {
    same<typeof entry, TreeEntry>(true);
    same<typeof entry.type, 'blob' | 'tree' | 'commit'>(true);
    same<typeof entry.pathBytes, Uint8Array | undefined>(true);
  }
  const blob: BlobHandle = await repo.blob('HEAD', 'README.md', { signal });
  same<Awaited<ReturnType<typeof blob.text>>, string>(true);
  new Response(blob.stream());
  for await (const change of repo.diff('HEAD~', 'HEAD', { paths: ['src/'], renames: 60, copies: 'all', renameLimit: 0, signal })) {
    same<typeof change, Change>(true);
    same<typeof change.oldPath, string | undefined>(true);
    if (change.kind === 'renamed') void change.similarity?.toFixed();
  }
  for await (const { path } of repo.diff(null, 'HEAD')) void path;
  const { binary, hunks } = await repo.diffBlobs(null, await repo.resolve('main:a'), { context: 0, algorithm: 'histogram', ignoreWhitespace: true });
  for (const { oldStart, newLines, lines } of binary ? [] : hunks) {
    same<typeof lines, DiffLine[]>(true);
    void (oldStart + newLines);
  }
  // @ts-expect-error an unknown way to ignore white space
  await repo.diffBlobs(null, null, { ignoreWhitespace: 'some' });
  // @ts-expect-error both sides have to be said
  repo.diff('HEAD');
  const tag: Tag = await repo.readTag('v1');
  const commit: Commit = await repo.readCommit('HEAD~2');
  const oid: Oid = await repo.resolve('main:src/lib.rs');
  const bases: Oid[] = await repo.mergeBase('main', 'refs/remotes/origin/main', { signal });
  const counts = await repo.aheadBehind('main', 'refs/remotes/origin/main', { signal });
  same<typeof counts, { ahead: number; behind: number }>(true);
  const object = await repo.object(oid);
  same<typeof object.type, 'commit' | 'tree' | 'blob' | 'tag'>(true);
  same<Awaited<ReturnType<typeof object.bytes>>, Uint8Array>(true);
  for await (const { oid, type, size } of repo.objects()) void [oid, type, size];
  for await (const pack of repo.packs()) {
    same<typeof pack, StoredPack>(true);
    same<typeof pack.promisor, boolean>(true);
  }
  const shallow: Oid[] = await repo.shallow();
  const { bytes, objects, packs, persisted } = await repo.usage();
  const report = await repo.gc({ grace: 0, signal, onProgress: progress, onWarning: (text) => void text.length });
  same<typeof report, { objects: number; bytes: number; packs: number; dropped: number }>(true);
  await repo.gc();
  // @ts-expect-error seconds
  await repo.gc({ grace: '2.weeks' });
  void [tag, commit, bases, shallow, bytes, objects, packs, persisted];
  await repo.close();
  await repo[Symbol.asyncDispose]();
  // @ts-expect-error the name is the repository's own
  repo.name = 'b';
}

export async function merging(repo: Repository, signal: AbortSignal): Promise<void> {
  const options: MergeOptions = {
    message: 'merged',
    cleanup: 'strip',
    author: { name: 'Ada', email: 'ada@example.org' },
    committer: { name: new Uint8Array(), email: '', timestamp: 0, tz: '+0100' },
    sign: async (payload) => String(payload.length),
    expect: null,
    dryRun: true,
    conflictStyle: 'zdiff3',
    favor: 'ours',
    renames: false,
    directoryRenames: 'conflict',
    fastForward: 'only',
    allowUnrelated: true,
    signal,
  };
  const merged: MergeResult = await repo.merge('main', 'origin/main', options);
  same<typeof merged.kind, 'up-to-date' | 'fast-forward' | 'merged' | 'conflicts'>(true);
  same<typeof merged.oid, Oid | null>(true);
  for (const { path, pathBytes, base, ours, theirs } of merged.conflicts) {
    same<typeof pathBytes, Uint8Array>(true);
    void [path, base?.mode, ours?.oid, theirs?.oid];
  }
  for (const { type, conflict, paths, message } of merged.messages) void [type, conflict, paths[0], message];
  await repo.cherryPick('HEAD', 'topic', { mainline: 1, allowEmpty: true, recordOrigin: true, directoryRenames: true });
  await repo.revert('main', 'main~2', { mainline: 2, dryRun: true });
  // @ts-expect-error only a pick says where it comes from
  await repo.revert('main', 'main', { recordOrigin: true });
  // @ts-expect-error what is merged has to be said
  await repo.merge('main');
  // @ts-expect-error an unknown style
  await repo.merge('main', 'topic', { conflictStyle: 'fancy' });
}

export async function beforePushing(repo: Repository): Promise<void> {
  await repo.push({
    warnAbove: { file: 50_000_000 },
    beforePush: async ({ remote, url, refs, objects, bytes, large }) => {
      const files = large.map(({ path, oid, size }) => [path ?? oid, size] as const);
      const moved = refs.filter(({ forced, old }) => forced && old !== null).map(({ name, source }) => [name, source]);
      return files.length === 0 && moved.length === 0 && objects < 1000 && bytes < 1_000_000 && remote !== url;
    },
  });
  await repo.push({ beforePush: () => {} });
  // @ts-expect-error an answer that is neither yes nor no
  await repo.push({ beforePush: () => 'no' });
  // @ts-expect-error a size, not a text
  await repo.push({ warnAbove: { push: '2g' } });
}

export async function pushing(signal: AbortSignal): Promise<void> {
  const repo = await open('a');
  const result: PushResult = await repo.push({
    remote: 'origin',
    refspecs: ['main', '+topic', ':gone'],
    expect: { main: null, 'refs/heads/topic': true },
    atomic: true,
    setUpstream: true,
    followTags: true,
    pushOptions: ['ci.skip'],
    sign: async (payload) => String(payload.length),
    signed: 'if-asked',
    compression: 9,
    dryRun: false,
    signal,
    onProgress: (progress) => void (progress.phase === 'sending' && progress.total.toFixed()),
  });
  same<typeof result.error, GitError | undefined>(true);
  for (const update of result.updates) {
    same<typeof update, PushUpdate>(true);
    if (update.kind === 'rejected') void [update.cause === 'fetch-first', update.code === 'PushRejectedLocal', update.reason];
  }
  const fates: PushFate[] = await repo.pushOutcome(result, { signal });
  await repo.pushOutcome({ remote: 'origin', updates: [{ name: 'refs/heads/main', old: null, new: null }] });
  await repo.push({ expect: true });
  // @ts-expect-error an oid, null or true
  await repo.push({ expect: { main: false } });
  // @ts-expect-error there is no such fate
  void (fates[0]?.fate === 'lost');
}

export async function writing(repo: Repository, entries: TreeEntry[], bytes: Uint8Array, stream: ReadableStream<Uint8Array>): Promise<void> {
  const author = { name: 'Ada', email: bytes, timestamp: 0, tz: '-0130' };
  const blob: Oid = await repo.writeBlob(new Blob(['x']));
  await repo.writeBlob(stream, { signal: AbortSignal.timeout(1) });
  const tree: Oid = await repo.writeTree([...entries, { path: 'a/b', mode: '100755', oid: blob }]);
  const commit: Oid = await repo.writeCommit({ tree, parents: ['main'], author, message: bytes, encoding: 'ISO-8859-1' });
  await repo.writeTag({ object: commit, name: 'v1', tagger: author, message: 'm', cleanup: 'strip', sign: async () => 'armored' });
  const made: Oid = await repo.commit('main', {
    message: 'm',
    author,
    committer: author,
    changes: [
      { path: 'a', content: 'text' },
      { path: bytes, content: new Uint8Array(), mode: '120000' },
      { path: 'sub', oid: commit, mode: '160000' },
      { path: 'run', mode: '100755' },
      { path: 'old', delete: true },
      { path: 'from', rename: 'to' },
    ],
    parents: ['main', commit],
    base: tree,
    expect: null,
    allowEmpty: true,
    sign: (payload) => String(payload.length),
  });
  await repo.commit('HEAD', { amend: true });
  await repo.updateRefs([{ name: 'refs/x', new: made, old: null }, { name: 'HEAD', symbolic: 'refs/heads/x' }], { message: 'why' });
  await repo.branches.create('topic', 'origin/main', { track: true, force: true });
  await repo.branches.rename('topic', 'other', { force: true });
  await repo.branches.delete('other', { expect: made });
  const tagged: Oid = await repo.tags.create('v2', 'main', { message: 'm', tagger: author, force: true });
  await repo.tags.delete('v2', { expect: tagged });
  const signed = await repo.readSignature('v1');
  same<typeof signed, { payload: Uint8Array; signature: string } | undefined>(true);
  // @ts-expect-error a change says what changes
  await repo.commit('main', { message: 'm', changes: [{ path: 'a' }] });
  // @ts-expect-error a ref becomes an object or another ref
  await repo.updateRefs([{ name: 'refs/x' }]);
  // @ts-expect-error an annotated tag has a message
  await repo.writeTag({ object: commit, name: 'v1' });
}

export function failing(error: unknown): string {
  if (!(error instanceof GitError)) throw error;
  same<typeof error.code, GitErrorCode>(true);
  same<typeof error.status, number | undefined>(true);
  same<typeof error.retryable, boolean>(true);
  // @ts-expect-error there is no such code
  if (error.code === 'SomethingElse') return '';
  // @ts-expect-error codes do not change
  error.code = 'Internal';
  return [error.code, error.phase, error.url, error.hint, error.remoteText].join(' ');
}
