// What gitside offers to JavaScript. Written by hand: this file is the contract.
//
// It runs where WebAssembly has SIMD (Chrome 91, Firefox 89, Safari 16.4 and later). Elsewhere every
// call rejects with `Unsupported` and `data.reason` `'simd'`.

/** 40 lowercase hex digits (SHA-1). */
export type Oid = string;

/**
 * What `git rev-parse` takes: "HEAD~2", "main", "v1.0^{tree}", "main:src/lib.rs", an abbreviated or
 * full oid (gitrevisions(7)).
 */
export type Rev = string;

export interface Abortable {
  /**
   * An abort rejects with `signal.reason`, that very value, and never with a GitError. Refs are as
   * they were. A call that is already publishing its result is not stopped any more and ends as it
   * ends. A signal that is aborted from the start rejects before anything is done.
   */
  signal?: AbortSignal;
}

export interface StoreOptions extends Abortable {
  /**
   * Where repositories live: `'indexeddb'` (default), one database each, shared by all tabs of an
   * origin; or `'memory'`, in the engine, gone with it.
   */
  storage?: 'indexeddb' | 'memory';
  /**
   * `true` (default): a dedicated Worker of ours, one for the page, started when first needed. It
   * starts up to three helpers, one less than there are processors, while a large pack is taken in.
   * `false`: this context; long work then gives way every 8 ms.
   * A function: a module Worker that you start and that imports `gitside/worker`. It is called when
   * a Worker is first needed, and again after that one ended; the same function means the same Worker.
   */
  worker?: boolean | (() => Worker);
  /** Where the wasm module is, if it is not `wasm/gitside_bg.wasm` beside this package. */
  wasmUrl?: string | URL;
}

/**
 * Clones a repository from a server, as `git clone --no-checkout` does: branches become
 * `refs/remotes/origin/*`, one local branch is made, and HEAD.
 *
 * @param url of the repository, http or https. A login in it (`https://user:token@host/…`) is taken
 *   out, tried once asked for, and stored nowhere.
 * @param name of the repository here: any text, not empty and at most 1024 characters long. Rejects
 *   with `AlreadyExists` if it is taken.
 *
 * Resolves when everything is stored, checked and connected, and survives a crash. If it rejects,
 * nothing is left: the name is free.
 */
export function clone(url: string | URL, name: string, options?: CloneOptions): Promise<Repository>;

/** Opens a stored repository. Rejects with `NotFound` if there is none of that name. */
export function open(name: string, options?: OpenOptions): Promise<Repository>;

/**
 * Makes an empty repository, as `git init` (git-init(1)): HEAD is on a branch without a commit. With
 * `repo.remotes.add` and a fetch it becomes a clone.
 *
 * @param name as for `clone`; rejects with `AlreadyExists` if it is taken.
 */
export function init(name: string, options?: InitOptions): Promise<Repository>;

/** The stored repositories, ordered by name. */
export function list(options?: StoreOptions): AsyncIterable<RepositoryInfo>;

/** Removes a stored repository and all its data. Rejects with `NotFound` if there is none of that name. */
export function remove(name: string, options?: StoreOptions): Promise<void>;

/** What a server has, as `git ls-remote --symref` (git-ls-remote(1)). Nothing is stored. */
export function lsRemote(url: string | URL, options?: LsRemoteOptions): Promise<RemoteRefs>;

/**
 * Asks the browser not to evict the data of this origin (`navigator.storage.persist()`). True if it
 * promises. Call it from a page, not from a worker.
 */
export function persist(): Promise<boolean>;

export interface RepositoryInfo {
  name: string;
  /** Where it was cloned from, or the URL of its default remote; without a login. */
  url?: string;
  /** Bytes of packs and objects. */
  bytes: number;
  /** Objects stored. */
  objects: number;
  /** When the remote was last asked. */
  lastFetched?: Date;
  /** Whether the browser promised not to evict the data of this origin. */
  persisted: boolean;
}

export interface RemoteOptions extends Abortable {
  /**
   * Asked when the server wants a login: at most three times, `attempt` counts from 1. `undefined`
   * gives up, and the call rejects with `AuthRequired` or `AuthRejected`. Called on this thread. If
   * it throws, the call rejects with what it threw.
   */
  credentials?: (challenge: CredentialChallenge) => Credentials | undefined | Promise<Credentials | undefined>;
  /**
   * Told that a login was accepted or refused, so that it can be kept or forgotten (`git credential
   * approve` and `reject`). `url` has no login.
   */
  onCredentials?: (outcome: 'approved' | 'rejected', credentials: Credentials, url: string) => void;
  /**
   * The way around a server that does not allow this page (CORS): a prefix
   * (`https://proxy.example/` gives `https://proxy.example/host/path`; one that ends in `?` gets the
   * whole URL), a template with `{url}`, `{url:encode}`, `{host}` or `{path}`, or a function, which
   * is called on this thread. Logins and `headers` pass a proxy only with `credentials: true`.
   */
  corsProxy?: string | ProxyFunction | { url: string | ProxyFunction; credentials?: boolean };
  /** Sent with every request to the remote. They count as secrets, like a login. */
  headers?: HeadersInit;
  /** Default: chosen so that CORS is not in the way (gitprotocol-v2(5)). */
  protocolVersion?: 0 | 1 | 2;
  /**
   * Words for the server's own use (`git fetch --server-option`), without NUL and line breaks. They
   * need version 2 of the protocol; rejects with `CapabilityMissing` if the server takes none.
   */
  serverOptions?: string[];
  /**
   * Waits and asks again where a server answers 429, or 503 with `Retry-After`: `max` times (default
   * 3) for each request, for as long as the server says where that can be read, but never longer
   * than `maxSeconds` (default 300) at a time. Each wait is told to `onWarning`. Without this such an
   * answer rejects at once, with `data.retryAfter` where it can be read.
   */
  retry?: { max?: number; maxSeconds?: number };
  /** At most 20 times a second; the last report of a phase always comes. */
  onProgress?: (progress: Progress) => void;
  /** Lines the server sent for people (side-band 2), control characters made visible. */
  onMessage?: (text: string) => void;
  /** What you may want to know that is no error: a ref that was skipped, an empty repository. */
  onWarning?: (text: string) => void;
  /**
   * Told of every request, answer and packet, and of what was decided, for reports of faults
   * (`GIT_CURL_VERBOSE` and `GIT_TRACE_PACKET`). Logins, the values of `headers`, cookies and
   * everything else that may be secret are left out. It costs time; without it nothing is made.
   */
  trace?: (event: TraceEvent) => void;
}

export interface TraceEvent {
  /** Milliseconds since the call began. */
  at: number;
  /** `request` and `response`: the head, one header a line. `packet`: one, as git traces it. */
  kind: 'request' | 'response' | 'packet' | 'note';
  text: string;
}

export type ProxyFunction = (url: URL) => string | URL | Promise<string | URL>;

export interface CredentialChallenge {
  /** The repository, without a login. Its origin is the one that will get it. */
  url: string;
  /** The server's name for what is protected, where it can be read. */
  realm?: string;
  /** The schemes offered, as the server spells them; empty where the browser hides them. */
  schemes: string[];
  /** The user name in the URL, if there is one. */
  username?: string;
  /** 1 for the first question. */
  attempt: number;
}

/** A name and password (Basic), a token (Bearer), or the whole value of the Authorization header. */
export type Credentials = { username: string; password: string } | { bearer: string } | { authorization: string };

/** Counts are objects, `bytes` are bytes, `total` is absent while unknown. */
export type Progress =
  | { phase: 'counting' | 'compressing'; loaded: number; total?: number; bytes?: number }
  | { phase: 'receiving'; loaded: number; total?: number; bytes: number }
  /** All of them bytes of the request; told before it is sent and when the server begins to answer. */
  | { phase: 'sending'; loaded: number; total: number; bytes: number }
  | { phase: 'resolving' | 'checking' | 'writing'; loaded: number; total?: number; bytes?: number };

export interface CloneOptions extends StoreOptions, RemoteOptions {
  /** So many commits from each tip, a whole number from 1 (`git clone --depth`). */
  depth?: number;
  /** Only commits after that date (`--shallow-since`). */
  since?: Date;
  /** Not what is reachable from these branches or tags of the remote (`--shallow-exclude`). */
  exclude?: string[];
  /** The branch or tag that HEAD gets (`--branch`), or a commit's full oid. Rejects with `RefNotFound`. */
  ref?: string;
  /** Only that branch. Default: true with `depth`, `since` or `exclude`, as git does. */
  singleBranch?: boolean;
  /** `'follow'` (default): tags of what comes along; `'all'`; `'none'`. */
  tags?: 'follow' | 'all' | 'none';
  /** `git clone --origin`. Default: `'origin'`. */
  remoteName?: string;
  /** Every ref under its own name (`git clone --mirror`). */
  mirror?: boolean;
  /**
   * Objects to do without for now, as `git clone --filter` (git-rev-list(1)): `'blob:none'`,
   * `'blob:limit=1m'`, `'tree:0'`, `'object:type=commit'`, `'combine:…'`. What is left out is fetched
   * when it is read, with the options of this call; reads made at once share one request. A server
   * without filters sends everything, and `onWarning` is told.
   */
  filter?: string;
}

/**
 * How the repository's remotes are to be talked to, by every later call of the repository object
 * (`clone` remembers its options in the same way; nothing of it is stored). A call's own options go
 * before these. `onProgress` and `signal` are not remembered.
 */
export interface OpenOptions extends StoreOptions, RemoteOptions {}

export interface InitOptions extends StoreOptions, RemoteOptions {
  /** The branch that HEAD is on. Default: `'main'`. Rejects with `InvalidRef` if no branch can have that name. */
  defaultBranch?: string;
}

export interface LsRemoteOptions extends RemoteOptions, Omit<StoreOptions, 'storage'> {
  /** Only refs whose name starts with one of these; servers may send more, which is left out. */
  prefixes?: string[];
}

/** How to fetch; git-fetch(1). `depth`, `deepen`, `unshallow`, and `since` with `exclude` are alternatives. */
export interface FetchOptions extends RemoteOptions {
  /**
   * A remote's name, or a URL. Default: what the current branch follows, else the only remote, else
   * `'origin'`.
   */
  remote?: string;
  /** What to fetch (`'main'`, `'+refs/heads/*:refs/remotes/origin/*'`, `'^refs/heads/wip/*'`, `'tag v1'`, an oid). Default: as configured. */
  refspecs?: string[];
  /** So many commits from each tip. */
  depth?: number;
  /** So many commits more than there are now (`--deepen`). */
  deepen?: number;
  /** Only commits after that date (`--shallow-since`). */
  since?: Date;
  /** Not what is reachable from these branches or tags of the remote (`--shallow-exclude`). */
  exclude?: string[];
  /** The whole history. Rejects with `Unsupported` in a repository that has it. */
  unshallow?: boolean;
  /** Take over the boundary of a remote that is shallow itself; without it such refs are rejected (`--update-shallow`). */
  updateShallow?: boolean;
  /** An object filter (`'blob:none'`, `'blob:limit=1m'`, `'tree:0'`, …). Default: the one the repository was cloned with. */
  filter?: string;
  /** Fetch everything again, as if nothing were here. */
  refetch?: boolean;
  /** `'follow'`: tags that point to what is fetched; `'all'`; `'none'`. Default: as configured, else `'follow'`. */
  tags?: 'follow' | 'all' | 'none';
  /** Delete refs whose source the remote has no more. Default: as configured, else false. */
  prune?: boolean;
  /** Delete tags that the remote has not. Default: as configured, else false. */
  pruneTags?: boolean;
  /** Update what is no fast-forward, and replace tags. */
  force?: boolean;
  /** All refs or none. */
  atomic?: boolean;
  /** Let a refspec update the current branch too (`--update-head-ok`). */
  updateHead?: boolean;
  /** Change nothing, and tell what would be done. The objects are fetched to find out, and dropped. */
  dryRun?: boolean;
}

/**
 * One ref here, and what became of it. `reason` is git's word for why a ref was rejected
 * (`'non-fast-forward'`, `'would clobber existing tag'`, …).
 */
export interface RefUpdate {
  name: string;
  /** The remote's ref; absent for one that was pruned. */
  remoteName?: string;
  old: Oid | null;
  new: Oid | null;
  kind: 'fast-forward' | 'forced' | 'new' | 'deleted' | 'up-to-date' | 'rejected';
  reason?: string;
}

/** `ok` is false if a ref was rejected; the others are updated all the same. */
export interface FetchResult {
  ok: boolean;
  updates: RefUpdate[];
  /** What git writes to `FETCH_HEAD`: those that `git pull` would merge come first. */
  fetchHead: Array<{ oid: Oid; name: string; forMerge: boolean; note: string }>;
  /** Names of remote refs that git refuses; left out. */
  ignored: string[];
  /** Objects received. */
  objects: number;
  /** Bytes of the server's answers to requests for objects. */
  bytes: number;
  /** Rounds of negotiation; 0 if there was nothing to fetch. */
  rounds: number;
  /** Whether the shallow boundary moved. */
  shallowChanged: boolean;
}

/**
 * The last of `updates` is the branch. If it has commits of its own and the remote's has others, it is
 * rejected as `'non-fast-forward'`: `ahead` and `behind` count them, `mergeBase` is where they part.
 */
export interface PullResult extends FetchResult {
  ahead: number;
  behind: number;
  mergeBase: Oid[];
}

/**
 * Which refs: as `git push` (git-push(1)). Without any of them, what `remote.<name>.push` and
 * `push.default` say.
 */
export interface PushOptions extends RemoteOptions {
  /**
   * A remote's name, or a URL. Default: `branch.<name>.pushRemote` of the current branch,
   * `remote.pushDefault`, else what the branch follows.
   */
  remote?: string;
  /** What to push (`'main'`, `'main:refs/heads/new'`, `'+topic'`, `':gone'`, `'refs/heads/*'`, `'tag v1'`, `':'`). */
  refspecs?: string[];
  /** All branches (`--all`). */
  all?: boolean;
  /** All tags, besides the refspecs (`--tags`). */
  tags?: boolean;
  /** Annotated tags that lead to what is pushed and that the remote has not. Default: `push.followTags`. */
  followTags?: boolean;
  /** All refs, whatever they replace; what is not here is deleted there (`--mirror`). */
  mirror?: boolean;
  /** Delete what the refspecs would write to and has no source here (`--prune`). */
  prune?: boolean;
  /** Delete the refs that the refspecs name (`--delete`). */
  delete?: boolean;
  /** Replace what is no fast-forward, and tags. */
  force?: boolean;
  /**
   * What refs of the remote must be before they are replaced (`--force-with-lease`): an oid, `null` (not
   * there), or `true` (what the tracking ref here says). `true` for all: every ref must be what its
   * tracking ref says.
   */
  expect?: true | Record<string, Oid | null | true>;
  /** What a tracking ref says must have been built upon here (`--force-if-includes`). Default: `push.useForceIfIncludes`. */
  forceIfIncludes?: boolean;
  /** All refs or none. Rejects with `CapabilityMissing` if the server cannot. */
  atomic?: boolean;
  /**
   * Branches here follow what they are pushed to (`--set-upstream`): `branch.<name>.remote` and `.merge` are
   * written for branches that are pushed or up to date. Without it, where nothing says what to push,
   * `push.autoSetupRemote` does that for a branch that follows nothing.
   */
  setUpstream?: boolean;
  /** Texts for the server's hooks (`--push-option`). Default: `push.pushOption`. */
  pushOptions?: string[];
  /**
   * Signs a push certificate (`--signed`): gets the text, answers the armoured signature (SSH, OpenPGP).
   * Rejects with `CapabilityMissing` if the server takes none, unless `signed` says `'if-asked'`.
   */
  sign?: (payload: Uint8Array) => string | Promise<string>;
  signed?: 'if-asked';
  /**
   * Is told what is about to be sent (git's hook `pre-push`), once for each URL, and not for a dry run or where
   * there is nothing to send. Answering `false` calls the push off: it rejects with `PushRejectedLocal`, and
   * nothing was sent. Throwing calls it off too, and the push rejects with what was thrown.
   */
  beforePush?: (push: PushPreflight) => boolean | void | Promise<boolean | void>;
  /**
   * What `onWarning` is told of before it is sent, in bytes: a file of more than `file` (100 MiB, the most that
   * many servers take), and more than `push` in all (2 GiB).
   */
  warnAbove?: { file?: number; push?: number };
  /** How hard to compress, from 0 to 9. Default: `pack.compression`, `core.compression`, else 6. */
  compression?: number;
  /** Send nothing: say what would be done. */
  dryRun?: boolean;
}

/** A push that is ready to be sent. */
export interface PushPreflight {
  /** The remote's name, or its URL without a login. */
  remote: string;
  /** Where it goes, without a login. */
  url: string;
  /** What the server will be asked to do. What is up to date or was rejected here is not among it. */
  refs: Array<{ name: string; source?: string; old: Oid | null; new: Oid | null; forced: boolean }>;
  /** Objects, and bytes of the request. */
  objects: number;
  bytes: number;
  /** Files of more than `warnAbove.file` among them, the largest first. */
  large: Array<{ path?: string; oid: Oid; size: number }>;
}

/** A ref of the remote, and what became of it. */
export interface PushUpdate {
  /** Which of the remote's URLs, without a login. */
  url: string;
  name: string;
  /** What was pushed to it: a ref, or the expression that was given. Absent for a deletion. */
  source?: string;
  old: Oid | null;
  new: Oid | null;
  /**
   * `'rejected'`: it was left as it was, but for the code `'PushStatusMissing'`: the server said what became of
   * others and not of this one, which git takes for a refusal. `'unknown'`: the server may have done it or not.
   * `repo.pushOutcome` asks about both.
   */
  kind: 'fast-forward' | 'forced' | 'new' | 'deleted' | 'up-to-date' | 'rejected' | 'unknown';
  /** Why it was rejected or is unknown, in git's words or the server's. */
  reason?: string;
  /** The same for programs. */
  cause?:
    // decided here
    | 'fetch-first' | 'non-fast-forward' | 'already-exists' | 'needs-force' | 'stale-info' | 'remote-updated'
    | 'deletions-unsupported'
    // here or there
    | 'atomic'
    // decided there
    | 'deletion-prohibited' | 'hook-declined' | 'pre-receive-declined' | 'proc-receive' | 'checked-out' | 'hidden'
    | 'unpack' | 'missing-objects' | 'shallow' | 'failed-to-update' | 'bad-name' | 'protected' | 'aliased'
    | 'push-options' | 'unreported' | 'other';
  /** Who rejected it: this side, the server, the server's unpacking, or nobody said. */
  code?: 'PushRejectedLocal' | 'PushRejectedRemote' | 'PushUnpackFailed' | 'PushStatusMissing' | 'PushOutcomeUnknown';
  /** What a hook of the server's did in place of it. */
  instead?: Array<{ name: string; old: Oid | null; new: Oid | null; forced: boolean }>;
  /** The ref here that follows it, where that is what the remote has now. */
  tracking?: string;
  /** The branch here whose upstream it is from now on (`setUpstream`); of a dry run: would be. */
  followedBy?: string;
}

/** `ok` is false if a ref was rejected or is unknown; the others are pushed all the same. */
export interface PushResult {
  ok: boolean;
  /** The remote, and its (first) URL without a login. */
  remote: string;
  url: string;
  updates: PushUpdate[];
  /** What the server and its hooks said, line by line. */
  messages: string[];
  /** Why refs are unknown, or why the server did not take the objects. */
  error?: GitError;
  /** Objects sent. */
  objects: number;
  /** Bytes of the request. */
  bytes: number;
}

export interface PushOutcomeOptions extends RemoteOptions {
  /** Default: the push's. */
  remote?: string;
}

/** What became of a push to a ref. */
export interface PushFate {
  name: string;
  /**
   * `'applied'`: the ref is what it was to become, or was built upon since. `'not-applied'`: it is what it
   * was before; a server that is still at work may do it later. `'moved'`: it is something else.
   */
  fate: 'applied' | 'not-applied' | 'moved';
  /** What it is now; `null`: there is none. */
  now: Oid | null;
  /** The ref here that follows it, if the push was done. */
  tracking?: string;
}

/** `timestamp`: seconds since 1970; 0 for a date that no number holds exactly. `tz`: as stored, e.g. "+0200" or "-0000". */
export interface Signature {
  name: string;
  email: string;
  timestamp: number;
  tz: string;
}

export interface Commit {
  oid: Oid;
  tree: Oid;
  parents: Oid[];
  author: Signature;
  committer: Signature;
  message: string;
  /** The character encoding the commit names; texts were decoded from it where the browser knows it. */
  encoding?: string;
  /** The signature over the commit, armored. */
  gpgsig?: string;
}

export interface TreeEntry {
  /** Six octal digits: "100644", "100755", "120000", "160000" or "040000". */
  mode: string;
  /** `'commit'` is a submodule; its object is not in this repository. */
  type: 'blob' | 'tree' | 'commit';
  oid: Oid;
  /** From the root of the tree that was asked for. Bytes that are not UTF-8 became U+FFFD. */
  path: string;
  /** Only where the path is not UTF-8. */
  pathBytes?: Uint8Array;
}

/** What became of a file between two trees. */
export interface Change {
  /** `'type-changed'`: a file became a link or a submodule, or the other way round. */
  kind: 'added' | 'deleted' | 'modified' | 'renamed' | 'copied' | 'type-changed';
  /** In the new tree; of what was deleted, in the old one. Bytes that are not UTF-8 became U+FFFD. */
  path: string;
  /** Only where the path is not UTF-8. */
  pathBytes?: Uint8Array;
  /** Where a renamed or copied file came from. */
  oldPath?: string;
  oldPathBytes?: Uint8Array;
  /** Absent of what was added. */
  oldOid?: Oid;
  /** Absent of what was deleted. */
  newOid?: Oid;
  /** Six octal digits, as in `TreeEntry`. */
  oldMode?: string;
  newMode?: string;
  /** Of a renamed or copied file: how much of it is the same, in percent. */
  similarity?: number;
}

export interface DiffOptions extends RemoteOptions {
  /** Only what is at these paths or below them, taken literally; a slash at the end asks for a directory. */
  paths?: string[];
  /** How similar files must be to count as renamed, in percent; `true` (default) is 50, as `git diff -M`. */
  renames?: boolean | number;
  /** Whether files that changed (`true`, as `-C`), or all (`'all'`, as `-C -C`), may have been copied. Default: false. */
  copies?: boolean | 'all';
  /**
   * Files are compared for renames if they are no more pairs than the square of this, as `-l`; 0 is no
   * limit. Default: 1000. Where that is not enough `onWarning` is told.
   */
  renameLimit?: number;
}

/** What differs between two files. */
export interface FileDiff {
  /** One of them has a NUL among its first 8000 bytes: there are no hunks then. */
  binary: boolean;
  hunks: DiffHunk[];
}

/** A part of a patch. The numbers are those of its `@@ -oldStart,oldLines +newStart,newLines @@`. */
export interface DiffHunk {
  /** The first line is 1. Without lines: the line before it. */
  oldStart: number;
  oldLines: number;
  newStart: number;
  newLines: number;
  /** Of each change first what went. */
  lines: DiffLine[];
}

export interface DiffLine {
  kind: ' ' | '-' | '+';
  /** Without its newline. Bytes that are not UTF-8 became U+FFFD. */
  text: string;
  /** Only where the line is not UTF-8. */
  bytes?: Uint8Array;
  /** The last line of a file that does not end in a newline. */
  noNewline?: true;
}

export interface DiffBlobsOptions extends RemoteOptions {
  /** Common lines around each change, as `-U`. Default: 3. */
  context?: number;
  /** Default: `'myers'`, as git's. */
  algorithm?: 'myers' | 'histogram';
  /**
   * White space that makes no difference: `true` or `'all'` as `git diff -w`, `'change'` as `-b`,
   * `'at-eol'` as `--ignore-space-at-eol`, `'cr-at-eol'` as `--ignore-cr-at-eol`.
   */
  ignoreWhitespace?: boolean | 'all' | 'change' | 'at-eol' | 'cr-at-eol';
}

export interface Tag {
  oid: Oid;
  /** What it names. */
  object: Oid;
  type: 'commit' | 'tree' | 'blob' | 'tag';
  name: string;
  tagger?: Signature;
  message: string;
  /** The signature that follows the message, armored. */
  gpgsig?: string;
}

export interface Ref {
  /** The full name: "refs/heads/main", "HEAD". */
  name: string;
  oid: Oid;
  /** The ref this one stands for, e.g. "refs/heads/main" for HEAD. */
  symbolic?: string;
  /** For an annotated tag, the object it leads to, where known. */
  peeled?: Oid;
}

export interface RemoteRefs {
  refs: Ref[];
  /** Absent where the server does not say. `unborn`: the branch has no commit yet. */
  head?: { oid?: Oid; symbolic?: string; unborn?: boolean };
  /** As the server sent them. */
  capabilities: string[];
}

/**
 * Shaped like a web Blob, but lazy: a large one is read when it is asked for. The bytes of one of up to
 * 64 KiB came along, and are held until they are first asked for. Every read is verified.
 */
export interface BlobHandle {
  readonly oid: Oid;
  /** Bytes. */
  readonly size: number;
  /** Rejects with `Corrupt` if what is stored does not hash to the oid. */
  bytes(options?: RemoteOptions): Promise<Uint8Array>;
  /** As UTF-8, like `Blob.text()`: what is not UTF-8 becomes U+FFFD, and a byte order mark is dropped. */
  text(options?: RemoteOptions): Promise<string>;
  /** Read as it is pulled. Fails before its last chunk if the content does not hash to the oid. */
  stream(options?: RemoteOptions): ReadableStream<Uint8Array>;
}

/**
 * An open repository. Made by `clone`, `init` and `open`.
 *
 * In a partial clone (`clone` with `filter`) the calls that read objects fetch those that were left
 * out, all that are missing at the same time in one request, and keep them: their `RemoteOptions` are
 * for that, and `onProgress` is told only if there is something to fetch. That waits while another
 * call or tab writes to the repository. What cannot be had rejects with `PromisedMissing`: `data.oid`,
 * `data.remote`, and `data.cause`, the code that says why.
 */
export class Repository implements AsyncDisposable {
  private constructor();
  readonly name: string;
  /** The repository's own settings. */
  readonly config: Config;
  /** Where it fetches from and pushes to. */
  readonly remotes: Remotes;
  readonly branches: Branches;
  readonly tags: Tags;

  /**
   * The refs whose full name starts with `prefix`, ordered bytewise, HEAD first. A symbolic ref that
   * leads nowhere (an unborn branch) is left out.
   */
  refs(options?: Abortable & { prefix?: string }): AsyncIterable<Ref>;
  /**
   * What a ref was before, newest first, as `git reflog show` (git-reflog(1)). `ref` is a full name
   * or a part of one; default: `'HEAD'`. Branches, remote-tracking branches, notes and HEAD have a
   * log (`core.logAllRefUpdates`); a ref without one has no entries. Rejects with `RefNotFound`.
   */
  reflog(ref?: string, options?: Abortable & { limit?: number }): AsyncIterable<ReflogEntry>;
  /** Rejects with `RefNotFound`, `Ambiguous`, `InvalidRef`, `NotFound` (a path) or `MissingObject`. */
  resolve(rev: Rev, options?: RemoteOptions): Promise<Oid>;
  /** The commits reachable from `rev`, as `git log` (git-log(1)). Ends at shallow boundaries. */
  log(rev: Rev, options?: RemoteOptions & LogOptions): AsyncIterable<Commit>;
  /**
   * The best common ancestors of two commits, newest first, as `git merge-base --all`; none if they
   * share no history, as far as it is here.
   */
  mergeBase(a: Rev, b: Rev, options?: Abortable): Promise<Oid[]>;
  /** How many commits `a` has that `b` has not, and the other way round. Ends at shallow boundaries. */
  aheadBehind(a: Rev, b: Rev, options?: Abortable): Promise<{ ahead: number; behind: number }>;
  /** The commit that `rev` leads to. */
  readCommit(rev: Rev, options?: RemoteOptions): Promise<Commit>;
  /** The annotated tag that `rev` names. */
  readTag(rev: Rev, options?: RemoteOptions): Promise<Tag>;
  /** Any object. `bytes()` is verified. Rejects with `MissingObject`. */
  object(oid: Oid, options?: RemoteOptions): Promise<ObjectHandle>;
  /** Every stored object, ordered by oid. */
  objects(options?: Abortable): AsyncIterable<{ oid: Oid; type: 'commit' | 'tree' | 'blob' | 'tag'; size: number }>;
  /** The commits whose parents were left with the remote (git's `shallow` file). */
  shallow(options?: Abortable): Promise<Oid[]>;
  /** The stored packs as pack files with their index (gitformat-pack(5)), for export. `name` is `pack-<hex>`. */
  packs(options?: Abortable): AsyncIterable<StoredPack>;
  /** The entries of the tree at `path`, as `git ls-tree`; with `recursive` all files below it, as `git ls-tree -r`. */
  tree(rev: Rev, options?: RemoteOptions & { path?: string; recursive?: boolean }): AsyncIterable<TreeEntry>;
  /** The file at `path` of the tree that `rev` leads to; without `path`, the blob that `rev` names. */
  blob(rev: Rev, path?: string, options?: RemoteOptions): Promise<BlobHandle>;
  /**
   * What differs between the trees that two revisions lead to, as `git diff-tree -r -M` (git-diff-tree(1)),
   * in the order of the paths; `null` is the empty tree. In a partial clone the contents that telling
   * renames needs are fetched, all that are missing together. Rejects as `resolve` does.
   */
  diff(from: Rev | null, to: Rev | null, options?: DiffOptions): AsyncIterable<Change>;
  /**
   * What differs between two blobs, line by line, as `git diff`; `null` is an empty file. Rejects with
   * `MissingObject`, `InvalidRef` if an oid is no blob's, or `LimitExceeded` for a blob of more than 256 MiB.
   */
  diffBlobs(from: Oid | null, to: Oid | null, options?: DiffBlobsOptions): Promise<FileDiff>;
  /**
   * Brings refs and objects up to date with a remote (git-fetch(1)). Everything becomes visible at once,
   * or nothing does; only tags that the server does not send along come in a second step, and a warning
   * tells if that fails. Rejects as `clone` does, with `NotFound` if there is no such remote, with
   * `RefNotFound` if it has no ref that a refspec names, and with `Busy` if another call has been writing
   * to the repository for half a minute.
   */
  fetch(options?: FetchOptions): Promise<FetchResult>;
  /**
   * Fetches what `branch` follows (`branch.<name>.remote` and `.merge`) and moves it forward, if that
   * loses nothing (`git pull --ff-only`). A branch that is not here is made.
   */
  pull(branch: string, options?: Omit<FetchOptions, 'dryRun'>): Promise<PullResult>;
  /**
   * Sends commits to a remote and has it move its refs (git-push(1)). What was refused, here or there, is
   * part of the result; rejects where nothing was sent or certainly nothing was done: as `lsRemote` does,
   * with `TooLarge` if the server takes no request of that size, `RefNotFound`, `Ambiguous` or `InvalidRef`
   * for refspecs that mean nothing, `CapabilityMissing`. A push is never sent twice. Tracking refs are moved
   * for what the server says it did. An aborted push may have been done: `pushOutcome` asks. If the remote has
   * several URLs and one of them has answered, an abort does not take that answer away: the call resolves, and
   * `error` says where it was aborted.
   */
  push(options?: PushOptions): Promise<PushResult>;
  /**
   * Asks the server what became of the refs of a push that are `'unknown'`, of those that it said nothing
   * of (`PushStatusMissing`), and of those given without a kind. Tracking refs are moved for what was done.
   */
  pushOutcome(
    push: { remote?: string; updates: Iterable<Pick<PushUpdate, 'name' | 'old' | 'new'> & Partial<Pick<PushUpdate, 'url' | 'kind' | 'code'>>> },
    options?: PushOutcomeOptions,
  ): Promise<PushFate[]>;
  /**
   * Packs the repository anew (git-gc(1)): what refs and reflogs reach into one pack, what came from a
   * promisor into another, and what nothing reaches into a third, until its grace period is over.
   * Readers go on all the while, in other tabs too; packs that are being given out by `packs` are
   * gone afterwards (`Busy`). Nothing changes if it fails or is aborted. Rejects with `Corrupt` or
   * `MissingObject` if something stored is damaged or missing, with `Quota` if there is no room for the
   * new pack beside the old ones, and with `Busy` as `fetch` does.
   */
  gc(options?: GcOptions): Promise<GcResult>;
  /**
   * In a partial clone: fetches ahead what is missing of the tree that `rev` leads to, or of the file
   * or directory at `path`, in as few requests as can be; all below it unless `recursive` is false.
   * Resolves with what came.
   */
  prefetch(rev: Rev, options?: PrefetchOptions): Promise<{ objects: number; bytes: number }>;
  /**
   * Writes a blob (git-hash-object(1)). A Blob or a stream of any size is written as it comes and never
   * held whole; it takes room twice until it is written. Nothing leads to an object that is written so until a commit or
   * a ref does; `gc` keeps it for its grace period.
   */
  writeBlob(data: FileContent, options?: Abortable): Promise<Oid>;
  /**
   * Writes the tree that has these entries, in whatever order; a slash in a path makes a directory
   * (git-mktree(1)). Rejects with `MissingObject` if an entry names what is not here, with `InvalidRef`
   * if it is of another kind, with `AlreadyExists` if a path is there twice or is a file and a directory,
   * and with `Unsupported` for a path that git refuses: `.git` and whatever some file system takes for
   * it, `.`, `..`, an empty name.
   */
  writeTree(entries: Iterable<Pick<TreeEntry, 'mode' | 'oid' | 'path'> & { pathBytes?: Uint8Array }>, options?: RemoteOptions): Promise<Oid>;
  /** Writes a commit that no branch leads to yet (git-commit-tree(1)). */
  writeCommit(commit: NewCommit, options?: RemoteOptions): Promise<Oid>;
  /** Writes an annotated tag that no ref leads to yet (git-mktag(1)). `tags.create` makes the ref too. */
  writeTag(tag: NewTag, options?: RemoteOptions): Promise<Oid>;
  /**
   * Writes the files that change, the directories they are in and a commit, and moves `branch` to it, all
   * at once or not at all (git-commit(1)). `branch` is a branch, in full or without `refs/heads/`, or
   * `'HEAD'`; one without a commit gets its first. Resolves with the commit.
   *
   * Rejects with `RefConflict` if the branch is not at `expect`: `data.ref`, `data.expected` and
   * `data.found` (absent: no such branch). With `NotFound` for a path that is to be changed and is not
   * there, with `AlreadyExists` where a path would be a file and a directory, or a rename would replace
   * something, and with `Unsupported` and `data.reason` if nothing changes (`'empty'`), for a bad
   * `'message'`, `'identity'`, `'encoding'`, `'mode'` or `'signature'`, or for a path that git refuses.
   */
  commit(branch: string, commit: CommitOptions, options?: RemoteOptions): Promise<Oid>;
  /**
   * Merges `rev` into `branch` without a worktree (git-merge(1)), exactly as git's `ort` strategy does,
   * renames included. `branch` is a branch, in full or without `refs/heads/`, or `'HEAD'`; one without a
   * commit starts at `rev`. With conflicts (`kind` is `'conflicts'`) the branch stays where it is, and
   * the merged tree is stored, with markers in the files that are in conflict: solve them with
   * `commit(branch, { base: result.tree, parents: [ours, theirs], changes, message })`.
   *
   * Rejects with `RefConflict` if the branch is not at `expect`, or has commits of its own and
   * `fastForward` is `'only'`; with `Unsupported` if the histories have nothing in common
   * (`data.reason` is `'unrelated'`), and where `commit` does.
   */
  merge(branch: string, rev: Rev, options?: MergeOptions): Promise<MergeResult>;
  /**
   * Does once more, on `branch`, what the commit `rev` changed (git-cherry-pick(1)). Message and author
   * are its own. If the branch has all of it, `kind` is `'up-to-date'`, unless `allowEmpty` is set.
   * Rejects as `merge` does, and for a merge without `mainline` with `Unsupported` (`data.reason` is
   * `'mainline'`).
   */
  cherryPick(branch: string, rev: Rev, options?: CherryPickOptions): Promise<MergeResult>;
  /** Undoes, on `branch`, what the commit `rev` changed (git-revert(1)). Otherwise as `cherryPick`. */
  revert(branch: string, rev: Rev, options?: RevertOptions): Promise<MergeResult>;
  /**
   * Changes refs, all of them or none (git-update-ref(1)); one to be deleted that is not there is no
   * change. Rejects with `RefConflict` if one is not at `old`, or if one would be the directory of another,
   * and with `MissingObject` or `InvalidRef` if one would lead to what is not here, or a branch to what is
   * no commit.
   */
  updateRefs(updates: Iterable<RefChangeRequest>, options?: RemoteOptions & { message?: string }): Promise<void>;
  /**
   * The signature of the commit or annotated tag that `rev` names, and the bytes that it signs, for whoever
   * verifies it; `undefined` if it is not signed.
   */
  readSignature(rev: Rev, options?: RemoteOptions): Promise<{ payload: Uint8Array; signature: string } | undefined>;
  usage(options?: Abortable): Promise<RepositoryUsage>;
  /** Lets go of the engine's handle. Later calls throw; what is under way ends as it ends. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * The settings of one repository, as `git config --local` (git-config(1)). Keys are `section.name` or
 * `section.subsection.name`; section and name in any case, the subsection exactly. A wrong key rejects
 * with `Unsupported`. Values are not interpreted: a login in a URL that is set here is kept and shown.
 */
export interface Config {
  /** The value that counts, which is the last one; `''` for a name without a value. */
  get(key: string, options?: Abortable): Promise<string | undefined>;
  /** Every value of the key, in order. */
  getAll(key: string, options?: Abortable): Promise<string[]>;
  /** Gives the key this one value, in place of all it had (`--replace-all`); `null` takes them away. */
  set(key: string, value: string | null, options?: Abortable): Promise<void>;
  /** Every key with its values, in order of first appearance; sections and names in lower case. */
  all(options?: Abortable): Promise<Map<string, string[]>>;
}

/** The branches of one repository (git-branch(1)); `refs` lists them. Names are without `refs/heads/`. */
export interface Branches {
  /**
   * Makes a branch at the commit that `start` (default: `'HEAD'`) leads to, and resolves with it. Rejects
   * with `AlreadyExists` unless `force` says to move the one that is there.
   */
  create(name: string, start?: Rev, options?: RemoteOptions & { force?: boolean; track?: boolean }): Promise<Oid>;
  /**
   * Its reflog and settings go along, and `HEAD` stays on it. Rejects with `RefNotFound`, and with
   * `AlreadyExists` unless `force` says to replace the one that has the new name.
   */
  rename(from: string, to: string, options?: Abortable & { force?: boolean }): Promise<void>;
  /**
   * Deletes a branch, its reflog and its settings. Without `force` it rejects with `Unsupported` and
   * `data.reason` if `HEAD` is on it (`'head'`), or if what it follows, or else `HEAD`, does not have all
   * its commits (`'unmerged'`). `expect`: what it must be at, else `RefConflict`. Rejects with `RefNotFound`.
   */
  delete(name: string, options?: Abortable & { force?: boolean; expect?: Oid }): Promise<void>;
}

/** The tags of one repository (git-tag(1)); `refs` lists them. Names are without `refs/tags/`. */
export interface Tags {
  /**
   * Tags what `rev` (default: `'HEAD'`) names: with a message by an annotated tag, else by a ref alone.
   * Resolves with what the ref leads to. Rejects with `AlreadyExists` unless `force` says to replace it.
   */
  create(name: string, rev?: Rev, options?: RemoteOptions & TagOptions): Promise<Oid>;
  /** `expect`: what its ref must be at, else `RefConflict`. Rejects with `RefNotFound`. */
  delete(name: string, options?: Abortable & { expect?: Oid }): Promise<void>;
}

export interface TagOptions extends Partial<Omit<NewTag, 'object' | 'name'>> {
  force?: boolean;
}

/** The remotes of one repository, as `git remote` (git-remote(1)). No URL is shown with a login. */
export interface Remotes {
  /** In order of appearance. URLs are rewritten by `url.<base>.insteadOf`, as they will be used. */
  list(options?: Abortable): Promise<RemoteInfo[]>;
  /**
   * `git remote add`. A login in an http(s) URL is not stored. Rejects with `AlreadyExists` if the name
   * is taken or lies within another's (`a` and `a/b`), `InvalidRef` and `InvalidUrl`.
   */
  add(name: string, url: string | URL, options?: Abortable & AddRemoteOptions): Promise<void>;
  /** `git remote set-url`, with `push` the URL for pushes. It replaces all there were. Rejects with `NotFound`. */
  set(name: string, url: string | URL, options?: Abortable & { push?: boolean }): Promise<void>;
  /**
   * `git remote remove`: the settings, what branches say of it, and the refs it was fetched into under
   * `refs/remotes/`. Rejects with `NotFound`.
   */
  remove(name: string, options?: Abortable): Promise<void>;
}

export interface RemoteInfo {
  name: string;
  /** The first is fetched from. Empty if none is set. */
  urls: string[];
  pushUrls: string[];
  /** Refspecs of a fetch (gitglossary(7), "refspec"). */
  fetch: string[];
}

export interface AddRemoteOptions {
  /** Every ref is fetched under its own name (`--mirror=fetch`). */
  mirror?: boolean;
  /** `'follow'` (default), `'all'` (`--tags`) or `'none'` (`--no-tags`). */
  tags?: 'follow' | 'all' | 'none';
  /** Only these branches (`--track`). Default: all. */
  track?: string[];
}

/** One change of a ref. Who changed it is taken from `user.name` and `user.email`, and may be empty. */
export interface ReflogEntry {
  /** `null`: the ref did not exist. */
  old: Oid | null;
  /** `null`: the ref was deleted. */
  new: Oid | null;
  name: string;
  email: string;
  /** Seconds since 1970. */
  timestamp: number;
  /** E.g. "+0000". */
  tz: string;
  /** One line: "clone: from https://…", "fetch: fast-forward". May be empty. */
  message: string;
}

export interface LogOptions {
  /** Only commits that changed this file or directory, as `git log -- path` with its history simplification. */
  path?: string;
  /** `'date'` (default): newest first, a child before its parents where dates agree; `'topo'`: `git log --topo-order`. */
  order?: 'date' | 'topo';
  /** Of a merge, only its first parent. */
  firstParent?: boolean;
  /** So many at most. */
  limit?: number;
  /** Only commits after that date. */
  since?: Date;
}

/** What becomes a file. Text is written as UTF-8. */
export type FileContent = BlobPart | ReadableStream<Uint8Array>;

/**
 * Who did something. Blanks and punctuation go from the ends of names and addresses, as in git. Without
 * a timestamp it was just now, in the time zone of this browser. Bytes are for another `encoding`.
 */
export interface Author {
  name: string | Uint8Array;
  email: string | Uint8Array;
  /** Seconds since 1970, not before. */
  timestamp?: number;
  /** E.g. "+0200". Default, with a timestamp: "+0000". */
  tz?: string;
}

/**
 * What becomes of a message: nothing (`'verbatim'`); blanks at ends of lines and superfluous empty lines
 * go, and the last line ends in a newline (`'whitespace'`); lines that start with `#` go too (`'strip'`);
 * or everything from git's scissors line on (`'scissors'`).
 */
export type Cleanup = 'verbatim' | 'whitespace' | 'strip' | 'scissors';

/**
 * Signs: gets the bytes that are signed, and answers with the signature, armored (OpenPGP, SSH, X.509).
 * What it throws ends the call. Others that write to the repository wait while `commit` asks for it.
 */
export type Sign = (payload: Uint8Array) => string | Promise<string>;

export interface NewCommit {
  /** What leads to a tree. */
  tree: Rev;
  /** One that is named twice counts once. Default: none. */
  parents?: Rev[];
  /** Default: `author.name` and `author.email`, or `user.*`; else the committer. */
  author?: Author;
  /** Default: `committer.name` and `committer.email`, or `user.*`; else the author, now. */
  committer?: Author;
  message: string | Uint8Array;
  /** Default: `'verbatim'`. */
  cleanup?: Cleanup;
  /** Of message and names, which are then given as bytes. Default: UTF-8. */
  encoding?: string;
  sign?: Sign;
}

export interface NewTag {
  /** What is tagged. */
  object: Rev;
  /** Without `refs/tags/`. */
  name: string;
  /** Default: `committer.name` and `committer.email`, or `user.*`. */
  tagger?: Author;
  message: string | Uint8Array;
  /** Default: `'whitespace'`. */
  cleanup?: Cleanup;
  sign?: Sign;
}

/** A change of a tree; each sees those before it. Paths are from the root; bytes where they are not UTF-8. */
export type TreeChange =
  /** A file gets that content; without a mode it keeps its own, or is `'100644'` if it is new. */
  | { path: string | Uint8Array; content: FileContent; mode?: string }
  /** Something stored: a file, a directory (`'040000'`) in place of the one there, a submodule (`'160000'`). */
  | { path: string | Uint8Array; oid: Oid; mode: string }
  /** A file becomes executable (`'100755'`), a symbolic link (`'120000'`), or neither. */
  | { path: string | Uint8Array; mode: string }
  /** A file goes, or a directory with all that is in it. */
  | { path: string | Uint8Array; delete: true }
  /** A file or a directory moves to where nothing is. */
  | { path: string | Uint8Array; rename: string | Uint8Array };

export interface CommitOptions extends Omit<NewCommit, 'tree' | 'message'> {
  /** Only with `amend` it may be left out: the message stays. */
  message?: string | Uint8Array;
  /** Default: `'whitespace'`. */
  cleanup?: Cleanup;
  changes?: Iterable<TreeChange>;
  /** Default: the branch's tip, or nothing if there is none. */
  parents?: Rev[];
  /** What leads to the tree that is changed. Default: the first parent. */
  base?: Rev;
  /** Replaces the branch's tip: its parents, and unless they are given its message and author. */
  amend?: boolean;
  /** Commits even if nothing changes. */
  allowEmpty?: boolean;
  allowEmptyMessage?: boolean;
  /** What the branch must be at; `null`: there must be no such branch. Default: anything. */
  expect?: Oid | null;
}

/** What merging, picking and reverting have in common. */
export interface Merging extends RemoteOptions {
  /** Default: what git writes. */
  message?: string | Uint8Array;
  /** Of a message that is given. Default: `'whitespace'`. */
  cleanup?: Cleanup;
  /** Default: of a picked commit its own; else `author.*` or `user.*`; else the committer. */
  author?: Author;
  /** Default: `committer.name` and `committer.email`, or `user.*`; else the author, now. */
  committer?: Author;
  sign?: Sign;
  /** What the branch must be at; `null`: there must be no such branch. Default: anything. */
  expect?: Oid | null;
  /** Stores nothing and moves no branch; `oid` is `null` where a commit would be new. */
  dryRun?: boolean;
  /** What conflicts look like (`merge.conflictStyle`). Default: `'merge'`. */
  conflictStyle?: 'merge' | 'diff3' | 'zdiff3';
  /** Whose lines are taken where both sides changed the same ones (`-X ours`). Default: nobody's. */
  favor?: 'ours' | 'theirs';
  /** Whether a file is followed to its new name. Default: true. */
  renames?: boolean;
  /**
   * Whether files that one side adds to a directory follow it where the other side moved it
   * (`merge.directoryRenames`). Default: `'conflict'`, they do, and are reported as conflicts.
   */
  directoryRenames?: boolean | 'conflict';
}

export interface MergeOptions extends Merging {
  /**
   * Whether the branch moves forward where it has no commits of its own: `true`; `false`, a merge is made
   * all the same; `'only'`, nothing else is done. Default: true.
   */
  fastForward?: boolean | 'only';
  /** Merges histories that have nothing in common. */
  allowUnrelated?: boolean;
}

export interface RevertOptions extends Merging {
  /** Of a merge: which of its parents it is compared with, counted from 1. */
  mainline?: number;
  /** Makes a commit even if nothing changes. */
  allowEmpty?: boolean;
}

export interface CherryPickOptions extends RevertOptions {
  /** Adds a line to the message that says where it comes from (`-x`). */
  recordOrigin?: boolean;
}

export interface MergeResult {
  kind: 'up-to-date' | 'fast-forward' | 'merged' | 'conflicts';
  /** Where the branch is now; `null` with conflicts, and for a merge that was only tried out. */
  oid: Oid | null;
  /** The merged tree. With conflicts, files have markers in them, and some have other names. */
  tree: Oid;
  conflicts: MergeConflict[];
  /** What there is to say, in git's words, ordered by path. */
  messages: MergeMessage[];
}

/** A path that is in conflict, and what each side has there. */
export interface MergeConflict {
  path: string;
  pathBytes: Uint8Array;
  /** What was there; absent if nothing was. */
  base?: { mode: string; oid: Oid };
  ours?: { mode: string; oid: Oid };
  theirs?: { mode: string; oid: Oid };
}

export interface MergeMessage {
  /** Git's name for it: `'Auto-merging'`, `'CONFLICT (contents)'`, `'CONFLICT (modify/delete)'`, … */
  type: string;
  /** Whether it tells of a conflict. */
  conflict: boolean;
  /** The path it is about, then those that have to do with it. */
  paths: string[];
  message: string;
}

export type RefChangeRequest = {
  /** The full name, or `'HEAD'`. */
  name: string;
  /** What it must be at; `null`: there must be no such ref. Default: anything. */
  old?: Oid | null;
  /** Changes a symbolic ref itself, not the ref that it stands for. */
  noDeref?: boolean;
} & (
  /** `null` deletes it, and its reflog. */
  | { new: Oid | null }
  /** It stands for that ref, which need not be there; `'HEAD'` for one below `refs/`. */
  | { symbolic: string }
);

export interface ObjectHandle {
  readonly type: 'commit' | 'tree' | 'blob' | 'tag';
  /** Bytes of the content. */
  readonly size: number;
  /** The content, without Git's header; it hashes to the oid. */
  bytes(): Promise<Uint8Array>;
}

export interface PrefetchOptions extends RemoteOptions {
  path?: string;
  /** Default: true. */
  recursive?: boolean;
}

export interface StoredPack {
  name: string;
  /**
   * It came from the remote of a partial clone, and what its objects name may be missing: write an
   * empty file `<name>.promisor` beside it, and git takes it so.
   */
  promisor: boolean;
  pack: ReadableStream<Uint8Array>;
  index: ReadableStream<Uint8Array>;
}

export interface GcOptions extends Abortable {
  /**
   * For how many seconds objects that nothing reaches are kept, from when that was first noticed. 0 drops
   * them at once, `Infinity` never. Default: `gc.pruneExpire`, which is two weeks if it is not set.
   */
  grace?: number;
  /** Phases `counting` and `writing`. */
  onProgress?: (progress: Progress) => void;
  /** The configuration says something that is not understood. */
  onWarning?: (text: string) => void;
}

export interface GcResult {
  /** Objects stored now. */
  objects: number;
  /** Bytes of packs now. */
  bytes: number;
  packs: number;
  /** Objects that were dropped. */
  dropped: number;
}

export interface RepositoryUsage {
  /** Bytes of packs and objects. */
  bytes: number;
  objects: number;
  packs: number;
  /** Whether the browser promised not to evict the data of this origin. */
  persisted: boolean;
}

/** Why a call failed. A wrong type of argument is a TypeError instead. */
export class GitError extends Error {
  private constructor();
  /** What, and whose fault. Stable. */
  readonly code: GitErrorCode;
  /** When: `request`, `discover`, `negotiate`, `receive`, `unpack`, `update` or `read`. */
  readonly phase: string;
  /** The URL concerned, without a login. */
  readonly url?: string;
  /** The HTTP status, where there was one. */
  readonly status?: number;
  /** The server's own words, control characters made visible. */
  readonly remoteText?: string;
  /** What to try. */
  readonly hint?: string;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** Details by name. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** Whose fault: request, network, server, stored data, storage, us. Added to, never renamed. */
export type GitErrorCode =
  // the request
  | 'InvalidUrl' | 'UnsupportedTransport' | 'NotFound' | 'RefNotFound' | 'Ambiguous' | 'InvalidRef' | 'Unsupported' | 'AlreadyExists'
  // the network, the browser
  | 'NetworkOpaque' | 'MixedContent' | 'CorsPreflight' | 'ConnectionReset' | 'Stalled' | 'RedirectBlocked' | 'PostBecameGet' | 'ProxyAuth'
  // the server
  | 'AuthRequired' | 'AuthRejected' | 'AuthSchemeUnsupported' | 'Forbidden' | 'RemoteNotFound' | 'RedirectNotGit' | 'NotGitHtml'
  | 'ContentType' | 'DumbServer' | 'EmptyResponse' | 'TooLarge' | 'RateLimited' | 'Unavailable' | 'HttpStatus' | 'Protocol'
  | 'CapabilityMissing' | 'ObjectFormat' | 'RemoteError' | 'StaleRefs' | 'PackInvalid' | 'PackCollision' | 'NotConnected' | 'LimitExceeded'
  // what is stored, and where
  | 'MissingObject' | 'PromisedMissing' | 'Corrupt' | 'RefConflict' | 'Busy'
  | 'Quota' | 'StorageGone' | 'StorageCorrupt' | 'StorageUnavailable' | 'NewerSchema'
  // pushing
  | 'PushUnpackFailed' | 'PushStatusMissing' | 'PushRejectedLocal' | 'PushRejectedRemote' | 'PushOutcomeUnknown'
  // us
  | 'Internal';
